//! What we found out about the moment of a call; apart from it, what the caller merely says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Digest, ModeName, Roles, Timestamp};

/// Whether the loaded bundle is the one that was signed off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Integrity {
    /// It is, or nothing was asked to be signed.
    #[default]
    Ok,
    /// It is not: everything but the safety set is denied.
    Failed,
}

/// The last known health of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Healthy,
    /// Slow or partly failing.
    Degraded,
    /// Down.
    Critical,
}

impl Health {
    /// The health's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
        }
    }

    /// The health of this name, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Healthy, Self::Degraded, Self::Critical]
            .into_iter()
            .find(|health| health.as_str() == text)
    }
}

/// The answer of a tool that lists the valid values of a parameter (`allowlist_source`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueList {
    /// These, and no others.
    Values(Arc<[String]>),
    /// The source did not answer: whatever is constrained by it is denied.
    Unavailable,
}

/// A person's approval that the store holds for exactly this request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalEvidence {
    /// Approved and not used yet; fits only the rule with this content digest.
    Approved {
        /// Content digest of the rule that asked.
        rule: Digest,
    },
    /// Denied within its quiet time.
    Denied,
}

/// A break-glass override that the store holds for this agent and tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideEvidence {
    /// The code it lifts, by name (`mode_blocked`, `rule_deny`, …).
    pub code: Arc<str>,
    /// The content digest of the rule it lifts, for denials by rule.
    pub rule: Option<Digest>,
}

/// What the counters of quotas and limits say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaVerdict {
    /// Which quota is used up, in words.
    pub name: Arc<str>,
    /// Seconds until a call may fit again.
    pub retry_after_seconds: u64,
}

/// The facts a call is decided with. A fact that is missing never allows more.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Counts the changes of policy, mode and lockdown that this context has seen; a permit of an older epoch does not start.
    pub epoch: u64,
    /// The instant of the decision.
    pub now: Timestamp,
    /// The mode in force at that instant.
    pub mode: ModeName,
    /// Whether lockdown is on.
    pub lockdown: bool,
    /// Whether the bundle is the signed one.
    pub integrity: Integrity,
    /// The services an incident touches; `None` when no scope is set.
    pub incident_scope: Option<Arc<[String]>>,
    /// Last known health by service.
    pub service_health: Arc<BTreeMap<String, Health>>,
    /// Answers of the value sources that the tool's constraints name, by source tool.
    pub values: BTreeMap<Arc<str>, ValueList>,
    /// Roles of which the caller needs one for what this call's arguments ask of a gateway tool; none: only those that
    /// the tool needs anyway.
    pub required: Roles,
    /// The first quota that is used up, if one is.
    pub quota: Option<QuotaVerdict>,
    /// An approval for this request, if there is one.
    pub approval: Option<ApprovalEvidence>,
    /// Overrides for this agent and tool.
    pub overrides: Vec<OverrideEvidence>,
}

impl Context {
    /// A context of this instant and mode in which nothing else is known.
    #[must_use]
    pub fn at(now: Timestamp, mode: ModeName) -> Self {
        Self {
            epoch: 0,
            now,
            mode,
            lockdown: false,
            integrity: Integrity::Ok,
            incident_scope: None,
            service_health: Arc::default(),
            values: BTreeMap::new(),
            required: Roles::NONE,
            quota: None,
            approval: None,
            overrides: Vec::new(),
        }
    }
}

/// What the caller says about its own call. Shown and recorded, never a reason to allow.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Stated(pub serde_json::Map<String, serde_json::Value>);
