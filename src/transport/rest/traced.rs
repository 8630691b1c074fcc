//! Requests as spans, in the words of HTTP.

use axum::extract::Request;
use axum::response::Response;

use crate::telemetry::{Side, Span};
use crate::transport::mcp;
use crate::transport::trace_context::TraceContext;

use super::extract::Asker;
use super::{ROUTES, Rest};

/// Methods by their names; a caller can invent others.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// What is asked all day and tells nothing, and the door that has spans of its own.
const QUIET: [&str; 5] = ["/livez", "/readyz", "/healthz", "/metrics", mcp::PATH];
/// Paths besides those of [`ROUTES`].
const OTHERS: [&str; 10] = [
    "/",
    "/.well-known/authzen-configuration",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/access/v1/evaluation",
    "/access/v1/evaluations",
    "/docs",
    "/openapi.json",
    "/tools/execute",
    "/tools/execute/batch",
];

/// Begins the span of a request that was let in, and gives it to whoever asks, for the calls that it makes.
///
/// Who is nobody makes none: a stranger could fill the collector, and say what is recorded.
pub(super) fn begin(rest: &Rest, request: &mut Request) -> Span {
    let path = request.uri().path();
    if !rest.traces.are_on() || QUIET.contains(&path) {
        return Span::default();
    }
    let known = request.extensions().get::<Asker>().cloned();
    let Some(asker) = known.filter(|asker| asker.roles.is_some()) else {
        return Span::default();
    };
    let method = request.method().as_str();
    let method = METHODS.into_iter().find(|known| *known == method);
    let route = template(path);
    // As the conventions have it: the path itself may hold names of agents, and there is no end of paths.
    let name = match (method, route) {
        (Some(method), Some(route)) => format!("{method} {route}"),
        (Some(method), None) => method.to_owned(),
        (None, _) => "HTTP".to_owned(),
    };
    let context = TraceContext::of_headers(request.headers());
    let span = rest.traces.span(name, Side::Server, context.origin());
    span.say("http.request.method", method.unwrap_or("_OTHER"));
    if let Some(route) = route {
        span.say("http.route", route);
    }
    span.say("policyguard.door", rest.door.as_str());
    request.extensions_mut().insert(asker.within(span.clone()));
    span
}

/// Says how the request was answered.
pub(super) fn end(span: &Span, response: &Response) {
    let status = response.status();
    span.count("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.fail(status.as_u16().to_string());
    }
}

/// The path as the routes write it; one without variables before one with.
fn template(path: &str) -> Option<&'static str> {
    let routes = ROUTES.iter().map(|route| route.path);
    let known = routes.chain(OTHERS);
    let exact = known.clone().find(|known| *known == path);
    exact.or_else(|| known.into_iter().find(|known| fits(known, path)))
}

fn fits(template: &str, path: &str) -> bool {
    let parts = template.split('/').zip(path.split('/'));
    template.split('/').count() == path.split('/').count()
        && parts
            .into_iter()
            .all(|(known, part)| known == part || known.starts_with('{') && !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_as_its_route_and_an_unknown_one_not_at_all() {
        for (path, route) in [
            ("/tools/execute", Some("/tools/execute")),
            ("/api/v1/agents/etl-1", Some("/api/v1/agents/{agent_id}")),
            (
                "/api/v1/agents/etl-1/suspend",
                Some("/api/v1/agents/{agent_id}/suspend"),
            ),
            ("/api/v1/agents/", None),
            ("/api/v1/agents/a/b", None),
            ("/nothing", None),
        ] {
            assert_eq!(template(path), route, "{path}");
        }
        for route in ROUTES {
            assert_eq!(template(route.path), Some(route.path));
        }
    }
}
