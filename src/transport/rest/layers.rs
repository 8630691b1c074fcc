//! What stands around every route: a request id, and which hosts and origins are served.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use crate::pipeline::{Caller, Credentials, Door, Unanswered};
use crate::telemetry::Span;
use crate::wire::{Problem, ProblemCode};

use super::extract::Asker;
use super::known::while_known;
use super::{Rest, answer, extract, forwarded, listeners};
use crate::transport::serve::{OnlyHealth, OverTls, Unsound};
use crate::transport::{credentials, mcp};

/// How much later a wrong credential is answered. Timers have steps of a millisecond, in which it drowns how long the
/// look-up took.
const AFTER_WRONG: Duration = Duration::from_millis(1);

/// The code of a denial that another role would lift.
const ROLE_REQUIRED: &str = "role_required";

/// The name of one request, in the answer's `x-request-id` and in the records.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// Hosts and origins that are served: a page of a stranger must not reach a gateway on loopback (DNS rebinding).
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Hosts {
    /// Loopback names and the bound address, and what is configured besides (`ALLOWED_HOSTS`, `ALLOWED_ORIGINS`).
    #[must_use]
    pub fn new(bound: &str, hosts: &[String], origins: &[String]) -> Self {
        let mut all: Vec<String> = ["localhost", "127.0.0.1", "[::1]", bound]
            .iter()
            .map(|host| (*host).to_owned())
            .collect();
        all.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
        Self {
            hosts: all,
            origins: origins
                .iter()
                .map(|origin| origin.to_ascii_lowercase())
                .collect(),
        }
    }

    fn serves_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port))
                if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                name
            }
            Some(_) | None => host.as_str(),
        };
        self.hosts
            .iter()
            .any(|served| served == name || *served == host)
    }

    fn serves_origin(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        self.origins.contains(&origin) || host.is_some_and(|host| self.serves_host(host))
    }
}

/// Gives the request its id, and turns away hosts and origins that are not served.
pub(super) async fn guard<F: Future<Output = Response>>(
    rest: &Rest,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let caller = extract::find_caller(rest, &request);
    let in_json_rpc = request.uri().path() == mcp::PATH;
    let base = Base::of(rest, &request);
    let shown = credentials::of(request.headers(), request.uri().query());
    let shows = matches!(shown, Ok(Credentials::Shown(_)));
    let admitted = match check(rest, &request).and(shown) {
        Ok(credentials) => admit(rest, &mut request, &caller, credentials).await,
        Err(problem) => Err(problem),
    };
    let asker = request.extensions().get::<Asker>().cloned();
    let response = match admitted {
        Ok(()) => next(request).await,
        Err(problem) => answer::problem(&problem),
    };
    let mut response = while_known(response, &rest.pipeline, asker);
    let refused = response.extensions_mut().remove::<Problem>();
    let lacks_role = refused
        .as_ref()
        .is_some_and(|problem| problem.code == ROLE_REQUIRED);
    if let Some(problem) = refused {
        // What was decided has its record; what could not even be read is counted.
        if problem.action_id.is_none()
            && matches!(problem.status, 400 | 401 | 403 | 413 | 415 | 422)
        {
            rest.pipeline.note_refused(&caller, problem.code);
        }
        let allowed = response.headers_mut().remove(header::ALLOW);
        response = worded(problem, response.status(), &id, in_json_rpc);
        if let Some(methods) = allowed {
            response.headers_mut().insert(header::ALLOW, methods);
        }
    }
    if shows && response.status() == StatusCode::UNAUTHORIZED {
        tokio::time::sleep(AFTER_WRONG).await;
        let address = caller.source.address.as_deref().unwrap_or_default();
        if rest.guesses.is_too_many(address) {
            let status = StatusCode::TOO_MANY_REQUESTS;
            response = worded(too_many_guesses(), status, &id, in_json_rpc);
        }
    }
    let challenge = match response.status() {
        StatusCode::UNAUTHORIZED => Some(credentials::challenge(&base, shows)),
        StatusCode::FORBIDDEN if shows && lacks_role => Some(credentials::lacks_role(&base)),
        _ => None,
    };
    let said = [
        (HeaderName::from_static("x-request-id"), Some(id)),
        (header::WWW_AUTHENTICATE, challenge),
    ];
    for (name, value) in said {
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The problem as its door words it, with the request's id.
fn worded(problem: Problem, status: StatusCode, id: &str, in_json_rpc: bool) -> Response {
    if in_json_rpc {
        let detail = problem.detail.as_str().unwrap_or(&problem.title);
        return mcp::refusal(status, detail);
    }
    let mut response = answer::problem(&Problem {
        request_id: Some(id.to_owned()),
        ..problem
    });
    response.extensions_mut().remove::<Problem>();
    response
}

/// What guessing is answered after a while.
fn too_many_guesses() -> Problem {
    let detail = "too many wrong credentials came from this address";
    Problem::new(ProblemCode::TooMany, detail)
        .hint("wait a minute; a right credential is taken at any time")
}

/// Notes who asks. Whoever shows nothing that counts gets only what is open to everybody (`spec/identity.md`, "Roles").
async fn admit(
    rest: &Rest,
    request: &mut Request,
    caller: &Caller,
    credentials: Credentials,
) -> Result<(), Problem> {
    rest.pipeline.prepare(&credentials).await;
    let roles = rest.pipeline.roles(caller, &credentials);
    if roles.is_none() && !is_open(request.uri().path()) && !listeners::opens(request) {
        return Err(answer::no_answer(&Unanswered::Unauthenticated));
    }
    let asker = Asker {
        caller: caller.clone(),
        credentials,
        roles,
        span: Span::default(),
    };
    request.extensions_mut().insert(asker);
    Ok(())
}

/// Whether anybody may ask for it. The door of MCP asks for credentials itself.
fn is_open(path: &str) -> bool {
    matches!(path, "/" | "/livez" | "/readyz" | "/healthz" | mcp::PATH)
        || path.starts_with("/.well-known/")
}

/// Where the gateway is for the client that asks, as it names it. It is written only where it is said.
pub(super) struct Base {
    scheme: &'static str,
    host: Option<HeaderValue>,
}

impl Base {
    /// The base of this request.
    pub(super) fn of(rest: &Rest, request: &Request) -> Self {
        let over_tls = request.extensions().get::<OverTls>().is_some();
        let https = over_tls || forwarded::over_https(request, &rest.proxies);
        Self {
            scheme: if https { "https" } else { "http" },
            host: request.headers().get(header::HOST).cloned(),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_ref().and_then(|host| host.to_str().ok());
        write!(f, "{}://{}", self.scheme, host.unwrap_or_default())
    }
}

fn check(rest: &Rest, request: &Request) -> Result<(), Problem> {
    if let Some(Unsound(why)) = request.extensions().get() {
        return Err(Problem::new(ProblemCode::InvalidValue, *why)
            .hint("send one request that can be read in one way only"));
    }
    let health = matches!(request.uri().path(), "/livez" | "/readyz" | "/healthz");
    if !health && request.extensions().get::<OnlyHealth>().is_some() {
        return Err(Problem::new(
            ProblemCode::Busy,
            "every connection is taken; only health is told on this one",
        )
        .hint("try again in a moment, or raise limits.connections"));
    }
    // The socket is reached through the file system, which no page can.
    if health || rest.door == Door::Cli {
        return Ok(());
    }
    let headers = request.headers();
    let one = |name: header::HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().map(str::to_owned),
            _ => None,
        }
    };
    let host = one(header::HOST).or_else(|| request.uri().authority().map(ToString::to_string));
    if !host
        .as_deref()
        .is_some_and(|host| rest.hosts.serves_host(host))
    {
        let detail = format!(
            "the host `{}` is not served",
            host.unwrap_or_default().escape_debug()
        );
        return Err(
            Problem::new(ProblemCode::ForbiddenOrigin, detail).hint("add it to ALLOWED_HOSTS")
        );
    }
    let origin = headers
        .contains_key(header::ORIGIN)
        .then(|| one(header::ORIGIN).unwrap_or_default());
    if let Some(origin) = origin.filter(|origin| !rest.hosts.serves_origin(origin)) {
        let safe = matches!(*request.method(), Method::GET | Method::HEAD) && origin == "null";
        if !safe {
            let detail = format!("the origin `{}` is not served", origin.escape_debug());
            return Err(Problem::new(ProblemCode::ForbiddenOrigin, detail)
                .hint("add it to ALLOWED_ORIGINS"));
        }
    }
    listeners::check(request)
}

/// The caller's own id if it is a short plain one, else the next of ours.
fn request_id(headers: &HeaderMap) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let plain = |text: &&str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let given = headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(plain);
    given.map_or_else(
        || format!("req_{:012x}", NEXT.fetch_add(1, Ordering::Relaxed)),
        str::to_owned,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_configured_hosts_are_served() {
        let hosts = Hosts::new("127.0.0.1", &["gw.example".to_owned()], &[]);
        for good in [
            "localhost:8000",
            "127.0.0.1",
            "[::1]:8000",
            "GW.example:443",
        ] {
            assert!(hosts.serves_host(good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8000",
            "",
        ] {
            assert!(!hosts.serves_host(bad), "{bad}");
        }
        assert!(hosts.serves_origin("http://localhost:8000"));
        assert!(!hosts.serves_origin("http://evil.example"));
        assert!(!hosts.serves_origin("null"));
    }
}
