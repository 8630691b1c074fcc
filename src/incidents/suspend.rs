//! What incidents need of the registry: to suspend an agent.

use std::pin::Pin;

use serde_json::{Map, Value};

use crate::domain::{AgentId, IncidentId};

/// An agent that is to be suspended.
#[derive(Debug, Clone, PartialEq)]
pub struct SuspensionOrder {
    /// The agent; never one of the reserved ones.
    pub agent_id: AgentId,
    /// Why, as the registry keeps it.
    pub reason: String,
    /// The incident for which.
    pub incident_id: IncidentId,
    /// Who orders it: `gateway`, or the operator who reported the incident.
    pub by: String,
    /// What triggered it, with its numbers; for the record of the suspension.
    pub numbers: Map<String, Value>,
}

/// The future of a suspension: whether the agent is suspended now.
pub type Suspending<'a> = Pin<Box<dyn Future<Output = Result<bool, String>> + Send + 'a>>;

/// Suspends agents.
pub trait Suspend: Send + Sync {
    /// Suspends the agent; `false` when it is not registered.
    ///
    /// It may be asked twice for the same incident: an agent that is suspended already stays so, and that is `true`.
    ///
    /// # Errors
    /// Why it could not be done now; it is asked again.
    fn suspend(&self, order: SuspensionOrder) -> Suspending<'_>;
}
