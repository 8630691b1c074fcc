//! Calls as spans, in the words of MCP.

use axum::http::HeaderMap;

use crate::telemetry::{Side, Span};
use crate::transport::trace_context::TraceContext;
use crate::wire::Message;

use super::{Guest, Mcp};

/// What a call is.
const METHOD: &str = "tools/call";
/// Where a message and a request say which revision they speak.
const OWN_REVISION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
const REVISION: &str = "mcp-protocol-version";

impl Mcp {
    /// Begins the span of this call.
    pub(super) fn span(&self, headers: &HeaderMap, message: &Message) -> Span {
        if !self.traces.are_on() {
            return Span::default();
        }
        let tool = message.text("/params/name").unwrap_or_default();
        let tool = self.road.pipeline.known_name(tool);
        let context = TraceContext::of_message(headers, message);
        let name = format!("{METHOD} {tool}");
        let span = self.traces.span(name, Side::Server, context.origin());
        span.say("mcp.method.name", METHOD);
        span.say("gen_ai.operation.name", "execute_tool");
        span.say("gen_ai.tool.name", tool.to_owned());
        span.say("policyguard.door", self.door.as_str());
        let said = headers.get(REVISION).and_then(|value| value.to_str().ok());
        let revision = message.text(OWN_REVISION).or(said);
        if let Some(revision) = revision.filter(|text| is_revision(text)) {
            span.say("mcp.protocol.version", revision.to_owned());
        }
        span
    }
}

impl Guest {
    /// The same: this span tells what it asks, and its records name the trace.
    pub(super) fn followed_by(self, span: &Span) -> Self {
        match span.trace_id() {
            None => self,
            Some(trace_id) => Self {
                caller: self.caller.traced(trace_id),
                span: span.clone(),
                ..self
            },
        }
    }
}

/// Revisions are days.
fn is_revision(text: &str) -> bool {
    let is_fit = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_fit)
}
