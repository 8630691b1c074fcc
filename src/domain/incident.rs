//! Something that somebody should look at.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ActionId, AgentId, IncidentId, Severity, Timestamp};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value of this name, exactly.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    };
}

words! {
    /// What kind of incident it is (`spec/governance.md`, 6).
    IncidentType {
        /// An agent did what a policy forbids.
        PolicyViolation = "policy_violation",
        /// Something that does not look right.
        SuspiciousActivity = "suspicious_activity",
        /// Somebody tried what is not theirs.
        UnauthorizedAccess = "unauthorized_access",
        /// Too much in too short a time.
        RateLimitExceeded = "rate_limit_exceeded",
        /// Data went where it should not.
        DataExfiltration = "data_exfiltration",
        /// Something is set up wrongly.
        ConfigurationError = "configuration_error",
        /// A tool says something else than when it was approved.
        ToolDefinitionChanged = "tool_definition_changed",
        /// The trail could not be written.
        AuditFailure = "audit_failure",
        /// A denial was lifted by an operator.
        OverrideUsed = "override_used",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// How far it is dealt with.
    IncidentStatus {
        /// Nobody has looked yet.
        Open = "open",
        /// Somebody looks at it.
        Acknowledged = "acknowledged",
        /// Done.
        Resolved = "resolved",
    }
}

words! {
    /// How far the suspension is that an incident asks for.
    SuspensionState {
        /// It is to be done.
        Ordered = "ordered",
        /// It is done.
        Suspended = "suspended",
        /// There was nobody to suspend.
        NotRegistered = "not_registered",
    }
}

/// The suspension of its agent, for which an incident is the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentSuspension {
    /// How far it is.
    pub state: SuspensionState,
    /// What triggered it, with its numbers.
    pub numbers: Map<String, Value>,
}

/// The denials that are counted on an incident, by the numbers of their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountedDenials {
    /// The first.
    pub first_seq: u64,
    /// The last: nothing up to here is counted again.
    pub last_seq: u64,
    /// When that was.
    pub last_at: Timestamp,
}

/// One line of what happened to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentEvent {
    /// When.
    pub at: Timestamp,
    /// Who: a person, an agent, or `gateway`.
    pub by: String,
    /// What, in words.
    pub event: String,
}

/// An incident (`spec/governance.md`, "Incidents").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Counts changes; a change names the revision that it makes, and fails if that is not the next one.
    pub revision: u64,
    /// Counts incidents; the counter behind its name.
    pub number: u64,
    /// Its name.
    pub incident_id: IncidentId,
    /// What kind.
    #[serde(rename = "type")]
    pub kind: IncidentType,
    /// How bad.
    pub severity: Severity,
    /// How far it is dealt with.
    pub status: IncidentStatus,
    /// The agent it is about.
    pub agent_id: Option<AgentId>,
    /// The tool or target it is about.
    pub tool: Option<String>,
    /// The code of the denials that are counted on it.
    pub code: Option<String>,
    /// The attempt that opened it.
    pub action_id: Option<ActionId>,
    /// What happened, in words.
    pub description: String,
    /// What the reporter saw.
    pub evidence: Map<String, Value>,
    /// Who reported it; `gateway` for its own.
    pub reported_by: String,
    /// What the reporter would do.
    pub recommended_action: Option<String>,
    /// Whether only an operator can do what it asks for.
    pub needs_operator: bool,
    /// How often it happened.
    pub count: u64,
    /// The denials behind that count; `None` where none are counted.
    pub counted: Option<CountedDenials>,
    /// The suspension for which it is the reason.
    pub suspension: Option<IncidentSuspension>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed or happened again.
    pub updated_at: Timestamp,
    /// What happened to it, oldest first.
    pub timeline: Vec<IncidentEvent>,
    /// How it was resolved.
    pub resolution: Option<String>,
}
