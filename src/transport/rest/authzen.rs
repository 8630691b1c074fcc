//! AuthZEN 1.0: our decision point for other gateways (`spec/rest.md`, "Standards and compatibility").
//!
//! An evaluation is the question `validate_action` about another subject, as a dry run, on the one road.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::pipeline::{Answer, Body, Code, Decision, Door, Effect};
use crate::wire::{AuthzenFault, Evaluation, Evaluations, Problem, ProblemCode, Verdict};

use super::extract::{self, Asker};
use super::{Rest, answer};

/// The tool that answers questions about others.
const TOOL: &str = "validate_action";

/// `POST /access/v1/evaluation`.
pub(super) async fn evaluation(State(rest): State<Rest>, request: Request) -> Response {
    let asked = match read(&rest, request).await {
        Ok((asker, members)) => Evaluation::read(members)
            .map(|question| (asker, question))
            .map_err(|fault| answer::problem(&unfit(&fault))),
        Err(problem) => Err(answer::problem(&problem)),
    };
    match asked {
        Ok((asker, question)) => one(&rest, asker, question)
            .await
            .map_or_else(|refused| refused, |verdict| shown(&verdict.to_json())),
        Err(refused) => refused,
    }
}

/// `POST /access/v1/evaluations`: each decided and recorded on its own, in order, as far as the semantic asks.
pub(super) async fn evaluations(State(rest): State<Rest>, request: Request) -> Response {
    let (asker, members) = match read(&rest, request).await {
        Ok(read) => read,
        Err(problem) => return answer::problem(&problem),
    };
    match Evaluations::read(members) {
        Err(fault) => answer::problem(&unfit(&fault)),
        Ok(Evaluations::One(question)) => one(&rest, asker, question)
            .await
            .map_or_else(|refused| refused, |verdict| shown(&verdict.to_json())),
        Ok(Evaluations::Several(questions, semantic)) => {
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions {
                let verdict = match one(&rest, asker.clone(), question).await {
                    Ok(verdict) => verdict,
                    Err(refused) => return refused,
                };
                answers.push(verdict.to_json());
                if semantic.ends_at(verdict.decision) {
                    break;
                }
            }
            shown(&json!({ "evaluations": answers }))
        }
    }
}

/// `GET /.well-known/authzen-configuration`: where the decision point is, as the caller reached it.
pub(super) async fn configuration(request: Request) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|value| value.to_str().ok());
    let authority = request.uri().authority().map(ToString::to_string);
    let host = host.map(str::to_owned).or(authority).unwrap_or_default();
    let base = format!("http://{host}");
    shown(&json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
    }))
}

fn shown(body: &Value) -> Response {
    Json(body).into_response()
}

async fn read(rest: &Rest, request: Request) -> Result<(Asker, Map<String, Value>), Problem> {
    let asker = Asker::of(rest, &request).through(Door::Authzen);
    let (parts, body) = request.into_parts();
    let query = extract::parameters(parts.uri.query().unwrap_or_default())?;
    if !query.is_empty() {
        return Err(extract::unexpected_query(&query, false));
    }
    Ok((asker, extract::members(rest, &parts.headers, body).await?))
}

fn unfit(fault: &AuthzenFault) -> Problem {
    Problem::new(ProblemCode::InvalidValue, fault.to_string())
        .hint("send {subject: {type, id}, action: {name}, resource: {type, id}, context}")
}

/// One question down the road.
async fn one(rest: &Rest, asker: Asker, question: Evaluation) -> Result<Verdict, Response> {
    let call = asker.calls(TOOL, question.into_arguments());
    let answer = rest.handle(call).await;
    match &answer {
        Ok(Answer {
            body: Body::Done(result),
            ..
        }) => Ok(verdict(result)),
        // Nobody may be told yes now, whatever is asked: that is a no, and no failure of the question.
        Ok(Answer { decision, .. })
            if matches!(decision.code(), Code::Lockdown | Code::Integrity) =>
        {
            Ok(halted(decision))
        }
        Ok(_) | Err(_) => {
            let style = answer::Style {
                execution_api: false,
            };
            Err(answer::managed(answer, style))
        }
    }
}

/// The verdict in the answer of `validate_action`.
fn verdict(result: &Value) -> Verdict {
    let text = |pointer: &str| {
        let text = result.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let decision = result.get("allowed") == Some(&Value::Bool(true));
    let code = text("/code").unwrap_or_default();
    let id = match (text("/matched_policy"), text("/matched_rule")) {
        (Some(policy), Some(rule)) => format!("{policy}/{rule}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => code.clone(),
    };
    let reason = text("/reason").unwrap_or_default();
    let reason_user = match text("/remedy/text") {
        _ if decision => "allowed".to_owned(),
        Some(remedy) => format!("denied ({code}): {remedy}"),
        None => format!("denied ({code})"),
    };
    Verdict {
        decision,
        id,
        code,
        reason_admin: reason,
        reason_user,
    }
}

fn halted(decision: &Decision) -> Verdict {
    let code = decision.code().as_str();
    Verdict {
        decision: decision.effect() == Effect::Allow,
        code: code.to_owned(),
        id: code.to_owned(),
        reason_admin: decision.reason().to_owned(),
        reason_user: format!("denied ({code})"),
    }
}
