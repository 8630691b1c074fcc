//! What every door hands in.

use serde_json::{Map, Value};

use crate::audit::Caller;
use crate::domain::{ActionType, AgentId, CorrelationId};
use crate::identity::Credentials;
use crate::tools::Line;

use super::Journey;

/// One call, as the door read it; nothing in it is believed yet.
#[derive(Debug, Clone)]
pub struct Call {
    /// The door and where the call came from.
    pub caller: Caller,
    /// What the door found of a credential.
    pub credentials: Credentials,
    /// What kind of act; a tool call at most doors.
    pub action: ActionType,
    /// The tool, or the target of another action type.
    pub tool: String,
    /// The arguments.
    pub arguments: Map<String, Value>,
    /// The agent for whom the caller says it acts.
    pub agent_id: Option<AgentId>,
    /// What the caller says besides.
    pub stated: Map<String, Value>,
    /// Whether only to tell what would happen.
    pub shadow: bool,
    /// The caller's own name for the work.
    pub correlation_id: Option<CorrelationId>,
    /// The way back to the client, if its door has one.
    pub line: Line,
    /// Who is told how it gets on.
    pub journey: Journey,
}

impl Call {
    /// A plain tool call without anything said besides.
    #[must_use]
    pub fn tool(caller: Caller, tool: impl Into<String>, arguments: Map<String, Value>) -> Self {
        Self {
            caller,
            credentials: Credentials::None,
            action: ActionType::ToolCall,
            tool: tool.into(),
            arguments,
            agent_id: None,
            stated: Map::new(),
            shadow: false,
            correlation_id: None,
            line: Line::default(),
            journey: Journey::default(),
        }
    }
}
