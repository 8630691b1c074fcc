//! What the registry needs from a store.

use crate::domain::{Agent, AgentId, PrincipalStatus, TrustLevel};

/// The store cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the registry cannot be read: {0}")]
pub struct RegistryUnread(pub String);

/// Which agents are wanted; an empty filter wants all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgentFilter {
    /// Of this trust.
    pub trust_level: Option<TrustLevel>,
    /// Of this status.
    pub status: Option<PrincipalStatus>,
    /// Only those that registered themselves and that nobody has adopted.
    pub auto_registered: bool,
}

/// Reads agents; they are written with the records of their changes.
pub trait AgentStore: Send + Sync {
    /// The agent, if it is registered.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, agent_id: &AgentId) -> Result<Option<Agent>, RegistryUnread>;

    /// Agents that fit, by id, behind this one.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list(
        &self,
        filter: AgentFilter,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Agent>, RegistryUnread>;

    /// Hands over every agent, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn each(&self, take: &mut dyn FnMut(Agent)) -> Result<(), RegistryUnread>;
}
