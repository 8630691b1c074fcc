//! The route table: method, path → tool and arguments.

use axum::extract::Request;
use axum::response::Response;

use super::{Rest, answer, extract};

/// Where a route's arguments stand, besides those in its path.
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
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path; `{name}` in it is the argument of that name.
    pub path: &'static str,
    /// The tool it calls.
    pub tool: &'static str,
    /// Where its arguments stand.
    pub arguments: Arguments,
    /// Whether it belongs to the execution API, whose clients expect `detail` lists and 422 (`spec/rest.md`, *).
    pub execution_api: bool,
}

macro_rules! routes {
    ($($method:ident $path:literal => $tool:ident, $arguments:ident $(, $star:tt)?;)*) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            tool: stringify!($tool),
            arguments: Arguments::$arguments,
            execution_api: routes!(@star $($star)?),
        }),*]
    };
    (@star *) => { true };
    (@star) => { false };
}

/// Every management route; `*` marks the execution API.
pub const ROUTES: &[Route] = routes! {
    GET "/tools/catalog" => list_tools, Query, *;
    GET "/policy/status" => get_policy_status, Query, *;
    POST "/policy/set-mode" => set_mode, Body, *;
    POST "/policy/grant-temporary" => grant_temporary, Body, *;
    POST "/policy/extend-temporary" => extend_temporary, Body, *;
    POST "/policy/revoke-temporary" => revoke_temporary, Body, *;
    POST "/policy/set-incident-scope" => set_incident_scope, Body, *;
    POST "/policy/clear-incident-scope" => clear_incident_scope, Body, *;
    GET "/infrastructure/status" => get_infrastructure_status, Query, *;
    POST "/infrastructure/simulate-incident" => simulate_incident, BodyOrQuery, *;
    POST "/infrastructure/reset" => reset_cloud, Body, *;
    GET "/execution/history" => get_execution_history, Query, *;

    POST "/api/v1/lockdown" => set_lockdown, Body;
    POST "/api/v1/lockdown/drill" => drill_lockdown, Body;

    GET "/api/v1/incidents" => list_incidents, Query;
    POST "/api/v1/incidents" => report_incident, Body;
    GET "/api/v1/incidents/{incident_id}" => get_incident, Query;
    PATCH "/api/v1/incidents/{incident_id}" => update_incident, Body;

    GET "/api/v1/audit" => get_audit_log, Query;
    GET "/api/v1/audit/verify" => verify_audit, Query;
};

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
