//! From an answer of the road to a status and a body: the single place where statuses are chosen.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::pipeline::{Answer, Body, Code, Decision, Effect, Explanation, Unanswered};
use crate::tools::Fault;
use crate::wire::{FieldProblem, Problem, ProblemCode};

/// Why an agent that nobody knows is turned away.
const REGISTRY_FULL: &str = "registry_full";

/// How a route words its errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// With lists of `{type, loc, msg}` and 422, as clients of the execution API expect.
    pub(super) execution_api: bool,
}

/// A problem as a response.
pub(super) fn problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(problem)).into_response();
    // The guard around every route knows the request's id and writes the body again with it.
    response.extensions_mut().insert(problem.clone());
    let media = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    let again = match status {
        StatusCode::SERVICE_UNAVAILABLE => Some("1"),
        StatusCode::TOO_MANY_REQUESTS => Some("60"),
        _ => None,
    };
    if let Some(seconds) = again {
        let seconds = HeaderValue::from_static(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// What a management route answers: the tool's own result, or a problem.
pub(super) fn managed(answer: Result<Answer, Unanswered>, style: Style) -> Response {
    let Answer { decision, body } = match answer {
        Ok(answer) => answer,
        Err(unanswered) => return problem(&no_answer(&unanswered)),
    };
    match body {
        Body::Done(result) => Json(result).into_response(),
        Body::Failed { message, .. } => problem(
            &Problem::new(ProblemCode::Internal, message).action(decision.request().action_id),
        ),
        Body::Mendable {
            fault,
            message,
            hint,
            error,
        } => {
            let code = match fault {
                Fault::Range if style.execution_api => ProblemCode::InvalidFields,
                Fault::Value | Fault::Range => ProblemCode::InvalidValue,
                Fault::Missing => ProblemCode::NotFound,
                Fault::Conflict => ProblemCode::Conflict,
                Fault::Busy | Fault::Locked(_) => ProblemCode::TooMany,
            };
            let detail = if code == ProblemCode::InvalidFields {
                json!([FieldProblem::new("value", "body", error, message)])
            } else {
                Value::String(message)
            };
            let mut said = Problem::new(code, detail)
                .hint(hint)
                .action(decision.request().action_id);
            if !error.contains(' ') && code != ProblemCode::InvalidFields {
                said.code = error;
            }
            let mut response = problem(&said);
            if let Fault::Locked(seconds) = fault {
                let seconds = HeaderValue::from(seconds);
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            response
        }
        Body::Refused => problem(&refusal(&decision, style)),
        Body::Shadow { .. } => problem(&Problem::new(
            ProblemCode::Internal,
            "a management call has no dry run",
        )),
    }
}

/// A management call that the rules do not let pass.
fn refusal(decision: &Decision, style: Style) -> Problem {
    let action_id = decision.request().action_id;
    if decision.code() == Code::InvalidParameters {
        let problems = decision.problems().iter().map(|text| {
            let (member, msg) = text.split_once(": ").unwrap_or(("", text));
            FieldProblem::new("value", "body", member, msg)
        });
        return if style.execution_api {
            Problem::new(
                ProblemCode::InvalidFields,
                json!(problems.collect::<Vec<_>>()),
            )
            .action(action_id)
        } else {
            Problem::new(ProblemCode::InvalidValue, decision.problems().join("; "))
                .action(action_id)
        };
    }
    let kind = if decision.code() == Code::RateLimited {
        ProblemCode::TooMany
    } else {
        ProblemCode::Forbidden
    };
    let mut problem = Problem::new(kind, decision.reason()).action(action_id);
    problem.code = decision.code().as_str();
    problem.hint = decision.remedy().map(|remedy| remedy.text.clone());
    problem
}

/// The problem of a call that has no answer.
pub(super) fn no_answer(unanswered: &Unanswered) -> Problem {
    match unanswered {
        Unanswered::Unauthenticated => Problem::new(
            ProblemCode::Unauthenticated,
            "no credential that this door accepts",
        )
        .hint(
            "send a key as `Authorization: Bearer pg_…`; commands take it from POLICYGUARD_API_KEY",
        ),
        Unanswered::NotForThem(refusal) => {
            Problem::new(ProblemCode::Forbidden, refusal.to_string())
        }
        Unanswered::Full(why) => Problem {
            code: REGISTRY_FULL,
            ..Problem::new(ProblemCode::TooMany, why.as_str())
                .hint("ask an operator to register the agent")
        },
        Unanswered::Unregistered(why) => {
            tracing::error!(why, "audit_unavailable");
            Problem::new(
                ProblemCode::AuditUnavailable,
                "the agent could not be registered, so nothing was decided",
            )
            .hint("try again; /readyz tells when the trail takes records")
        }
        Unanswered::Unavailable { action_id, why } => {
            tracing::error!(%action_id, why, "audit_unavailable");
            Problem::new(
                ProblemCode::AuditUnavailable,
                "the decision could not be recorded, so nothing ran",
            )
            .hint("try again; /readyz tells when the trail takes records")
            .action(*action_id)
        }
        Unanswered::Withheld { action_id, why } => {
            tracing::error!(%action_id, why, "audit_unavailable");
            Problem::new(
                ProblemCode::AuditUnavailable,
                "it ran, but its outcome could not be recorded: the output is withheld",
            )
            .hint("ask for the state before you try again")
            .action(*action_id)
        }
        Unanswered::Unsettled { action_id } => Problem::new(
            ProblemCode::Unsettled,
            "policy or mode changed again and again while the call was decided; nothing ran",
        )
        .hint("try again")
        .action(*action_id),
        Unanswered::Broken => Problem::new(
            ProblemCode::Internal,
            "internal error; nothing was allowed by it",
        )
        .hint("the log names the cause"),
    }
}

/// The body of `/tools/execute` for an agent that could not be registered.
pub(super) fn not_registered(why: &str) -> Value {
    json!({
        "success": false,
        "result": null,
        "error": why,
        "policy_violation": false,
        "blocked_reason": null,
        "action_id": null,
        "require_approval": false,
        "code": REGISTRY_FULL,
        "policy": null,
        "rule": null,
        "retry_after": 60,
    })
}

/// The body of `/tools/execute` for an answer (`spec/rest.md`, "The execution API").
pub(super) fn executed(answer: Answer) -> Value {
    let Answer { decision, body } = answer;
    let mut out = common(&decision);
    let mut set = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    match body {
        Body::Done(result) => {
            set("success", json!(true));
            set("result", result);
        }
        Body::Failed { message, detail } => {
            set("error", json!(format!("Execution error: {message}")));
            set("result", detail);
        }
        Body::Mendable {
            fault,
            error,
            message,
            hint,
        } => {
            let seconds = match fault {
                Fault::Busy => Some(60),
                Fault::Locked(seconds) => Some(seconds),
                Fault::Value | Fault::Range | Fault::Missing | Fault::Conflict => None,
            };
            if let Some(seconds) = seconds {
                set("code", json!(error));
                set("retry_after", json!(seconds));
            }
            set("error", json!(format!("Execution error: {message}")));
            set(
                "result",
                json!({ "success": false, "error": error, "message": message, "hint": hint }),
            );
        }
        Body::Refused if decision.code() == Code::InvalidParameters => {
            let tool = &decision.request().resource.name;
            set(
                "error",
                json!(format!(
                    "Execution error: Invalid arguments for {tool}: {}",
                    decision.problems().join("; ")
                )),
            );
        }
        Body::Refused => {
            set("policy_violation", json!(true));
            set("blocked_reason", json!(decision.reason()));
            set(
                "error",
                json!(format!(
                    "Policy violation: {}",
                    decision.code().text(decision.mode())
                )),
            );
        }
        Body::Shadow { plan } => {
            let would = decision.effect() == Effect::Allow;
            set("success", json!(would));
            set("decision", json!(decision.effect()));
            set("executed", json!(false));
            if !would {
                set("policy_violation", json!(true));
                set("blocked_reason", json!(decision.reason()));
                set(
                    "error",
                    json!(format!(
                        "Policy violation: {}",
                        decision.code().text(decision.mode())
                    )),
                );
            }
            let report = shadow_report(&decision, plan.as_ref());
            set(
                "risk_level",
                report.get("risk_level").cloned().unwrap_or_default(),
            );
            set("shadow_report", report);
        }
    }
    Value::Object(out)
}

/// What every execution answer carries.
fn common(decision: &Decision) -> serde_json::Map<String, Value> {
    let determined = decision.determined_by();
    let principal = &decision.request().principal;
    // A caller that nobody vouched for learns the policy that stopped it, not the rule to work around.
    let open = Explanation::is_open_to(principal.roles, principal.trust);
    let mut members = json!({
        "success": false,
        "result": null,
        "error": null,
        "policy_violation": false,
        "blocked_reason": null,
        "action_id": decision.request().action_id,
        "require_approval": decision.effect() == Effect::RequireApproval,
        "code": decision.code(),
        "policy": determined.map(|rule| rule.policy.as_str()),
        "rule": decision.decided_by().filter(|_| open),
        "mode": decision.mode(),
        "policy_version": decision.policy_version(),
    });
    let Value::Object(map) = &mut members else {
        return serde_json::Map::new();
    };
    if let Some(remedy) = decision.remedy() {
        map.insert("remedy".to_owned(), json!(remedy));
    }
    if let Some(seconds) = decision.retry_after_seconds() {
        map.insert("retry_after".to_owned(), json!(seconds));
    }
    if !decision.warnings().is_empty() {
        map.insert("warnings".to_owned(), json!(decision.warnings()));
    }
    std::mem::take(map)
}

/// What a dry run tells (`spec/cloud.md`, "Dry run and plan").
fn shadow_report(decision: &Decision, plan: Option<&Value>) -> Value {
    let risk = plan
        .and_then(|plan| plan.get("risk"))
        .cloned()
        .unwrap_or_else(|| json!("none"));
    json!({
        "decision": decision.effect(),
        "code": decision.code(),
        "reason": decision.reason(),
        "risk_level": risk,
        "executed": false,
        "plan": plan,
    })
}
