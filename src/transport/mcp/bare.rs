//! A bare `tools/call`, as curl sends it: no session, no word on revisions, nothing to hear but the result.
//!
//! The library makes a service with channels, tasks and a handshake of its own for every request that stands alone,
//! which costs more than the decision and its record. A bare call uses nothing of that, so it goes straight down the
//! road. A test holds its answers against the library's.

use axum::http::HeaderMap;
use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, RequestId, ServerJsonRpcMessage, ServerResult};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::pipeline::Call;
use crate::transport::running::Running;
use crate::transport::traced;

use super::door::session_of;
use super::{Guest, Road, answer};

/// The header by which a client names the revision that it speaks.
const REVISION: &str = "mcp-protocol-version";

/// A bare call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bare {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: IgnoredAny,
    #[serde(rename = "method")]
    _method: Method,
    id: RequestId,
    params: Params,
}

#[derive(Deserialize)]
enum Method {
    #[serde(rename = "tools/call")]
    ToolsCall,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl Bare {
    /// The call in this message, if it is one and asks for nothing but its result.
    pub(super) fn of(headers: &HeaderMap, message: Value) -> Option<Self> {
        if headers.contains_key(REVISION) || session_of(headers).is_some() {
            return None;
        }
        serde_json::from_value(message).ok()
    }
}

impl Road {
    /// Whether the call may go the short way: a tool that answers in MCP's own words may want to hear its client.
    pub(super) fn takes_bare(&self, call: &Bare) -> bool {
        !self.is_in_mcp(&call.params.name)
    }

    /// Runs a bare call and words the end of it. Whoever goes away meanwhile cancels nothing.
    pub(super) async fn run_bare(&self, bare: Bare, guest: Guest) -> ServerJsonRpcMessage {
        let Bare { id, params, .. } = bare;
        match self.bare_result(params, guest).await {
            Ok(result) => {
                let mut result = ServerResult::from(result);
                // Who says nothing of a revision speaks an old one.
                result.strip_result_type_for_legacy_peer();
                ServerJsonRpcMessage::response(result, id)
            }
            Err(error) => ServerJsonRpcMessage::error(error, Some(id)),
        }
    }

    async fn bare_result(
        &self,
        params: Params,
        guest: Guest,
    ) -> Result<CallToolResponse, ErrorData> {
        let Params { name, arguments } = params;
        self.refuse_elsewhere(&name, &guest)?;
        let call = Call {
            credentials: guest.credentials,
            journey: traced::told_by(&guest.span),
            ..Call::tool(guest.caller, name, arguments)
        };
        let end = Running::new(&self.pipeline, &self.running, call).await;
        let answer = end.map_err(|unanswered| answer::no_answer(&unanswered))?;
        answer::result(answer, false, |decision| self.may_know(decision))
    }
}
