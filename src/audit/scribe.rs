//! Writes down what happened as records: what they repeat, redact and digest.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::record::{
    Actor, AuditRecord, Caller, DeterminedBy, OutcomeStatus, RecordKind, RecordedOutcome, Ruling,
};
use super::redact::Redactor;
use super::tally::Due;
use crate::domain::{ActionId, Clock, CorrelationId, Digest, ModeName, Purpose, Timestamp};
use crate::policy::{Decision, Effect, Text};

/// What came of a dispatched call.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<'a> {
    /// How it ended.
    pub status: OutcomeStatus,
    /// How long it took.
    pub duration: Duration,
    /// The result, of which the record keeps a keyed digest.
    pub result: Option<&'a Value>,
    /// What the guardrails found in the output.
    pub findings: Vec<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// What an outcome repeats of the decision it follows, so that it can be read alone.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeOf {
    action: Arc<str>,
    action_id: ActionId,
    bundle_digest: Digest,
    caller: Caller,
    correlation_id: Option<CorrelationId>,
    management: bool,
    mode: ModeName,
    policy_version: u64,
    principal: Actor,
    resource: Arc<str>,
}

impl OutcomeOf {
    /// What outcomes of this decision repeat.
    #[must_use]
    pub fn new(decision: &Decision, caller: &Caller) -> Self {
        let request = decision.request();
        Self {
            action: Arc::from(request.action.as_str()),
            action_id: request.action_id,
            bundle_digest: *decision.bundle_digest(),
            caller: caller.clone(),
            correlation_id: request.correlation_id.clone(),
            management: decision.is_management(),
            mode: decision.mode().clone(),
            policy_version: decision.policy_version(),
            principal: actor(decision),
            resource: Arc::clone(&request.resource.name),
        }
    }

    /// Where the call came from.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The attempt.
    #[must_use]
    pub const fn action_id(&self) -> ActionId {
        self.action_id
    }
}

/// A change of the gateway's own state, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeNote {
    /// What kind: `mode_change`, `lockdown`, `policy_reload`, `start`, ….
    pub operation: &'static str,
    /// Who made it: an agent, a user, or `gateway`.
    pub by: String,
    /// What exactly.
    pub details: Map<String, Value>,
}

impl ChangeNote {
    /// A note of this kind of change.
    #[must_use]
    pub fn new(operation: &'static str, by: &str) -> Self {
        Self {
            operation,
            by: by.to_owned(),
            details: Map::new(),
        }
    }

    /// The same, with a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    /// What the change is about, where its details name it: lists show it and searches find it.
    fn target(&self) -> Option<&str> {
        let name = match self.operation.split('_').next()? {
            "agent" => "agent_id",
            "incident" => "incident_id",
            "mode" => "mode",
            "policy" => "policy_id",
            "key" => "key_id",
            "user" | "totp" => "user_id",
            _ => return None,
        };
        self.details.get(name)?.as_str()
    }
}

/// Makes records.
pub(super) struct Scribe {
    pub(super) chain: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) redactor: Redactor,
}

impl Scribe {
    /// The record of a decision; `simulated` for dry runs.
    pub(super) fn decision(
        &self,
        decision: &Decision,
        caller: &Caller,
        simulated: bool,
    ) -> AuditRecord {
        let request = decision.request();
        let (arguments, digest) = self.redactor.arguments(&request.arguments.0);
        let mut record = self.blank(RecordKind::Decision);
        record.action = Some(Arc::from(request.action.as_str()));
        record.action_id = Some(request.action_id);
        record.arguments = Some(arguments);
        record.arguments_digest = Some(digest);
        record.bundle_digest = Some(*decision.bundle_digest());
        record.correlation_id.clone_from(&request.correlation_id);
        record.decision = Some(self.ruling(decision, simulated));
        record.door = caller.door;
        record.management = decision.is_management();
        record.mode = Some(decision.mode().clone());
        record.policy_version = Some(decision.policy_version());
        record.principal = Some(actor(decision));
        record.resource = Some(Arc::clone(&request.resource.name));
        record.source = Arc::clone(&caller.source);
        record
    }

    /// The record of an outcome.
    pub(super) fn outcome(&self, of: OutcomeOf, outcome: Outcome<'_>) -> AuditRecord {
        let mut record = self.following(RecordKind::Outcome, of);
        record.outcome = Some(RecordedOutcome {
            duration_ms: Some(milliseconds(outcome.duration)),
            error: outcome.error.map(|error| self.redactor.short_text(&error)),
            findings: outcome.findings,
            result_digest: outcome.result.map(|result| self.redactor.value(result)),
            status: outcome.status,
        });
        record
    }

    /// The record of a change; with `of`, it is the outcome of that decision.
    pub(super) fn change(&self, note: &ChangeNote, of: Option<OutcomeOf>) -> AuditRecord {
        let mut record = if let Some(of) = of {
            let mut record = self.following(RecordKind::Change, of);
            record.outcome = Some(RecordedOutcome {
                duration_ms: None,
                error: None,
                findings: Vec::new(),
                result_digest: None,
                status: OutcomeStatus::Ok,
            });
            record
        } else {
            let mut record = self.blank(RecordKind::Change);
            record.principal = Some(named(&note.by));
            record
        };
        let (details, digest) = self.redactor.arguments(&note.details);
        record.action = Some(Arc::from(note.operation));
        if let Some(target) = note.target() {
            record.resource = Some(Arc::from(target));
        }
        record.arguments = Some(details);
        record.arguments_digest = Some(digest);
        record
    }

    /// The record of something that was counted: reads, or calls that were refused at the door.
    pub(super) fn counted(&self, due: Due) -> AuditRecord {
        let mut record = self.blank(due.of.kind);
        record.action = Some(Arc::from(due.of.what));
        record.arguments = Some(self.redactor.map(&due.details));
        record.door = due.caller.door;
        record.principal = (!due.of.who.is_empty()).then(|| named(&due.of.who));
        record.source = due.caller.source;
        record
    }

    /// The record that closes an intent of which no outcome will come.
    pub(super) fn closing(
        &self,
        intent: &AuditRecord,
        status: OutcomeStatus,
        error: &str,
    ) -> AuditRecord {
        let mut record = self.blank(RecordKind::Outcome);
        record.action.clone_from(&intent.action);
        record.action_id = intent.action_id;
        record.bundle_digest = intent.bundle_digest;
        record.correlation_id.clone_from(&intent.correlation_id);
        record.door = intent.door;
        record.management = intent.management;
        record.mode.clone_from(&intent.mode);
        record.policy_version = intent.policy_version;
        record.principal.clone_from(&intent.principal);
        record.resource.clone_from(&intent.resource);
        record.source = Arc::clone(&intent.source);
        record.outcome = Some(RecordedOutcome {
            duration_ms: None,
            error: Some(error.to_owned()),
            findings: Vec::new(),
            result_digest: None,
            status,
        });
        record
    }

    fn following(&self, kind: RecordKind, of: OutcomeOf) -> AuditRecord {
        let mut record = self.blank(kind);
        record.action = Some(of.action);
        record.action_id = Some(of.action_id);
        record.bundle_digest = Some(of.bundle_digest);
        record.correlation_id = of.correlation_id;
        record.door = of.caller.door;
        record.management = of.management;
        record.mode = Some(of.mode);
        record.policy_version = Some(of.policy_version);
        record.principal = Some(of.principal);
        record.resource = Some(of.resource);
        record.source = of.caller.source;
        record
    }

    fn blank(&self, kind: RecordKind) -> AuditRecord {
        let (now, monotonic) = self.moment();
        AuditRecord::blank(kind, Arc::clone(&self.chain), now, monotonic)
    }

    /// Says when the record is written.
    pub(super) fn date(&self, record: &mut AuditRecord) {
        (record.at, record.monotonic) = self.moment();
    }

    fn moment(&self) -> (Timestamp, u64) {
        let monotonic = self.clock.monotonic().as_millis();
        let monotonic = u64::try_from(monotonic).unwrap_or(u64::MAX);
        (self.clock.now(), monotonic)
    }

    fn ruling(&self, decision: &Decision, simulated: bool) -> Ruling {
        let request = decision.request();
        let asked = simulated || request.purpose != Purpose::Run;
        let asking = request
            .principal
            .acted_by
            .as_ref()
            .unwrap_or(&request.principal.agent_id);
        let stated = &request.stated.0;
        Ruling {
            asked_by: asked.then(|| Arc::from(asking.as_str())),
            code: Arc::from(decision.code().as_str()),
            count: None,
            determined_by: decision.determined_by().map(|rule| DeterminedBy {
                at: Arc::clone(&rule.at),
                name: rule.name.clone(),
                policy: Arc::from(rule.policy.as_str()),
                rule: u64::try_from(rule.rule).unwrap_or(u64::MAX),
                severity: (decision.effect() == Effect::Deny).then_some(rule.severity),
            }),
            effect: Arc::from(decision.effect().as_str()),
            modifies: decision.modifies(),
            problems: self.texts(decision.problems().iter().map(String::as_str)),
            reason: self.redactor.short_text(decision.reason()),
            remedy: decision.remedy().map(|remedy| remedy.text.clone()),
            simulated,
            stated: (!stated.is_empty()).then(|| self.redactor.arguments(stated).0),
            warnings: self.texts(decision.warnings().iter().map(Text::as_str)),
        }
    }

    fn texts<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
        texts.map(|text| self.redactor.short_text(text)).collect()
    }
}

fn actor(decision: &Decision) -> Actor {
    let principal = &decision.request().principal;
    Actor {
        acted_by: principal.acted_by.clone(),
        agent_id: Arc::from(principal.agent_id.as_str()),
        credential_id: principal.credential.clone(),
        roles: principal.roles.iter().collect(),
        trust: Some(principal.trust),
    }
}

fn named(by: &str) -> Actor {
    Actor {
        acted_by: None,
        agent_id: Arc::from(by),
        credential_id: None,
        roles: Vec::new(),
        trust: None,
    }
}

/// Milliseconds to the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}
