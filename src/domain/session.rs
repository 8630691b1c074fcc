//! A client's session, as it outlives the process.

use std::sync::Arc;

use super::{AgentId, Timestamp};

/// A session of an MCP client, bound to who opened it (`spec/mcp.md`, 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name, which only its client knows.
    pub id: Arc<str>,
    /// Whose it is: nobody else may use it.
    pub agent_id: AgentId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What the client said when it opened it, as the door needs it to take the session up again.
    pub state: Arc<str>,
}
