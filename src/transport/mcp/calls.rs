//! Calls on the road for whoever asks over MCP.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::{LoggingLevel, ProtocolVersion};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};

use crate::domain::canonical_json;
use crate::pipeline::{Answer, Body, Call};
use crate::tools::Line;
use crate::transport::traced;

use super::handler::guest;
use super::{Guest, Road, answer, line};

/// What a client sends along when it repeats a request that was answered by a question.
#[derive(Default)]
pub(super) struct Inputs {
    /// Its answers.
    pub(super) responses: Option<BTreeMap<String, Value>>,
    /// What it was given to keep.
    pub(super) state: Option<String>,
}

impl Road {
    /// Runs a tool for whoever asks, and gives up waiting, not the call, when the client cancels it.
    pub(super) async fn run(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        inputs: Inputs,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, ErrorData> {
        let guest = guest(context)?;
        self.refuse_elsewhere(tool, &guest)?;
        let in_mcp = self.is_in_mcp(tool);
        let bound = if in_mcp {
            bound(&guest, tool, &arguments)
        } else {
            Vec::new()
        };
        let state = inputs
            .state
            .map(|sealed| self.states.open(&sealed, &bound))
            .transpose()?;
        let line = if in_mcp {
            let given = json!({ "inputResponses": inputs.responses, "requestState": state });
            let level = self.log_level(&guest, context);
            Line::to(Arc::new(line::Caller::new(context.clone(), given, level)))
        } else {
            Line::default()
        };
        let call = Call {
            credentials: guest.credentials,
            line,
            journey: traced::told_by(&guest.span),
            ..Call::tool(guest.caller, tool, arguments)
        };
        let end = self.take(call, &context.ct).await;
        let end = end.ok_or_else(|| ErrorData::internal_error("Cancelled", None))?;
        let mut answer = end.map_err(|unanswered| answer::no_answer(&unanswered))?;
        if let (true, Body::Done(result)) = (in_mcp, &mut answer.body) {
            self.seal(result, &bound);
        }
        Ok(answer)
    }

    /// Refuses a tool that is catalogued, but not for this door.
    pub(super) fn refuse_elsewhere(&self, tool: &str, guest: &Guest) -> Result<(), ErrorData> {
        let offered = self.tools.contains_key(tool);
        if offered || self.pipeline.catalog().definition(tool).is_none() {
            return Ok(());
        }
        self.pipeline.note_refused(&guest.caller, "invalid_value");
        guest.span.fail("unknown_tool");
        Err(answer::unknown(tool))
    }

    /// Seals what the tool gives its client to keep.
    fn seal(&self, result: &mut Value, bound: &[u8]) {
        if let Some(Value::String(state)) = result.get_mut("requestState") {
            *state = self.states.seal(state, bound);
        }
    }

    /// From which level on the client wants a tool's log: what the request says, or before that revision its session.
    fn log_level(
        &self,
        guest: &Guest,
        context: &RequestContext<RoleServer>,
    ) -> Option<LoggingLevel> {
        let version = context.protocol_version();
        let stateless = version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        if stateless {
            return context.meta.log_level();
        }
        let wishes = self.wishes();
        let wished = guest.session.as_ref().and_then(|id| wishes.get(id));
        Some(
            wished
                .and_then(|wish| wish.level)
                .unwrap_or(LoggingLevel::Info),
        )
    }
}

/// What a state is bound to: the caller, the tool and its arguments.
fn bound(guest: &Guest, tool: &str, arguments: &Map<String, Value>) -> Vec<u8> {
    canonical_json(&json!([guest.agent_id.as_str(), tool, arguments]))
}
