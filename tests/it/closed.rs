//! It fails closed: a store that takes nothing, a policy that does not load, a tool that breaks, a file that halts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use policyguard::domain::{Arguments, Timestamp, ToolClass};
use policyguard::tools::{Permit, ToolBackend, ToolDefinition, Work};
use serde_json::{Value, json};

use crate::support::House;
use crate::support::tool::upstream;

/// Waits for what must come, for ten seconds at most.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_takes_no_record_lets_no_change_run_and_service_returns_by_itself() {
    let house = House::new().await;
    house.set_mode("EMERGENCY").await;
    let database = house.data_dir().join("policyguard.db");
    let in_the_way = rusqlite::Connection::open(database).unwrap();
    in_the_way.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = json!({ "tool_name": "scale_fleet", "arguments": { "count": 9 } });
    let refused = house.post("/tools/execute", &body).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (503, &json!("audit_unavailable")),
        "{:?}",
        refused.body
    );
    assert_eq!(house.get("/readyz").await.status, 503);
    let switch = house
        .post("/policy/set-mode", &json!({ "mode": "NORMAL" }))
        .await;
    assert_eq!(switch.status, 503);
    assert_eq!(
        house.get("/").await.body["current_mode"],
        json!("EMERGENCY")
    );
    in_the_way.execute_batch("ROLLBACK").unwrap();
    eventually("readiness after the store returned", async || {
        house.get("/readyz").await.status == 200
    })
    .await;
    assert_eq!(
        house.get("/infrastructure/status").await.body["fleet_size"],
        json!(3)
    );
    assert_eq!(
        house.execute("scale_fleet", json!({ "count": 9 })).await["success"],
        json!(true)
    );
}

#[tokio::test]
async fn a_policy_that_does_not_load_keeps_the_last_good_one_and_says_so() {
    let good = "modes:\n  NORMAL: { allowed_tools: [list_services] }\n";
    let house = House::with_policy_text(good).await;
    std::fs::write(
        house.policy_file(),
        "modes:\n  NORMAL: { alowed_tools: [list_services] }\n",
    )
    .unwrap();
    house.app.reload().await;
    let status = house.get("/policy/status").await.body;
    assert_eq!(status["policy_version"], json!(1));
    assert!(
        status["warnings"]
            .to_string()
            .contains("did you mean `allowed_tools`"),
        "{status}"
    );
    assert_eq!(
        house.execute("list_services", json!({})).await["success"],
        json!(true)
    );
    std::fs::write(
        house.policy_file(),
        "modes:\n  NORMAL: { allowed_tools: [read_logs] }\n",
    )
    .unwrap();
    house.app.reload().await;
    let status = house.get("/policy/status").await.body;
    assert_eq!(
        (&status["policy_version"], &status["allowed_tools"]),
        (&json!(2), &json!(["read_logs"]))
    );
    assert_eq!(
        house.execute("list_services", json!({})).await["code"],
        json!("mode_not_listed")
    );
}

#[tokio::test]
async fn files_that_change_are_read_again_by_themselves() {
    let house =
        House::with_policy_text("modes:\n  NORMAL: { allowed_tools: [list_services] }\n").await;
    let _tasks = house.app.start_tasks();
    let write = || {
        std::fs::write(
            house.policy_file(),
            "modes:\n  NORMAL: { allowed_tools: [read_logs] }\n",
        )
        .unwrap();
    };
    // The watch may begin a moment after the tasks: the file is touched until it is seen.
    eventually("a new version", async || {
        write();
        house.get("/policy/status").await.body["policy_version"] == json!(2)
    })
    .await;
}

#[tokio::test]
async fn the_lockdown_file_halts_and_its_removal_lifts_nothing() {
    let house = House::new().await;
    let _tasks = house.app.start_tasks();
    let file = house.data_dir().join("LOCKDOWN");
    std::fs::write(&file, "").unwrap();
    eventually("lockdown by file", async || {
        house.execute("list_services", json!({})).await["code"] == json!("lockdown")
    })
    .await;
    let lift = house
        .post("/api/v1/lockdown", &json!({ "on": false }))
        .await;
    assert_eq!((lift.status, &lift.body["code"]), (409, &json!("conflict")));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        house.execute("list_services", json!({})).await["code"],
        json!("lockdown")
    );
    assert_eq!(
        house
            .post("/api/v1/lockdown", &json!({ "on": false }))
            .await
            .status,
        200
    );
    assert_eq!(
        house.execute("list_services", json!({})).await["success"],
        json!(true)
    );
}

/// A tool that panics, or never answers.
#[derive(Default)]
struct Broken {
    ran: AtomicBool,
    silent: bool,
}

impl ToolBackend for Broken {
    fn definitions(&self) -> Vec<ToolDefinition> {
        let schema = json!({ "type": "object" });
        vec![upstream("broken", ToolClass::Modify, schema)]
    }

    fn call(&self, _permit: Permit) -> Work<'_> {
        Box::pin(async move {
            self.ran.store(true, Ordering::SeqCst);
            if self.silent {
                std::future::pending::<()>().await;
            }
            panic!("on purpose");
        })
    }

    fn plan(&self, _tool: &str, _arguments: &Arguments, _now: Timestamp) -> Option<Value> {
        None
    }
}

#[tokio::test]
async fn a_tool_that_panics_is_a_failed_call_on_record_and_nothing_more() {
    let broken = Arc::new(Broken::default());
    let policy = "modes:\n  NORMAL: { allowed_tools: [broken, list_services] }\n";
    let house =
        House::with_backends(policy, vec![Arc::clone(&broken) as Arc<dyn ToolBackend>]).await;
    let answer = house.execute("broken", json!({})).await;
    assert!(broken.ran.load(Ordering::SeqCst));
    assert_eq!(
        (&answer["success"], &answer["error"]),
        (&json!(false), &json!("Execution error: internal error"))
    );
    let outcomes = house
        .get("/api/v1/audit?view=records&kind=outcome")
        .await
        .body;
    assert_eq!(
        outcomes["entries"][0]["outcome"]["status"],
        json!("failed"),
        "{outcomes}"
    );
    assert_eq!(
        house.execute("list_services", json!({})).await["success"],
        json!(true)
    );
}

#[tokio::test]
async fn a_tool_that_never_answers_is_a_call_of_unknown_effect_on_record() {
    let silent: Arc<dyn ToolBackend> = Arc::new(Broken {
        silent: true,
        ..Broken::default()
    });
    let policy = "modes:\n  NORMAL: { allowed_tools: [broken, list_services] }\n";
    let house = House::with_deadline(policy, vec![silent], Duration::from_secs(1)).await;
    let answer = house.execute("broken", json!({})).await;
    assert_eq!(
        answer["error"],
        json!("Execution error: no answer within 1 seconds: it may still have taken effect")
    );
    let outcomes = house
        .get("/api/v1/audit?view=records&kind=outcome")
        .await
        .body;
    let status = &outcomes["entries"][0]["outcome"]["status"];
    assert_eq!(status, &json!("timeout"), "{outcomes}");
}
