//! The route table: method, path → tool and arguments.

use axum::extract::Request;
use axum::response::Response;

use super::{Rest, answer, extract, stream};

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

    GET "/api/v1/mode" => get_mode, Query;
    GET "/api/v1/mode/history" => list_mode_changes, Query;
    GET "/api/v1/lockdown" => get_lockdown, Query;
    POST "/api/v1/lockdown" => set_lockdown, Body;
    POST "/api/v1/lockdown/drill" => drill_lockdown, Body;

    GET "/api/v1/agents" => list_agents, Query;
    GET "/api/v1/agents/{agent_id}" => get_agent, Query;
    PUT "/api/v1/agents/{agent_id}" => register_agent, Body;
    DELETE "/api/v1/agents/{agent_id}" => remove_agent, Query;
    POST "/api/v1/agents/{agent_id}/suspend" => suspend_agent, Body;
    POST "/api/v1/agents/{agent_id}/reinstate" => reinstate_agent, Body;

    GET "/api/v1/keys" => list_keys, Query;
    POST "/api/v1/keys" => create_key, Body;
    POST "/api/v1/keys/{key_id}/rotate" => rotate_key, Body;
    POST "/api/v1/keys/{key_id}/revoke" => revoke_key, Body;
    GET "/api/v1/users" => list_users, Query;
    PUT "/api/v1/users/{user_id}" => put_user, Body;
    POST "/api/v1/users/{user_id}/totp" => enroll_totp, Body;
    POST "/api/v1/users/{user_id}/totp/confirm" => confirm_totp, Body;
    POST "/api/v1/users/{user_id}/totp/remove" => remove_totp, Body;

    POST "/api/v1/decisions/validate" => validate_action, Body;
    POST "/api/v1/decisions/explain" => simulate_action, Body;
    GET "/api/v1/decisions/allowed" => list_allowed_tools, Query;

    GET "/api/v1/policies" => list_policies, Query;
    GET "/api/v1/policies/history" => policy_history, Query;
    POST "/api/v1/policies/check" => check_policies, Body;
    POST "/api/v1/policies/diff" => diff_policies, Body;
    POST "/api/v1/policies/simulate" => simulate_policies, Body;
    POST "/api/v1/policies/rollback" => rollback_policy, Body;
    GET "/api/v1/policies/{policy_id}" => get_policy, Query;
    PUT "/api/v1/policies/{policy_id}" => create_policy, Body;
    DELETE "/api/v1/policies/{policy_id}" => delete_policy, Query;
    GET "/api/v1/incidents" => list_incidents, Query;
    POST "/api/v1/incidents" => report_incident, Body;
    GET "/api/v1/incidents/{incident_id}" => get_incident, Query;
    PATCH "/api/v1/incidents/{incident_id}" => update_incident, Body;

    GET "/api/v1/audit" => get_audit_log, Query;
    GET "/api/v1/audit/verify" => verify_audit, Query;
    GET "/api/v1/audit/stream" => stream_audit, Query;
    GET "/api/v1/audit/{entry_id}" => get_audit_entry, Query;
    GET "/api/v1/compliance" => get_compliance_status, Query;
};

/// Follows a route: reads its arguments, calls its tool, words the answer.
pub(super) async fn follow(rest: &Rest, route: &'static Route, request: Request) -> Response {
    if route.tool == stream::TOOL {
        return stream::open(rest, route, request).await;
    }
    let style = answer::Style {
        execution_api: route.execution_api,
    };
    match extract::call(rest, route, request).await {
        Ok(call) => answer::managed(rest.handle(call).await, style),
        Err(problem) => answer::problem(&problem),
    }
}
