//! Errors of the door itself, in JSON-RPC (`spec/mcp.md`, 2).

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::wire::{NoMessage, Problem};

/// What is JSON, but not a request.
pub(super) const INVALID: i32 = -32600;
/// What is a request, but not with these parameters.
const PARAMS: i32 = -32602;
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
    id: Option<Value>,
}

impl Fault {
    /// A refusal of a request whose id is not known.
    pub(super) fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            id: None,
        }
    }

    /// The same, of the request with this id.
    pub(super) fn of(mut self, id: &Value) -> Self {
        if id.is_string() || id.is_number() {
            self.id = Some(id.clone());
        }
        self
    }

    /// A session that nobody here knows, or that is another's: clients start a new one on this answer.
    pub(super) fn unknown_session() -> Self {
        let message = "Session not found: send `initialize` again without `Mcp-Session-Id`";
        Self::new(StatusCode::NOT_FOUND, -32001, message)
    }

    /// A request that was understood, with parameters that are none: an answer, as far as HTTP is concerned.
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, PARAMS, message)
    }

    /// A message that was not read.
    pub(super) fn unread(problem: &Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let message = problem.detail.as_str().unwrap_or(&problem.title);
        Self::new(status, INVALID, message)
    }

    /// Bytes that are no message.
    pub(super) fn no_message(why: &NoMessage) -> Self {
        let fault = Self::new(StatusCode::BAD_REQUEST, why.code(), why.to_string());
        match why {
            NoMessage::Invalid { id: Some(id), .. } => fault.of(id),
            NoMessage::Invalid { id: None, .. } | NoMessage::Unreadable(_) => fault,
        }
    }

    /// Under which reason it is counted, if what came was no request at all or not meant for here.
    pub(super) const fn reason(&self) -> Option<&'static str> {
        match self.status {
            StatusCode::OK => Some("invalid_value"),
            StatusCode::BAD_REQUEST => Some("unreadable_body"),
            StatusCode::PAYLOAD_TOO_LARGE => Some("too_large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Some("unsupported_media_type"),
            _ => None,
        }
    }

    /// As an answer. An id that is not known is left out: JSON-RPC would say null, which no revision of MCP has.
    pub(super) fn into_response(self) -> Response {
        let mut body = json!({
            "jsonrpc": "2.0",
            "error": { "code": self.code, "message": self.message },
        });
        if let (Some(members), Some(id)) = (body.as_object_mut(), self.id) {
            members.insert("id".to_owned(), id);
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    }
}
