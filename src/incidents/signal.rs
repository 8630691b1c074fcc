//! What a record means for incidents: which denials open one, how bad each is, and which count towards suspension.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crate::audit::{AuditRecord, Door, RecordKind, Ruling, Status};
use crate::domain::{ActionId, AgentId, IncidentType, Severity, Timestamp};

/// The codes whose denials open an incident, with its type and how bad it is where no rule says so.
///
/// By name and not by type, because this room stands beside the rules; a test holds the list against the closed list
/// of codes.
pub const OPENING: &[(&str, IncidentType, Severity)] = &[
    (
        "integrity",
        IncidentType::ConfigurationError,
        Severity::High,
    ),
    (
        "quarantined",
        IncidentType::ToolDefinitionChanged,
        Severity::High,
    ),
    (
        "always_blocked",
        IncidentType::PolicyViolation,
        Severity::High,
    ),
    (
        "protected_path",
        IncidentType::PolicyViolation,
        Severity::High,
    ),
    (
        "agent_denied_tools",
        IncidentType::UnauthorizedAccess,
        Severity::Medium,
    ),
    (
        "agent_allowed_tools",
        IncidentType::UnauthorizedAccess,
        Severity::Medium,
    ),
    (
        ROLE_REQUIRED,
        IncidentType::UnauthorizedAccess,
        Severity::Medium,
    ),
    (
        "mode_blocked",
        IncidentType::PolicyViolation,
        Severity::Medium,
    ),
    (
        "mode_not_listed",
        IncidentType::PolicyViolation,
        Severity::Medium,
    ),
    (
        "service_healthy",
        IncidentType::PolicyViolation,
        Severity::Medium,
    ),
    (
        "out_of_scope",
        IncidentType::PolicyViolation,
        Severity::Medium,
    ),
    (
        "resource_denied",
        IncidentType::PolicyViolation,
        Severity::Medium,
    ),
    ("rule_deny", IncidentType::PolicyViolation, Severity::Medium),
    (
        "constraint_violated",
        IncidentType::PolicyViolation,
        Severity::Medium,
    ),
];

/// The codes whose denials say nothing against an agent, so that they suspend nobody either: a mistyped call, a
/// limit, a person who has not decided, a halt of everybody, and what follows from a suspension.
pub const UNCOUNTED: &[&str] = &[
    "lockdown",
    "invalid_name",
    "unknown_tool",
    "unauthenticated",
    "agent_suspended",
    "invalid_parameters",
    "rate_limited",
    "approval_required",
    "approval_denied",
];

/// What the record of an agent's suspension calls the change.
pub const AGENT_SUSPENSION: &str = "agent_suspension";
/// What the record of an agent's reinstatement calls the change.
pub const AGENT_REINSTATEMENT: &str = "agent_reinstatement";

const ROLE_REQUIRED: &str = "role_required";

/// What was heard of one record.
#[derive(Debug, Clone)]
pub(super) enum Signal {
    /// Something was denied.
    Denied(Denial),
    /// An agent was suspended, or reinstated.
    Agent { agent_id: AgentId, suspended: bool },
}

/// A denial, as far as it concerns incidents.
#[derive(Debug, Clone)]
pub(super) struct Denial {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) action_id: Option<ActionId>,
    /// How many identical ones it stands for.
    pub(super) attempts: u64,
    pub(super) agent: Arc<str>,
    pub(super) tool: Arc<str>,
    pub(super) code: Arc<str>,
    pub(super) reason: String,
    pub(super) policy: Option<Arc<str>>,
    /// What incident it opens, or counts on.
    pub(super) opening: Option<(IncidentType, Severity)>,
    /// For a run that the agent made itself: a number for what exactly it ran.
    pub(super) run: Option<u64>,
}

impl Signal {
    /// What the record means; most mean nothing.
    pub(super) fn of(record: &AuditRecord) -> Option<Self> {
        match record.kind {
            RecordKind::Decision => Denial::of(record).map(Self::Denied),
            RecordKind::Change => Self::of_change(record),
            RecordKind::Outcome | RecordKind::Access | RecordKind::Refused => None,
        }
    }

    fn of_change(record: &AuditRecord) -> Option<Self> {
        let suspended = match record.action.as_deref()? {
            AGENT_SUSPENSION => true,
            AGENT_REINSTATEMENT => false,
            _ => return None,
        };
        let agent_id = record.arguments.as_ref()?.get("agent_id")?.as_str()?;
        let agent_id = AgentId::parse(agent_id).ok()?;
        Some(Self::Agent {
            agent_id,
            suspended,
        })
    }
}

impl Denial {
    /// The denial in the record, if there is one that concerns incidents.
    fn of(record: &AuditRecord) -> Option<Self> {
        if record.status() != Some(Status::Denied) || record.door == Door::Authzen {
            return None;
        }
        let ruling = record.decision.as_ref()?;
        let actor = record.principal.as_ref()?;
        let asked_by_another = ruling
            .asked_by
            .as_ref()
            .is_some_and(|asker| *asker != actor.agent_id);
        if ruling.simulated || asked_by_another {
            return None;
        }
        let tool = record.resource.clone()?;
        let of_its_own = ruling.asked_by.is_none() && actor.acted_by.is_none();
        let counts = of_its_own && !UNCOUNTED.contains(&&*ruling.code);
        let denial = Self {
            seq: record.seq,
            at: record.at,
            action_id: record.action_id,
            attempts: record.attempts(),
            agent: Arc::clone(&actor.agent_id),
            code: Arc::clone(&ruling.code),
            reason: ruling.reason.clone(),
            policy: ruling
                .determined_by
                .as_ref()
                .map(|rule| Arc::clone(&rule.policy)),
            opening: opening(ruling),
            run: counts.then(|| run_number(&tool, record.arguments_digest.as_deref())),
            tool,
        };
        (denial.opening.is_some() || denial.run.is_some()).then_some(denial)
    }
}

/// What the denial opens: the rule says how bad it is, else the code does.
fn opening(ruling: &Ruling) -> Option<(IncidentType, Severity)> {
    let (code, kind, usual) = OPENING.iter().find(|(code, ..)| *code == &*ruling.code)?;
    // Who tries to change the gateway without the role for it tries to raise itself.
    let elevation = *code == ROLE_REQUIRED && ruling.modifies;
    let of_rule = ruling.determined_by.as_ref().and_then(|rule| rule.severity);
    let severity = of_rule.unwrap_or(if elevation { Severity::High } else { *usual });
    Some((*kind, severity))
}

/// A number for tool and arguments. The digest is keyed, so nobody can choose two runs of one number.
fn run_number(tool: &str, digest: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (tool, digest).hash(&mut hasher);
    hasher.finish()
}
