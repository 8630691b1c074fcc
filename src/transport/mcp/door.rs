//! `/mcp`: which of the two services reads a request, whose sessions are whose, and errors in JSON-RPC.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use rmcp::model::ServerJsonRpcMessage;
use serde_json::Value;

use crate::domain::{AgentId, LocalRole};
use crate::pipeline::{Caller, Credentials, Door, SessionRefused, Unanswered};
use crate::telemetry::Span;
use crate::transport::body;
use crate::transport::rest::Asker;
use crate::wire::Message;

use super::bare::Bare;
use super::fault::{Fault, INTERNAL, INVALID, TRANSPORT};
use super::{Guest, Mcp, sessions};

/// Where it is.
pub(in crate::transport) const PATH: &str = "/mcp";
/// The header by which a client names its session.
const SESSION: &str = "mcp-session-id";
/// The headers by which a program on this machine says for whom it speaks.
const AGENT: &str = "x-policyguard-agent";
const ROLE: &str = "x-policyguard-role";
/// What the services want to read in `Accept`; what a client can take of it is its own affair.
const EVERYTHING: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
/// The longest body of a refusal that the services make.
const REFUSAL: usize = 4_096;

/// The route of the door.
pub(in crate::transport) fn routes<S: Clone + Send + Sync + 'static>(mcp: Arc<Mcp>) -> Router<S> {
    let handler = move |request: Request| async move { mcp.answer(request).await };
    Router::new().route(PATH, any(handler))
}

/// A message that came in.
struct Received {
    bytes: Bytes,
    id: Value,
    opens_session: bool,
    /// The span of the call, if it is one.
    span: Span,
    /// The message again, if it is a call that needs nothing of the library.
    bare: Option<Bare>,
}

impl Mcp {
    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let asker = request.extensions().get::<Asker>();
        let caller = asker.map_or_else(
            || Caller::at(self.door),
            |asker| asker.caller.through(self.door),
        );
        let shown = asker.map_or(Credentials::None, |asker| asker.credentials.clone());
        let credentials = match self.credentials(request.headers(), shown) {
            Ok(credentials) => credentials,
            Err(fault) => return fault.into_response(),
        };
        let admitted = self.admit(request, caller.clone(), credentials).await;
        admitted.unwrap_or_else(|fault| {
            if let Some(reason) = fault.reason() {
                self.road.pipeline.note_refused(&caller, reason);
            }
            fault.into_response()
        })
    }

    /// What the caller shows of itself. Only the program behind the socket says for whom it speaks; over HTTP no plain
    /// header says anything.
    fn credentials(&self, headers: &HeaderMap, shown: Credentials) -> Result<Credentials, Fault> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Door::Stdio, Some(agent), Credentials::None) = (self.door, text(AGENT), &shown) else {
            return Ok(shown);
        };
        let refuse = |message: String| Fault::new(StatusCode::BAD_REQUEST, INVALID, message);
        let agent_id = AgentId::parse(agent).map_err(|fault| refuse(fault.to_string()))?;
        let role = text(ROLE).map_or(Some(LocalRole::default()), LocalRole::parse);
        let role =
            role.ok_or_else(|| refuse("A role here is agent, operator or admin".to_owned()))?;
        Ok(Credentials::Started { agent_id, role })
    }

    /// Knows the caller before anything is read of what it sent.
    async fn admit(
        &self,
        request: Request,
        caller: Caller,
        credentials: Credentials,
    ) -> Result<Response, Fault> {
        let agent_id = self
            .road
            .pipeline
            .identify(&caller, &credentials)
            .map_err(|unanswered| unidentified(&unanswered))?;
        let (parts, body) = request.into_parts();
        let guest = Guest {
            caller,
            credentials,
            agent_id,
            session: session_of(&parts.headers).map(Arc::from),
            span: Span::default(),
        };
        match parts.method {
            Method::POST => self.post(parts, body, guest).await,
            Method::GET | Method::DELETE => Box::pin(self.without_message(parts, guest)).await,
            _ => Err(wrong_method("POST, GET, DELETE")),
        }
    }

    async fn post(&self, mut parts: Parts, body: Body, guest: Guest) -> Result<Response, Fault> {
        let mut message = self.read(&parts.headers, body).await?;
        let guest = guest.followed_by(&message.span);
        if let Some(bare) = message.bare.take()
            && self.road.takes_bare(&bare)
        {
            return answered(&self.road.run_bare(bare, guest).await);
        }
        parts.headers.insert(header::ACCEPT, EVERYTHING);
        parts.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let body = Body::from(message.bytes.clone());
        let (agent_id, in_session) = (guest.agent_id.clone(), guest.session.is_some());
        parts.extensions.insert(guest);
        if !in_session && !message.opens_session {
            let answer = self.alone.handle(Request::from_parts(parts, body)).await;
            return in_json_rpc(answer.map(Body::new), &message.id).await;
        }
        // Boxed: most calls stand alone, and their future need not have room for this one.
        let span = message.span.clone();
        let answer = Box::pin(self.post_in_session(parts, body, agent_id, message)).await;
        answer.inspect_err(|_| span.fail("session"))
    }

    async fn post_in_session(
        &self,
        parts: Parts,
        body: Body,
        agent_id: AgentId,
        message: Received,
    ) -> Result<Response, Fault> {
        if let Some(session) = session_of(&parts.headers) {
            let known = self.road.pipeline.session(session, &agent_id);
            let known = known.ok_or_else(|| Fault::unknown_session().of(&message.id))?;
            message.span.say("mcp.session.id", known.id.to_string());
        } else {
            let ended = self.road.pipeline.make_room(&agent_id).await;
            for id in ended.map_err(|refused| no_session(&refused).of(&message.id))? {
                self.let_go(&id).await;
            }
        }
        let request = Request::from_parts(parts, body);
        let work = self.in_session.handle(request);
        let answer = sessions::working_for(agent_id.clone(), work).await;
        if message.opens_session
            && let Some(opened) = session_of(answer.headers())
            && self.road.pipeline.session(opened, &agent_id).is_none()
        {
            let why = "The session could not be recorded: try again, or call without a session";
            let fault = Fault::new(StatusCode::SERVICE_UNAVAILABLE, INTERNAL, why);
            return Err(fault.of(&message.id));
        }
        in_json_rpc(answer.map(Body::new), &message.id).await
    }

    /// A stream to listen on, or the end of a session.
    async fn without_message(&self, mut parts: Parts, guest: Guest) -> Result<Response, Fault> {
        let agent_id = guest.agent_id.clone();
        let session = session_of(&parts.headers).ok_or_else(|| wrong_method("POST"))?;
        let session = self
            .road
            .pipeline
            .session(session, &agent_id)
            .ok_or_else(Fault::unknown_session)?;
        if parts.method == Method::DELETE {
            let ended = self.road.pipeline.end_session(&session, "by its client");
            ended.await.map_err(|refused| no_session(&refused))?;
            self.let_go(&session.id).await;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        parts.headers.insert(header::ACCEPT, EVERYTHING);
        parts.extensions.insert(guest);
        let request = Request::from_parts(parts, Body::empty());
        let work = self.in_session.handle(request);
        let answer = sessions::working_for(agent_id, work).await;
        in_json_rpc(answer.map(Body::new), &Value::Null).await
    }

    /// Forgets a session that ended.
    async fn let_go(&self, id: &Arc<str>) {
        sessions::end_worker(&self.workers, id).await;
        self.road.wishes().remove(id);
    }

    /// Reads one message, as strictly as every door does.
    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Received, Fault> {
        check_media(headers)?;
        let bytes = body::read(body, self.body_limit).await;
        let bytes = bytes.map_err(|fault| Fault::unread(&fault.problem()))?;
        let message = Message::read(&bytes).map_err(|fault| Fault::no_message(&fault))?;
        let id = message.id().cloned().unwrap_or_default();
        let method = message.method();
        let mut span = Span::default();
        if method == Some("tools/call") {
            span = self.span(headers, &message);
            check_call(&message).map_err(|what| {
                span.fail("invalid_params");
                Fault::params(format!("Invalid params: {what}")).of(&id)
            })?;
        }
        Ok(Received {
            span,
            bytes,
            id,
            opens_session: method == Some("initialize"),
            bare: Bare::of(headers, message.into_value()),
        })
    }
}

/// The session that the request names.
pub(super) fn session_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION)?.to_str().ok()
}

/// A call names a tool and gives it an object: the library takes anything else for a method that it does not know.
fn check_call(message: &Message) -> Result<(), &'static str> {
    if !message.at("/params").is_some_and(Value::is_object) {
        return Err("`params` must be an object with the `name` of a tool");
    }
    if message.text("/params/name").is_none() {
        return Err("`name` must be a string, the name of a tool");
    }
    match message.at("/params/arguments") {
        None | Some(Value::Object(_)) => Ok(()),
        Some(_) => Err("`arguments` must be an object; leave it out where a tool takes none"),
    }
}

/// Only plain JSON is read: a browser form cannot claim that type without asking first.
fn check_media(headers: &HeaderMap) -> Result<(), Fault> {
    let refuse = |message: &str| Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, message);
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let encoding = text(header::CONTENT_ENCODING).unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        return Err(refuse("Send the body as it is, without Content-Encoding"));
    }
    let media = text(header::CONTENT_TYPE).unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(refuse("Send `Content-Type: application/json`"))
    }
}

fn wrong_method(allowed: &str) -> Fault {
    let message = format!("Without a session this takes {allowed} only");
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, TRANSPORT, message)
}

fn unidentified(unanswered: &Unanswered) -> Fault {
    match unanswered {
        Unanswered::Unauthenticated => Fault::new(
            StatusCode::UNAUTHORIZED,
            TRANSPORT,
            "Not authenticated: this door takes a key, as `Authorization: Bearer pg_…`; `policyguard stdio` takes it \
             from POLICYGUARD_API_KEY",
        ),
        Unanswered::NotForThem(_)
        | Unanswered::Full(_)
        | Unanswered::Unregistered(_)
        | Unanswered::Unavailable { .. }
        | Unanswered::Withheld { .. }
        | Unanswered::Unsettled { .. }
        | Unanswered::Broken => Fault::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            INTERNAL,
            "Internal error",
        ),
    }
}

fn no_session(refused: &SessionRefused) -> Fault {
    let message = match refused {
        SessionRefused::NoPlace(full) => full.to_string(),
        SessionRefused::Unrecorded(_) => {
            tracing::error!(%refused, "audit_unavailable");
            "The session cannot be recorded now: try again".to_owned()
        }
    };
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, TRANSPORT, message)
}

/// The answer to a call that went the short way.
fn answered(message: &ServerJsonRpcMessage) -> Result<Response, Fault> {
    let text = serde_json::to_vec(message).map_err(|fault| {
        tracing::error!(%fault, "mcp");
        Fault::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            INTERNAL,
            "Internal error",
        )
    })?;
    let media = [(header::CONTENT_TYPE, "application/json")];
    Ok((media, text).into_response())
}

/// A refusal that a service wrote as plain text, in JSON-RPC.
async fn in_json_rpc(answer: Response, id: &Value) -> Result<Response, Fault> {
    let status = answer.status();
    let is_json = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|media| media.as_bytes().starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return Ok(answer);
    }
    let text = to_bytes(answer.into_body(), REFUSAL)
        .await
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    if status.is_server_error() {
        tracing::error!(%text, "mcp");
        return Err(Fault::new(status, INTERNAL, "Internal error").of(id));
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // It is JSON, but not a message that any revision has.
        let message = "Invalid request: not a JSON-RPC request, notification or response";
        return Err(Fault::new(StatusCode::BAD_REQUEST, INVALID, message).of(id));
    }
    Err(Fault::new(status, TRANSPORT, text.into_owned()).of(id))
}
