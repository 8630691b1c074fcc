//! A trail for a test or a benchmark: decisions of a small engine, a clock that the test moves, a store that fails.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use policyguard::audit::{
    AuditRecord, AuditStore, Caller, Config, Conflict, Door, Entry, Head, LogSync, Marks, Outcome,
    OutcomeStatus, Recorder, Recovery, StoreFault, Trail,
};
use policyguard::domain::{
    ActionRequest, ActionType, AgentId, Annotations, Arguments, Authentication, Clock, Context,
    Digest, ModeName, Owner, Principal, PrincipalStatus, Purpose, Resource, Role, Roles, Stated,
    Timestamp, ToolClass, ToolFacts, TrustLevel,
};
use policyguard::policy::{Bundle, Decision, DefaultDecision, Engine, ModeRules, NamePatterns};
use policyguard::storage::Store;
use serde_json::{Value, json};

pub(crate) const START: i64 = 1_795_000_000_000;

/// A clock that stands until the test moves it.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START)))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let millis = self.0.load(Ordering::SeqCst) - START;
        Duration::from_millis(u64::try_from(millis).unwrap())
    }
}

/// An engine that allows what it knows: `get_status` reads, `restart_service` changes; it knows nothing else.
fn engine() -> Engine {
    let tool = |name: &str, class| ToolFacts {
        name: Arc::from(name),
        server: Arc::from("cloud"),
        owner: Owner::Cloud,
        class,
        annotations: Annotations::default(),
        needs: Roles::NONE,
        safety: false,
        asks: false,
        quarantined: false,
        input_schema: Arc::new(json!({"type": "object"})),
    };
    let normal = ModeName::normal();
    let bundle = Bundle {
        name: "test".to_owned(),
        version: "1".to_owned(),
        description: String::new(),
        digest: Digest::of(b"test"),
        default_mode: normal.clone(),
        default_decision: DefaultDecision::Allow,
        modes: BTreeMap::from([(normal, ModeRules::default())]),
        always_blocked: NamePatterns::default(),
        always_blocked_because: String::new(),
        always_blocked_at: policyguard::policy::Place {
            file: Arc::from("test"),
            line: 1,
        },
        time_restrictions: Vec::new(),
        operations: BTreeMap::new(),
        resource_policies: Vec::new(),
        constraints: Vec::new(),
        protected_paths: Vec::new(),
        protected_allow_read: false,
        policies: Vec::new(),
    };
    let tools = [
        tool("get_status", ToolClass::Read),
        tool("restart_service", ToolClass::Modify),
    ];
    Engine::compile(Arc::new(bundle), &tools, 7)
}

/// Makes decisions about attempts that the recorder names.
pub(crate) struct Asker {
    engine: Engine,
    pub(crate) agent: AgentId,
}

impl Asker {
    pub(crate) fn new() -> Self {
        Self {
            engine: engine(),
            agent: AgentId::parse("bot").unwrap(),
        }
    }

    /// The decision about a run of the tool with these arguments.
    pub(crate) fn run(&self, recorder: &Recorder, tool: &str, arguments: Value) -> Decision {
        self.ask(recorder, tool, arguments, Purpose::Run)
    }

    pub(crate) fn ask(
        &self,
        recorder: &Recorder,
        tool: &str,
        arguments: Value,
        purpose: Purpose,
    ) -> Decision {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object")
        };
        self.engine.decide(&Arc::new(ActionRequest {
            action_id: recorder.next_action_id(),
            principal: Principal {
                agent_id: self.agent.clone(),
                stamp: 0,
                trust: TrustLevel::Medium,
                status: PrincipalStatus::Active,
                allowed_tools: Arc::default(),
                denied_tools: Arc::default(),
                roles: Roles::of(&[Role::Agent]),
                acted_by: None,
                authentication: Authentication::Local,
                credential: None,
            },
            action: ActionType::ToolCall,
            resource: Resource {
                name: Arc::from(tool),
            },
            arguments: Arguments(arguments),
            context: Context::at(Timestamp::from_millis(START), ModeName::normal()),
            stated: Arc::new(Stated::default()),
            purpose,
            correlation_id: None,
        }))
    }
}

pub(crate) fn caller() -> Caller {
    Caller::at(Door::Rest)
}

/// An outcome without a result.
pub(crate) fn done() -> Outcome<'static> {
    Outcome {
        status: OutcomeStatus::Ok,
        duration: Duration::from_micros(1500),
        result: None,
        findings: Vec::new(),
        error: None,
    }
}

/// Opens a recorder on the store.
pub(crate) fn open(store: &Store, clock: &Arc<HandClock>) -> (Recorder, Recovery) {
    open_trail(store.trail().unwrap(), clock)
}

pub(crate) fn open_trail(trail: Trail, clock: &Arc<HandClock>) -> (Recorder, Recovery) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    Recorder::open(trail, clock, Config::default()).unwrap()
}

/// A switch for a store that fails while it is on.
#[derive(Debug, Default)]
pub(crate) struct Failure(AtomicBool);

impl Failure {
    pub(crate) fn set(&self, on: bool) {
        self.0.store(on, Ordering::SeqCst);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The trail of the store, whose commits fail while `commits` is on, and whose syncs while `syncs` is.
pub(crate) fn failing(store: &Store, commits: &Arc<Failure>, syncs: &Arc<Failure>) -> Trail {
    let mut trail = store.trail().unwrap();
    trail.store = Box::new(FailingStore {
        inner: trail.store,
        failure: Arc::clone(commits),
    });
    trail.sync = Box::new(FailingSync {
        inner: trail.sync,
        failure: Arc::clone(syncs),
    });
    trail
}

struct FailingStore {
    inner: Box<dyn AuditStore>,
    failure: Arc<Failure>,
}

impl AuditStore for FailingStore {
    fn append(
        &mut self,
        entries: &mut [Entry],
        marks: Marks,
    ) -> Result<Vec<Result<(), Conflict>>, StoreFault> {
        if self.failure.is_on() {
            return Err(StoreFault::Refused("disk full".to_owned()));
        }
        self.inner.append(entries, marks)
    }

    fn head(&self) -> Head {
        self.inner.head()
    }

    fn chain(&self) -> Arc<str> {
        self.inner.chain()
    }

    fn marks(&self) -> Marks {
        self.inner.marks()
    }

    fn open_intents(&mut self) -> Result<Vec<AuditRecord>, StoreFault> {
        self.inner.open_intents()
    }

    fn last_record(&mut self) -> Result<Option<AuditRecord>, StoreFault> {
        self.inner.last_record()
    }
}

struct FailingSync {
    inner: Box<dyn LogSync>,
    failure: Arc<Failure>,
}

impl LogSync for FailingSync {
    fn sync(&mut self) -> io::Result<()> {
        if self.failure.is_on() {
            return Err(io::Error::other("input/output error"));
        }
        self.inner.sync()
    }
}
