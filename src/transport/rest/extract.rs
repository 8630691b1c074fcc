//! What a request must be before anyone reads it: plain JSON of bounded length, one object, known query parameters.

use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use crate::pipeline::{Call, Caller, Credentials, Door, Roles, Source};
use crate::telemetry::Span;
use crate::transport::trace_context::TraceContext;
use crate::transport::{body, traced};
use crate::wire::{FieldProblem, Problem, ProblemCode, read_object, read_value};

use super::layers::RequestId;
use super::routes::{Arguments, Route};
use super::{Rest, forwarded};

/// The longest text of a header that is kept for the record.
const KEPT: usize = 256;

/// The call that a request to a management route makes.
pub(super) async fn call(rest: &Rest, route: &Route, request: Request) -> Result<Call, Problem> {
    let asker = Asker::of(rest, &request);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (mut parts, body) = request.into_parts();
    let tool = rest.pipeline.catalog().definition(route.tool);
    let typed = |texts| typed(texts, tool.map(|tool| &*tool.facts.input_schema));
    let from_path = typed(from_path(&mut parts).await?);
    let from_query = typed(parameters(&query)?);
    let arguments = match route.arguments {
        Arguments::Query => from_query,
        Arguments::Body if from_query.is_empty() => members(rest, &parts.headers, body).await?,
        Arguments::Body => return Err(unexpected_query(&from_query, route.execution_api)),
        Arguments::BodyOrQuery => {
            let members = members(rest, &parts.headers, body).await?;
            joined(members, from_query, "in the query and in the body")?
        }
    };
    let arguments = joined(arguments, from_path, "in the path and elsewhere")?;
    Ok(asker.calls(route.tool, arguments))
}

/// The arguments that stand in the path.
async fn from_path(parts: &mut Parts) -> Result<Map<String, Value>, Problem> {
    let found = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| {
            Problem::new(ProblemCode::InvalidValue, "the path is not UTF-8")
                .hint("percent-encode UTF-8")
        })?;
    let text = |(name, value): (&str, &str)| (name.to_owned(), Value::from(value));
    Ok(found.iter().map(text).collect())
}

/// Both, if they do not contradict each other.
fn joined(
    mut arguments: Map<String, Value>,
    more: Map<String, Value>,
    places: &str,
) -> Result<Map<String, Value>, Problem> {
    for (name, value) in more {
        let other = arguments.insert(name.clone(), value.clone());
        if other.is_some_and(|other| other != value) {
            let detail = format!("`{name}` stands {places}");
            return Err(Problem::new(ProblemCode::InvalidValue, detail).hint("give it once"));
        }
    }
    Ok(arguments)
}

/// The members of the body, which is one JSON object; none when there is no body.
pub(super) async fn members(
    rest: &Rest,
    headers: &HeaderMap,
    body: Body,
) -> Result<Map<String, Value>, Problem> {
    let bytes = body::read(body, rest.body_limit)
        .await
        .map_err(|fault| fault.problem())?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    check_media(headers)?;
    read_object(&bytes).map_err(|fault| {
        Problem::new(ProblemCode::UnreadableBody, fault.to_string())
            .hint("send one JSON object with each key once")
    })
}

/// Only plain JSON is read: a browser form cannot claim that type without asking first.
fn check_media(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let encoding = text(header::CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        let detail = format!("the encoding `{}` is not read", encoding.escape_debug());
        return Err(
            Problem::new(ProblemCode::UnsupportedMedia, detail).hint("send the body as it is")
        );
    }
    let essence = text(header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = if essence.is_empty() {
        "no content type".to_owned()
    } else {
        format!("the content type `{}` is not read", essence.escape_debug())
    };
    Err(Problem::new(ProblemCode::UnsupportedMedia, detail)
        .hint("send `Content-Type: application/json`"))
}

/// Texts of a path or a query as values of the kinds that the tool's schema names for them.
///
/// Only what reads as that kind is changed; the schema judges the rest.
fn typed(texts: Map<String, Value>, schema: Option<&Value>) -> Map<String, Value> {
    let properties = schema.and_then(|schema| schema.get("properties"));
    let kind = |name: &str| properties?.get(name)?.get("type")?.as_str();
    let value = |name: &str, value: Value| {
        let text = value.as_str().unwrap_or_default();
        let read = match (kind(name), text) {
            (Some("boolean"), "true") => Some(Value::Bool(true)),
            (Some("boolean"), "false") => Some(Value::Bool(false)),
            (Some("integer"), digits) => whole(digits),
            (Some("number" | "array" | "object"), text) => read_value(text.as_bytes()).ok(),
            (Some(_) | None, _) => None,
        };
        read.unwrap_or(value)
    };
    texts
        .into_iter()
        .map(|(name, text)| {
            let value = value(&name, text);
            (name, value)
        })
        .collect()
}

/// A whole number as people write it: no sign but a minus, no leading zero.
fn whole(text: &str) -> Option<Value> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then(|| Value::from(number))
}

/// The parameters of a query, as texts.
pub(super) fn parameters(query: &str) -> Result<Map<String, Value>, Problem> {
    let mut map = Map::new();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| {
        Problem::new(ProblemCode::InvalidValue, "the query cannot be read")
            .hint("percent-encode UTF-8")
    })?;
    if query.contains('%')
        && percent_encoding::percent_decode_str(query)
            .decode_utf8()
            .is_err()
    {
        return Err(
            Problem::new(ProblemCode::InvalidValue, "the query is not UTF-8")
                .hint("percent-encode UTF-8"),
        );
    }
    for (name, text) in pairs {
        if map.insert(name.clone(), Value::String(text)).is_some() {
            let detail = format!("the query parameter `{}` stands twice", name.escape_debug());
            return Err(Problem::new(ProblemCode::InvalidValue, detail));
        }
    }
    Ok(map)
}

/// The problem of query parameters on a route that takes its arguments in the body.
pub(super) fn unexpected_query(parameters: &Map<String, Value>, execution_api: bool) -> Problem {
    let hint = "this route takes its arguments in the body";
    if execution_api {
        let problems = parameters
            .keys()
            .map(|name| FieldProblem::new("unknown", "query", name, "no such query parameter"));
        let problems: Vec<FieldProblem> = problems.collect();
        return Problem::new(ProblemCode::InvalidFields, json!(problems)).hint(hint);
    }
    let names: Vec<String> = parameters
        .keys()
        .map(|name| name.escape_debug().to_string())
        .collect();
    Problem::new(
        ProblemCode::InvalidValue,
        format!("unknown query parameter `{}`", names.join("`, `")),
    )
    .hint(hint)
}

/// Where a call comes from, and what it shows of its caller: found out once, by the guard around every route.
#[derive(Debug, Clone)]
pub(in crate::transport) struct Asker {
    /// For the record.
    pub(in crate::transport) caller: Caller,
    /// For the first station of the road.
    pub(in crate::transport) credentials: Credentials,
    /// What the asker may do with the gateway; `None` for nobody, who is told less.
    pub(super) roles: Option<Roles>,
    /// The span of the request.
    pub(super) span: Span,
}

impl Asker {
    /// Who sent the request.
    pub(super) fn of(rest: &Rest, request: &Request) -> Self {
        let found = request.extensions().get::<Self>().cloned();
        found.unwrap_or_else(|| Self {
            caller: find_caller(rest, request),
            credentials: Credentials::None,
            roles: None,
            span: Span::default(),
        })
    }

    /// The same, whose calls are part of this span.
    pub(super) fn within(self, span: Span) -> Self {
        let caller = match span.trace_id() {
            Some(trace_id) => self.caller.traced(trace_id),
            None => self.caller,
        };
        Self {
            caller,
            span,
            ..self
        }
    }

    /// The same, through this door.
    pub(super) fn through(self, door: Door) -> Self {
        Self {
            caller: self.caller.through(door),
            ..self
        }
    }

    /// Its call of this tool.
    pub(super) fn calls(self, tool: impl Into<String>, arguments: Map<String, Value>) -> Call {
        Call {
            credentials: self.credentials,
            journey: traced::within(&self.span),
            ..Call::tool(self.caller, tool, arguments)
        }
    }
}

/// Where a request comes from.
pub(super) fn find_caller(rest: &Rest, request: &Request) -> Caller {
    let header = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?;
        // Visible ASCII: it can be cut anywhere.
        Some(value.get(..KEPT).unwrap_or(value).to_owned())
    };
    let address = forwarded::client(request, &rest.proxies).map(|address| address.to_string());
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone());
    let source = Source {
        address,
        user_agent: header("user-agent"),
        request_id,
        trace_id: TraceContext::trace_of(request.headers()),
        ..Source::default()
    };
    Caller::new(rest.door, source)
}
