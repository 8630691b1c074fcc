//! `/tools/execute` and its batch: the generic door.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::pipeline::{Call, Unanswered};
use crate::wire::{
    ExecuteFault, ExecuteRequest, ExecutionMode, FieldProblem, Problem, ProblemCode,
};

use super::extract::{self, Asker};
use super::{Rest, answer};

/// The most calls of a batch.
const BATCH: usize = 50;

/// `POST /tools/execute`.
pub(super) async fn execute(State(rest): State<Rest>, request: Request) -> Response {
    let read = match read(&rest, request).await {
        Ok((asker, members)) => one(&rest, asker, members).await,
        Err(problem) => Err(problem),
    };
    match read {
        Ok(body) => {
            let retry_after = body.get("retry_after").and_then(Value::as_u64);
            let mut response = Json(body).into_response();
            if let Some(seconds) = retry_after {
                response
                    .headers_mut()
                    .insert("retry-after", HeaderValue::from(seconds));
            }
            response
        }
        Err(problem) => answer::problem(&problem),
    }
}

/// `POST /tools/execute/batch`: each decided and recorded on its own, in order; a failing one stops none.
pub(super) async fn batch(State(rest): State<Rest>, request: Request) -> Response {
    let (asker, mut members) = match read(&rest, request).await {
        Ok(read) => read,
        Err(problem) => return answer::problem(&problem),
    };
    let calls = members.shift_remove("calls");
    let mut problems: Vec<FieldProblem> = members
        .keys()
        .map(|name| FieldProblem::new("unknown", "body", name, "no such field; known is calls"))
        .collect();
    let calls = match calls {
        Some(Value::Array(calls)) if (1..=BATCH).contains(&calls.len()) => calls,
        Some(Value::Array(_)) => {
            problems.push(FieldProblem::new(
                "value",
                "body",
                "calls",
                format!("must hold 1 to {BATCH} calls"),
            ));
            Vec::new()
        }
        Some(_) => {
            problems.push(FieldProblem::new(
                "type",
                "body",
                "calls",
                "must be an array",
            ));
            Vec::new()
        }
        None => {
            problems.push(FieldProblem::new(
                "missing",
                "body",
                "calls",
                "required: an array of calls",
            ));
            Vec::new()
        }
    };
    if !problems.is_empty() {
        return answer::problem(&Problem::new(ProblemCode::InvalidFields, json!(problems)));
    }
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        let result = if let Value::Object(members) = call {
            one(&rest, asker.clone(), members).await
        } else {
            let detail = "each call must be an object";
            Err(Problem::new(ProblemCode::InvalidFields, detail))
        };
        results
            .push(result.unwrap_or_else(|problem| json!({ "success": false, "error": problem })));
    }
    Json(json!({ "count": results.len(), "results": results })).into_response()
}

async fn read(rest: &Rest, request: Request) -> Result<(Asker, Map<String, Value>), Problem> {
    let asker = Asker::of(rest, &request);
    let (parts, body) = request.into_parts();
    let query = extract::parameters(parts.uri.query().unwrap_or_default())?;
    if !query.is_empty() {
        return Err(extract::unexpected_query(&query, true));
    }
    Ok((asker, extract::members(rest, &parts.headers, body).await?))
}

async fn one(rest: &Rest, asker: Asker, members: Map<String, Value>) -> Result<Value, Problem> {
    let request = ExecuteRequest::from_members(members).map_err(|fault| match fault {
        ExecuteFault::Mode(mode) => {
            let detail = format!(
                "Invalid execution_mode: {}. Available: [REAL, SHADOW]",
                mode.escape_debug()
            );
            Problem::new(ProblemCode::InvalidValue, detail)
        }
        ExecuteFault::Fields(problems) => Problem::new(ProblemCode::InvalidFields, json!(problems)),
    })?;
    let ExecuteRequest {
        tool_name,
        arguments,
        mut context,
        agent_id,
        execution_mode,
        correlation_id,
        reason,
    } = request;
    if let Some(reason) = reason {
        context.entry("reason").or_insert(Value::String(reason));
    }
    let call = Call {
        agent_id,
        stated: context,
        shadow: execution_mode == ExecutionMode::Shadow,
        correlation_id,
        ..asker.calls(tool_name, arguments)
    };
    match rest.handle(call).await {
        Ok(answer) => Ok(answer::executed(answer)),
        Err(Unanswered::Full(why)) => Ok(answer::not_registered(&why)),
        Err(unanswered) => Err(answer::no_answer(&unanswered)),
    }
}
