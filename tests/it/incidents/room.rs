//! Incidents over a real store, with records as the trail hands them over and a registry that notes its orders.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use policyguard::audit::{
    Actor, AuditRecord, Config as AuditConfig, DeterminedBy, Door, Entry, Listener as _, Marks,
    RecordKind, Recorder, Redactor, Ruling, derive,
};
use policyguard::domain::{Clock, IdSequence, Incident, Severity, Timestamp, TrustLevel};
use policyguard::incidents::{
    Config, Filter, Incidents, Parts, Suspend, Suspending, SuspensionOrder,
};
use policyguard::storage::{self, Store};
use serde_json::{Map, json};

use crate::trail::HandClock;

/// A registry that notes what it is ordered.
pub(super) struct Registry {
    pub(super) orders: Mutex<Vec<SuspensionOrder>>,
    answer: Mutex<Result<bool, String>>,
}

impl Registry {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            orders: Mutex::default(),
            answer: Mutex::new(Ok(true)),
        })
    }

    /// What is answered from now on.
    pub(super) fn answers(&self, answer: Result<bool, String>) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Who was suspended, in order.
    pub(super) fn suspended(&self) -> Vec<String> {
        let orders = self.orders.lock().unwrap();
        orders
            .iter()
            .map(|order| order.agent_id.to_string())
            .collect()
    }
}

impl Suspend for Registry {
    fn suspend(&self, order: SuspensionOrder) -> Suspending<'_> {
        self.orders.lock().unwrap().push(order);
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async { answer })
    }
}

/// Incidents, and what they stand on.
pub(super) struct Room {
    pub(super) incidents: Incidents,
    pub(super) registry: Arc<Registry>,
    pub(super) clock: Arc<HandClock>,
    pub(super) recorder: Recorder,
    pub(super) store: Store,
    pub(super) config: Config,
    next: Mutex<u64>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        let store = storage::open_temporary().unwrap();
        Self::over(store, HandClock::new(), config)
    }

    /// Incidents over this store, before they look at what is left in it.
    pub(super) fn over(store: Store, clock: Arc<HandClock>, config: Config) -> Self {
        let now: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let trail = store.trail().unwrap();
        let (recorder, _) = Recorder::open(trail, now, AuditConfig::default()).unwrap();
        let registry = Registry::new();
        let incidents = Incidents::new(Parts {
            store: store.incidents().unwrap(),
            recorder: recorder.clone(),
            clock: Arc::clone(&clock) as _,
            names: IdSequence::new(&derive(store.key(), "names of incidents")),
            redactor: Redactor::new(store.key()),
            suspend: Arc::clone(&registry) as _,
            config,
        })
        .unwrap();
        Self {
            incidents,
            registry,
            clock,
            recorder,
            store,
            config,
            next: Mutex::new(1_000_000),
        }
    }

    /// The same store after a stop that wrote nothing more: counts in memory are lost.
    pub(super) fn crashed(self) -> Self {
        let Self {
            incidents,
            clock,
            recorder,
            store,
            config,
            ..
        } = self;
        drop(incidents);
        recorder.close();
        drop(recorder);
        Self::over(store, clock, config)
    }

    /// Lets the trail hand over a record, and waits until it is counted.
    pub(super) async fn hear(&self, record: AuditRecord) {
        self.tell(record);
        self.incidents.caught_up().await;
    }

    /// Lets the trail hand over a record.
    pub(super) fn tell(&self, mut record: AuditRecord) {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        record.seq = *next;
        record.at = self.clock.now();
        self.incidents.watch().recorded(&record, &[]);
    }

    /// Lets the trail tell that the agent was suspended or reinstated.
    pub(super) async fn change_agent(&self, agent: &str, operation: &str) {
        self.hear(agent_change(agent, operation, self.clock.now()))
            .await;
    }

    pub(super) async fn all(&self) -> Vec<Incident> {
        let page = self.incidents.list(Filter::default(), None, 1000).await;
        page.unwrap().incidents
    }

    /// The only incident there is.
    pub(super) async fn only(&self) -> Incident {
        let mut all = self.all().await;
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    pub(super) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }
}

/// Writes records onto the trail of a store as a run that crashed left them; returns their numbers.
pub(super) fn leave(store: &Store, records: Vec<AuditRecord>) -> Vec<u64> {
    let mut trail = store.trail().unwrap();
    let mut entries: Vec<Entry> = records
        .into_iter()
        .map(|record| Entry::new(record, Vec::new()))
        .collect();
    trail.store.append(&mut entries, Marks::default()).unwrap();
    entries.iter().map(|entry| entry.record.seq).collect()
}

/// The record of a run that was denied to the agent under its own credential.
pub(super) fn denial(agent: &str, tool: &str, code: &str, at: Timestamp) -> AuditRecord {
    let mut record = AuditRecord::blank(RecordKind::Decision, Arc::from("c"), at, 1);
    record.door = Door::Rest;
    record.action = Some(Arc::from("tool_call"));
    record.resource = Some(Arc::from(tool));
    record.arguments_digest = Some(Arc::from(format!("hmac:{tool}")));
    record.principal = Some(Actor {
        acted_by: None,
        agent_id: Arc::from(agent),
        credential_id: None,
        roles: Vec::new(),
        trust: Some(TrustLevel::Low),
    });
    record.decision = Some(Ruling {
        asked_by: None,
        count: None,
        code: Arc::from(code),
        determined_by: None,
        effect: Arc::from("deny"),
        modifies: true,
        problems: Vec::new(),
        reason: format!("no {tool} for {agent}"),
        remedy: None,
        simulated: false,
        stated: None,
        warnings: Vec::new(),
    });
    record
}

/// The same, decided by a rule of this severity.
pub(super) fn by_rule(mut record: AuditRecord, severity: Severity) -> AuditRecord {
    record.decision.as_mut().unwrap().determined_by = Some(DeterminedBy {
        at: Arc::from("p.yaml:3"),
        name: None,
        policy: Arc::from("p"),
        rule: 0,
        severity: Some(severity),
    });
    record
}

/// The record of a change of an agent: `agent_suspension`, `agent_reinstatement`.
pub(super) fn agent_change(agent: &str, operation: &str, at: Timestamp) -> AuditRecord {
    let mut record = AuditRecord::blank(RecordKind::Change, Arc::from("c"), at, 1);
    record.action = Some(Arc::from(operation));
    record.arguments = Some(Map::from_iter([("agent_id".to_owned(), json!(agent))]));
    record
}
