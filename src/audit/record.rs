//! What a record says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::kinds::{Door, OutcomeStatus, RecordKind, Status};
use crate::domain::{
    ActionId, AgentId, AuditId, CorrelationId, Digest, ModeName, Role, Severity, Timestamp,
    TrustLevel,
};

/// What a caller's connection tells about itself. Shown and recorded, never a reason to allow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The address it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What an MCP client calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// The request's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Digest of the session id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The `User-Agent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Where a call came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Through which door.
    pub door: Door,
    /// From where; shared, because every record of the call repeats it.
    pub source: Arc<Source>,
}

impl Caller {
    /// A caller at this door about whose connection nothing is known.
    #[must_use]
    pub fn at(door: Door) -> Self {
        Self {
            door,
            source: Arc::default(),
        }
    }

    /// The same caller, at this door.
    #[must_use]
    pub fn through(&self, door: Door) -> Self {
        Self {
            door,
            source: Arc::clone(&self.source),
        }
    }

    /// The same caller, in this trace.
    #[must_use]
    pub fn traced(self, trace_id: String) -> Self {
        let source = Source {
            trace_id: Some(trace_id),
            ..Source::clone(&self.source)
        };
        Self::new(self.door, source)
    }

    /// A caller at this door.
    #[must_use]
    pub fn new(door: Door, source: Source) -> Self {
        Self {
            door,
            source: Arc::new(source),
        }
    }
}

/// Who acted, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The caller, when it acted for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_by: Option<AgentId>,
    /// The agent, or for changes whoever made them.
    pub agent_id: Arc<str>,
    /// The credential's public part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<Arc<str>>,
    /// The caller's roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// The agent's trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustLevel>,
}

/// The rule that decided, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeterminedBy {
    /// Where it is written.
    pub at: Arc<str>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Its policy.
    pub policy: Arc<str>,
    /// Its place in the policy, from 0.
    pub rule: u64,
    /// How bad a violation of it is; for denials only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// The engine's answer, as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// Who asked, when it was a question and not a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Arc<str>>,
    /// Why, as a code.
    pub code: Arc<str>,
    /// How many identical denials it stands for, where they were counted (`spec/limits.md`, L16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The rule that decided, if a rule did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub determined_by: Option<DeterminedBy>,
    /// `allow`, `deny` or `require_approval`.
    pub effect: Arc<str>,
    /// Whether the call may change something; an allowed one is then on disk before it runs.
    pub modifies: bool,
    /// Every problem of the arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Why, in words.
    pub reason: String,
    /// What would change the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether it was a dry run, which opens, registers and counts nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub simulated: bool,
    /// What the caller said besides, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<Map<String, Value>>,
    /// What the caller should know besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What came of a call, as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedOutcome {
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// What went wrong, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the guardrails found in the output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// Keyed digest of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_digest: Option<Arc<str>>,
    /// How it ended.
    pub status: OutcomeStatus,
}

/// One record of the trail. Its fields stand in the order of its canonical text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// What kind of act, or the operation of a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Arc<str>>,
    /// The attempt it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<ActionId>,
    /// The arguments, or the details of a change; redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Map<String, Value>>,
    /// Keyed digest of the arguments as they were sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<Arc<str>>,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Digest of the policy bundle in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_digest: Option<Digest>,
    /// The chain it belongs to, one a replica.
    pub chain: Arc<str>,
    /// The caller's own name for the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// What the engine answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Ruling>,
    /// Through which door the call came.
    pub door: Door,
    /// `SHA-256(0x00 ‖ canonical text without hash)`.
    pub hash: Digest,
    /// The record's name.
    pub id: AuditId,
    /// The checkpoint key in force, once there are checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Arc<str>>,
    /// What it is about.
    pub kind: RecordKind,
    /// Whether it is about one of the gateway's own tools.
    #[serde(default, skip_serializing_if = "is_false")]
    pub management: bool,
    /// The mode in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeName>,
    /// When, by a clock that never goes back, in milliseconds.
    pub monotonic: u64,
    /// What came of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RecordedOutcome>,
    /// The version of the policy in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u64>,
    /// The hash of the record before.
    pub prev: Digest,
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Actor>,
    /// The tool or target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Arc<str>>,
    /// Its place in the chain, from 1.
    pub seq: u64,
    /// Where the call came from.
    pub source: Arc<Source>,
}

impl AuditRecord {
    /// A record of this kind about which nothing else is known, not yet sealed.
    #[must_use]
    pub fn blank(kind: RecordKind, chain: Arc<str>, at: Timestamp, monotonic: u64) -> Self {
        Self {
            action: None,
            action_id: None,
            arguments: None,
            arguments_digest: None,
            at,
            bundle_digest: None,
            chain,
            correlation_id: None,
            decision: None,
            door: Door::Internal,
            hash: Digest::ZERO,
            id: AuditId::from_bits(0),
            key_id: None,
            kind,
            management: false,
            mode: None,
            monotonic,
            outcome: None,
            policy_version: None,
            prev: Digest::ZERO,
            principal: None,
            resource: None,
            seq: 0,
            source: Arc::default(),
        }
    }

    /// How queries see a decision; `None` for other kinds.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        if self.kind != RecordKind::Decision {
            return None;
        }
        Some(match &*self.decision.as_ref()?.effect {
            "allow" => Status::Allowed,
            "require_approval" => Status::Pending,
            _ => Status::Denied,
        })
    }

    /// How many attempts it stands for: more than one where identical denials were counted.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        let counted = self.decision.as_ref().and_then(|ruling| ruling.count);
        counted.unwrap_or(1)
    }

    /// Whether it is an intent that must be followed by an outcome: an allowed run.
    #[must_use]
    pub fn is_intent(&self) -> bool {
        self.status() == Some(Status::Allowed)
            && self
                .decision
                .as_ref()
                .is_some_and(|ruling| ruling.asked_by.is_none() && !ruling.simulated)
    }

    /// Whether it stands for its attempt in lists: one record of each does.
    ///
    /// A call shows as its decision. A call of the gateway's own tools shows as the change that it made, or as its
    /// outcome where it made none; where it did not run, as its decision.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        match self.kind {
            RecordKind::Decision => !(self.management && self.is_intent()),
            // Sessions are no act of their agent: its calls are.
            RecordKind::Change => !self.is_of_session(),
            RecordKind::Outcome => self.management,
            RecordKind::Access | RecordKind::Refused => false,
        }
    }

    fn is_of_session(&self) -> bool {
        self.action
            .as_deref()
            .is_some_and(|operation| operation.starts_with("session_"))
    }

    /// Whether it closes the intent of its action.
    #[must_use]
    pub fn closes_intent(&self) -> bool {
        self.action_id.is_some() && matches!(self.kind, RecordKind::Outcome | RecordKind::Change)
    }
}
