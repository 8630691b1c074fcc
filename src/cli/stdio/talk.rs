//! What a client and its gateway agreed on so far, and what of that goes with each message.

use std::collections::HashMap;

use tokio::task::AbortHandle;

use crate::outbound::Headers;
use crate::wire::Message;

/// The header by which a session is named.
pub(super) const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
/// Where a message of the revision without sessions says its version.
const OWN_VERSION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";

/// What was agreed on so far.
#[derive(Default)]
pub(super) struct Talk {
    pub(super) session: Option<String>,
    pub(super) version: Option<String>,
    /// The greeting, to be said again to a gateway that no longer knows the session.
    pub(super) greeting: Option<Vec<u8>>,
    /// The requests under way, by their id.
    pub(super) under_way: HashMap<String, AbortHandle>,
}

impl Talk {
    /// Adds what goes with a message: what was agreed on, or what the newest revision repeats of the body.
    pub(super) fn add_headers(&self, message: Option<&Message>, headers: &mut Headers) {
        let text = |pointer: &str| message.and_then(|message| message.text(pointer));
        if let Some(version) = text(OWN_VERSION) {
            headers.push((VERSION, version.to_owned()));
            if let Some(method) = text("/method") {
                headers.push(("mcp-method", method.to_owned()));
            }
            if let Some(name) = text("/params/name").or_else(|| text("/params/uri")) {
                headers.push(("mcp-name", in_header(name)));
            }
            return;
        }
        if let Some(session) = &self.session {
            headers.push((SESSION, session.clone()));
        }
        if let Some(version) = &self.version {
            headers.push((VERSION, version.clone()));
        }
    }

    /// Hangs up on the request that this message cancels, which is how the revision without sessions does that over
    /// HTTP; false where there is a session, in which it is said.
    pub(super) fn lets_go(&mut self, message: &Message) -> bool {
        if self.session.is_some() {
            return false;
        }
        let id = message.at("/params/requestId").map(ToString::to_string);
        if let Some(request) = id.and_then(|id| self.under_way.remove(&id)) {
            request.abort();
        }
        true
    }
}

/// The name as a header may hold it: as it is, or in base64 as the revision of 2026-07-28 says.
fn in_header(name: &str) -> String {
    use base64::Engine as _;
    let plain = name.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    if plain && !name.starts_with("=?") {
        return name.to_owned();
    }
    let coded = base64::engine::general_purpose::STANDARD.encode(name);
    format!("=?base64?{coded}?=")
}
