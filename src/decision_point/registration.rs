//! Agents that register themselves by their first call (`spec/identity.md`, "Agents").

use serde_json::{Map, json};

use crate::audit::{AuditError, ChangeNote};
use crate::domain::{Agent, AgentId, PrincipalStatus, Timestamp, TrustLevel};

use super::{AgentEdit, ChangeError, Gate};

/// The most agents that registered themselves and that nobody has adopted.
const MOST: u64 = 1000;

/// Why an unknown agent was not registered.
#[derive(Debug, thiserror::Error)]
pub enum NotRegistered {
    /// There are too many that nobody vouches for.
    #[error(
        "registry_full: {MOST} agents have registered themselves and nobody vouches for them; an operator must register `{0}`, or remove others"
    )]
    Full(AgentId),
    /// The trail takes no record.
    #[error(transparent)]
    Unwritten(AuditError),
}

impl Gate {
    /// Registers an agent that nobody knows with trust low; one that is known stays as it is.
    ///
    /// # Errors
    /// When there are too many such agents, or it cannot be written.
    pub async fn register_unknown(&self, agent_id: &AgentId) -> Result<(), NotRegistered> {
        let registry = self.registry();
        if agent_id.is_reserved() || registry.stamp(agent_id) != 0 {
            return Ok(());
        }
        if registry.counts().auto_registered >= MOST {
            return Err(NotRegistered::Full(agent_id.clone()));
        }
        let edit = self.change_agent(agent_id, |before, moment| match before {
            Some(_) => Err(()),
            None => Ok(first_seen(agent_id, moment.wall)),
        });
        match edit.await {
            // Somebody else registered it meanwhile.
            Ok(_) | Err(ChangeError::Refused(())) => Ok(()),
            Err(ChangeError::Audit(fault)) => Err(NotRegistered::Unwritten(fault)),
        }
    }
}

fn first_seen(agent_id: &AgentId, now: Timestamp) -> AgentEdit {
    let agent = Agent {
        revision: 0,
        agent_id: agent_id.clone(),
        name: format!("Auto-registered: {agent_id}"),
        description: None,
        trust_level: TrustLevel::Low,
        allowed_tools: Vec::new(),
        denied_tools: Vec::new(),
        metadata: Map::new(),
        status: PrincipalStatus::Active,
        registered_at: now,
        updated_at: now,
        registered_by: "gateway".to_owned(),
        owner: None,
        auto_registered: true,
        suspended_at: None,
        suspension_reason: None,
        incident_id: None,
    };
    let note = ChangeNote::new("agent_registration", "gateway")
        .with("agent_id", json!(agent_id))
        .with("trust_level", json!(TrustLevel::Low))
        .with("is_update", json!(false))
        .with("auto_registered", json!(true));
    AgentEdit {
        next: Some(agent),
        note,
        changes: Vec::new(),
        of: None,
    }
}
