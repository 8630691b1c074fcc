//! Decisions, clocks and stores to test with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::{Caller, Config, Door, Outcome, OutcomeStatus, Recorder, Recovery};
use crate::domain::{
    ActionId, ActionRequest, ActionType, AgentId, Arguments, Authentication, Clock, Context,
    ModeName, PatternList, Principal, PrincipalStatus, Purpose, Resource, Role, Roles, Stated,
    Timestamp, TrustLevel,
};
use crate::policy::{Decision, Effect};
use crate::storage::{self, Store};

/// A clock that a test moves.
#[derive(Debug)]
pub(super) struct HandClock(AtomicI64);

impl HandClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_000_000_000)))
    }

    pub(super) fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).expect("short");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let millis = self.0.load(Ordering::SeqCst) - 1_795_000_000_000;
        Duration::from_millis(u64::try_from(millis).expect("after the start"))
    }
}

/// A store and its recorder.
pub(super) struct Bench {
    pub(super) recorder: Recorder,
    pub(super) store: Store,
    pub(super) clock: Arc<HandClock>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let store = storage::open_temporary().expect("a store");
        let clock = HandClock::new();
        let (recorder, _) = open(&store, &clock);
        Self {
            recorder,
            store,
            clock,
        }
    }

    /// A decision about this tool by agent `bot`.
    pub(super) fn decision(&self, tool: &str, effect: Effect, modifies: bool) -> Decision {
        let id = self.recorder.next_action_id();
        let arguments = json!({"service_name": "web", "count": 2});
        Decision::made_up(request(id, tool, arguments, Purpose::Run), effect, modifies)
    }
}

pub(super) fn open(store: &Store, clock: &Arc<HandClock>) -> (Recorder, Recovery) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    Recorder::open(store.trail().expect("a trail"), clock, Config::default()).expect("a recorder")
}

pub(super) fn request(
    action_id: ActionId,
    tool: &str,
    arguments: Value,
    purpose: Purpose,
) -> ActionRequest {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    ActionRequest {
        action_id,
        principal: Principal {
            agent_id: AgentId::parse("bot").expect("an id"),
            trust: TrustLevel::Medium,
            status: PrincipalStatus::Active,
            allowed_tools: Arc::new(PatternList::default()),
            denied_tools: Arc::new(PatternList::default()),
            roles: Roles::of(&[Role::Agent]),
            acted_by: None,
            authentication: Authentication::Local,
        },
        action: ActionType::ToolCall,
        resource: Resource {
            name: Arc::from(tool),
        },
        arguments: Arguments(arguments),
        context: Context::at(
            Timestamp::from_millis(1_795_000_000_000),
            ModeName::normal(),
        ),
        stated: Arc::new(Stated::default()),
        purpose,
        correlation_id: None,
    }
}

pub(super) fn caller() -> Caller {
    Caller::at(Door::Rest)
}

pub(super) fn done() -> Outcome<'static> {
    Outcome {
        status: OutcomeStatus::Ok,
        duration: Duration::from_micros(1500),
        result: None,
        findings: Vec::new(),
        error: None,
    }
}
