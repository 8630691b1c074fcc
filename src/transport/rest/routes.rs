//! The route table: method, path → tool and arguments.

use axum::extract::Request;
use axum::response::Response;

use super::{Rest, answer, extract};

/// Where a route's arguments stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arguments {
    /// In the query.
    Query,
    /// In the body, which may be absent.
    Body,
    /// In the body or in the query.
    BodyOrQuery,
}

/// One management route: a name for a tool.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The tool it calls.
    pub tool: &'static str,
    /// Where its arguments stand.
    pub arguments: Arguments,
    /// Whether it belongs to the execution API, whose clients expect `detail` lists and 422 (`spec/rest.md`, *).
    pub execution_api: bool,
}

const fn row(
    method: &'static str,
    path: &'static str,
    tool: &'static str,
    arguments: Arguments,
    execution_api: bool,
) -> Route {
    Route {
        method,
        path,
        tool,
        arguments,
        execution_api,
    }
}

/// Every management route.
pub const ROUTES: &[Route] = &[
    row(
        "GET",
        "/tools/catalog",
        "list_tools",
        Arguments::Query,
        true,
    ),
    row(
        "GET",
        "/policy/status",
        "get_policy_status",
        Arguments::Query,
        true,
    ),
    row(
        "POST",
        "/policy/set-mode",
        "set_mode",
        Arguments::Body,
        true,
    ),
    row(
        "POST",
        "/policy/grant-temporary",
        "grant_temporary",
        Arguments::Body,
        true,
    ),
    row(
        "POST",
        "/policy/extend-temporary",
        "extend_temporary",
        Arguments::Body,
        true,
    ),
    row(
        "POST",
        "/policy/revoke-temporary",
        "revoke_temporary",
        Arguments::Body,
        true,
    ),
    row(
        "POST",
        "/policy/set-incident-scope",
        "set_incident_scope",
        Arguments::Body,
        true,
    ),
    row(
        "POST",
        "/policy/clear-incident-scope",
        "clear_incident_scope",
        Arguments::Body,
        true,
    ),
    row(
        "GET",
        "/infrastructure/status",
        "get_infrastructure_status",
        Arguments::Query,
        true,
    ),
    row(
        "POST",
        "/infrastructure/simulate-incident",
        "simulate_incident",
        Arguments::BodyOrQuery,
        true,
    ),
    row(
        "POST",
        "/infrastructure/reset",
        "reset_cloud",
        Arguments::Body,
        true,
    ),
    row(
        "GET",
        "/execution/history",
        "get_execution_history",
        Arguments::Query,
        true,
    ),
    row(
        "POST",
        "/api/v1/lockdown",
        "set_lockdown",
        Arguments::Body,
        false,
    ),
    row(
        "POST",
        "/api/v1/lockdown/drill",
        "drill_lockdown",
        Arguments::Body,
        false,
    ),
    row(
        "GET",
        "/api/v1/audit",
        "get_audit_log",
        Arguments::Query,
        false,
    ),
    row(
        "GET",
        "/api/v1/audit/verify",
        "verify_audit",
        Arguments::Query,
        false,
    ),
];

/// Follows a route: reads its arguments, calls its tool, words the answer.
pub(super) async fn follow(rest: &Rest, route: &'static Route, request: Request) -> Response {
    let style = answer::Style {
        execution_api: route.execution_api,
    };
    match extract::call(rest, route, request).await {
        Ok(call) => answer::managed(rest.handle(call).await, style),
        Err(problem) => answer::problem(&problem),
    }
}
