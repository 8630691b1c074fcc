//! Errors of the door itself, in JSON-RPC (`spec/mcp.md`, 2).

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// What is not JSON.
pub(super) const PARSE: i32 = -32700;
/// What is JSON, but not a request.
pub(super) const INVALID: i32 = -32600;
/// A fault of ours.
pub(super) const INTERNAL: i32 = -32603;
/// What a server may define for itself: here, what the transport refuses.
pub(super) const TRANSPORT: i32 = -32000;

/// The answer to a request that was refused before this door saw it.
pub(in crate::transport) fn refusal(status: StatusCode, message: &str) -> Response {
    Fault::new(status, TRANSPORT, message).into_response()
}

/// A refusal of the transport.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    code: i32,
    message: String,
    id: Value,
}

impl Fault {
    /// A refusal of a request whose id is not known.
    pub(super) fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            id: Value::Null,
        }
    }

    /// The same, of the request with this id.
    pub(super) fn of(mut self, id: &Value) -> Self {
        if id.is_string() || id.is_number() {
            self.id = id.clone();
        }
        self
    }

    /// A session that nobody here knows, or that is another's: clients start a new one on this answer.
    pub(super) fn unknown_session() -> Self {
        let message = "Session not found: send `initialize` again without `Mcp-Session-Id`";
        Self::new(StatusCode::NOT_FOUND, -32001, message)
    }

    /// As an answer.
    pub(super) fn into_response(self) -> Response {
        let body = json!({
            "jsonrpc": "2.0",
            "id": self.id,
            "error": { "code": self.code, "message": self.message },
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    }
}
