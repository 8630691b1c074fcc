//! The gate before dispatch: no call starts under a policy, mode or lockdown older than the last one acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use policyguard::domain::{Arguments, Timestamp, ToolClass};
use policyguard::tools::{Output, Permit, ToolBackend, ToolDefinition, Work};
use serde_json::{Value, json};

use crate::support::House;
use crate::support::tool::upstream;

/// A tool that notes what was acknowledged when it started.
#[derive(Default)]
struct Witness {
    /// Set by the test once a change that forbids the tool is acknowledged, cleared before one that allows it is asked for.
    forbidden: Arc<AtomicBool>,
    started: Arc<AtomicU64>,
    violations: Arc<AtomicU64>,
}

impl ToolBackend for Witness {
    fn definitions(&self) -> Vec<ToolDefinition> {
        let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
        vec![upstream("witness", ToolClass::Read, schema)]
    }

    fn call(&self, _permit: Permit) -> Work<'_> {
        Box::pin(async move {
            self.started.fetch_add(1, Ordering::SeqCst);
            if self.forbidden.load(Ordering::SeqCst) {
                self.violations.fetch_add(1, Ordering::SeqCst);
            }
            Ok(Output::of(json!({})))
        })
    }

    fn plan(&self, _tool: &str, _arguments: &Arguments, _now: Timestamp) -> Option<Value> {
        None
    }
}

const POLICY: &str = r"
modes:
  NORMAL: { allowed_tools: [list_services] }
  EMERGENCY: { allowed_tools: [witness, list_services], max_duration: 1h }
";

/// The same, without the witness.
const FORBIDDING: &str = r"
modes:
  NORMAL: { allowed_tools: [list_services] }
  EMERGENCY: { allowed_tools: [list_services], max_duration: 1h }
";

/// A change of what holds, up to its acknowledgement.
enum Change {
    Post(&'static str, Value),
    Policy(&'static str),
}

impl Change {
    async fn make(&self, house: &House) {
        match self {
            Self::Post(path, body) => {
                let status = house.post(path, body).await.status;
                // An agent that is not suspended yet cannot be reinstated, and need not be.
                assert!(status == 200 || status == 409, "{path}: {status}");
            }
            Self::Policy(text) => {
                std::fs::write(house.policy_file(), text).unwrap();
                house.app.reload().await;
            }
        }
    }
}

/// Calls the witness from four sides while the test changes what holds.
async fn race(changes: usize, allow: Change, forbid: Change) {
    let witness = Arc::new(Witness::default());
    let backends = vec![Arc::clone(&witness) as Arc<dyn ToolBackend>];
    let house = Arc::new(House::with_backends(POLICY, backends).await);
    house.set_mode("EMERGENCY").await;
    house
        .execute(
            "register_agent",
            json!({ "agent_id": "bot", "name": "Bot", "trust_level": "high" }),
        )
        .await;
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (house, done) = (Arc::clone(&house), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    house
                        .post(
                            "/tools/execute",
                            &json!({ "tool_name": "witness", "agent_id": "bot" }),
                        )
                        .await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..changes / 2 {
        witness.forbidden.store(false, Ordering::SeqCst);
        allow.make(&house).await;
        tokio::task::yield_now().await;
        forbid.make(&house).await;
        witness.forbidden.store(true, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(
        witness.started.load(Ordering::SeqCst) > 0,
        "the race never let a call start"
    );
    assert_eq!(witness.violations.load(Ordering::SeqCst), 0);
}

/// How many changes a race makes: ten thousand in the long suite.
fn changes() -> usize {
    if std::env::var_os("POLICYGUARD_LONG_TESTS").is_some() {
        10_000
    } else {
        1_000
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_starts_under_a_mode_that_was_switched_off() {
    let switch = |mode: &str| Change::Post("/policy/set-mode", json!({ "mode": mode }));
    race(changes(), switch("EMERGENCY"), switch("NORMAL")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_starts_after_a_lockdown_was_acknowledged() {
    let lock = |on: bool| Change::Post("/api/v1/lockdown", json!({ "on": on }));
    race(changes() / 4, lock(false), lock(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_of_an_agent_starts_after_its_suspension_was_acknowledged() {
    let change = |path| Change::Post(path, json!({ "reason": "a race" }));
    let suspend = change("/api/v1/agents/bot/suspend");
    let reinstate = change("/api/v1/agents/bot/reinstate");
    race(changes(), reinstate, suspend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_starts_under_a_policy_that_was_replaced() {
    race(
        changes() / 8,
        Change::Policy(POLICY),
        Change::Policy(FORBIDDING),
    )
    .await;
}

#[tokio::test]
async fn a_mode_that_ran_out_starts_nothing_though_nobody_recorded_its_end() {
    let witness = Arc::new(Witness::default());
    let house =
        House::with_backends(POLICY, vec![Arc::clone(&witness) as Arc<dyn ToolBackend>]).await;
    house.set_mode("EMERGENCY").await;
    assert_eq!(
        house.execute("witness", json!({})).await["success"],
        json!(true)
    );
    house.clock.advance(Duration::from_mins(15));
    assert_eq!(
        house.execute("witness", json!({})).await["code"],
        json!("mode_not_listed")
    );
    assert_eq!(witness.started.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_wall_clock_that_is_set_back_lengthens_no_mode_that_somebody_touches() {
    let house = House::new().await;
    let mode = || async { house.get("/policy/status").await.body["current_mode"].clone() };
    let switch =
        json!({ "mode": "EMERGENCY", "reason": "the cache is down", "duration_seconds": 600 });
    assert_eq!(house.post("/policy/set-mode", &switch).await.status, 200);
    house.clock.advance(Duration::from_mins(5));
    house.clock.set_back(Duration::from_hours(1));
    let scope = json!({ "affected_services": ["cache"], "incident_type": "outage", "reason": "it is the cache" });
    let scoped = house.post("/policy/set-incident-scope", &scope).await;
    assert_eq!(scoped.status, 200, "{:?}", scoped.body);
    assert_eq!(mode().await, "EMERGENCY");
    house.clock.advance(Duration::from_secs(299));
    assert_eq!(mode().await, "EMERGENCY");
    house.clock.advance(Duration::from_secs(2));
    assert_eq!(mode().await, "NORMAL");
}
