//! An agent as the registry keeps it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AgentId, IncidentId, PrincipalStatus, Timestamp, TrustLevel};

/// A registered agent (`spec/identity.md`, "Agents").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Counts changes; a change names the revision that it makes, and fails if that is not the next one.
    pub revision: u64,
    /// Its name for machines.
    pub agent_id: AgentId,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How far it is trusted.
    pub trust_level: TrustLevel,
    /// Patterns of the tools it may use; none or `*` restricts nothing.
    pub allowed_tools: Vec<String>,
    /// Patterns of the tools it may never use.
    pub denied_tools: Vec<String>,
    /// What its owner wants to remember of it; never a reason to allow.
    pub metadata: Map<String, Value>,
    /// Whether it may act at all.
    pub status: PrincipalStatus,
    /// When it was first registered; an update keeps it.
    pub registered_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who registered it.
    pub registered_by: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether it registered itself by its first call, and nobody has adopted it since.
    pub auto_registered: bool,
    /// Since when it is suspended.
    pub suspended_at: Option<Timestamp>,
    /// Why it is suspended.
    pub suspension_reason: Option<String>,
    /// The incident for which it was suspended.
    pub incident_id: Option<IncidentId>,
}
