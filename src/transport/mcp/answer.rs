//! From an answer of the road to the result of a tool call (`spec/mcp.md`, "Results").

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::pipeline::{Answer, Body, Code, Decision, Effect, Unanswered};

use super::native::{self, Ended};

/// The name under which a result carries the attempt that it came of.
const ACTION_ID: &str = "policyguard/action_id";

/// The result of a call; `shown` says whether the caller is shown the tool.
///
/// # Errors
/// When the caller is to learn no more than that there is no such tool.
pub(super) fn result(
    answer: Answer,
    in_mcp: bool,
    shown: impl FnOnce(&Decision) -> bool,
) -> Result<CallToolResponse, ErrorData> {
    let Answer { decision, body } = answer;
    let mut result = match body {
        Body::Done(value) if in_mcp => match native::ended::<CallToolResult>(value)? {
            Ended::Complete(result) => result,
            Ended::InputRequired(question) => return Ok(question.into()),
        },
        Body::Failed { message, detail } if in_mcp => native::failed(detail, message)?,
        Body::Done(value) => done(value),
        Body::Failed { message, detail } => {
            let told = json!({ "success": false, "error": message, "detail": detail });
            failed(message, told)
        }
        Body::Mendable {
            error,
            message,
            hint,
            ..
        } => {
            let text = format!("{message}. {hint}");
            let told =
                json!({ "success": false, "error": error, "message": message, "hint": hint });
            failed(text, told)
        }
        Body::Refused | Body::Shadow { .. } => {
            if is_unknown(&decision) || !shown(&decision) {
                return Err(unknown(&decision.request().resource.name));
            }
            let told = serde_json::to_value(decision.told()).unwrap_or_default();
            failed(refusal(&decision), told)
        }
    };
    let mut meta = result.meta.take().unwrap_or_default();
    meta.insert(ACTION_ID.to_owned(), json!(decision.request().action_id));
    result.meta = Some(meta);
    Ok(result.into())
}

/// The error of a call that has no answer: the attempt's name, and nothing of what went wrong inside.
pub(super) fn no_answer(unanswered: &Unanswered) -> ErrorData {
    let action_id = match unanswered {
        Unanswered::Unavailable { action_id, why } | Unanswered::Withheld { action_id, why } => {
            tracing::error!(%action_id, why, "audit_unavailable");
            Some(action_id)
        }
        Unanswered::Unsettled { action_id } => Some(action_id),
        Unanswered::NotForThem(refusal) => {
            return ErrorData::invalid_params(refusal.to_string(), None);
        }
        Unanswered::Full(why) => return ErrorData::invalid_request(why.clone(), None),
        Unanswered::Unregistered(why) => {
            tracing::error!(why, "audit_unavailable");
            None
        }
        Unanswered::Unauthenticated | Unanswered::Broken => None,
    };
    let data = action_id.map(|action_id| json!({ "action_id": action_id }));
    ErrorData::internal_error("Internal error", data)
}

/// The error for a name that the caller is not shown.
pub(super) fn unknown(tool: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown tool: {tool}"), None)
}

/// Whether the name is none of the catalogue's: then there is nothing to tell of it.
fn is_unknown(decision: &Decision) -> bool {
    matches!(decision.code(), Code::UnknownTool | Code::InvalidName)
}

fn done(value: Value) -> CallToolResult {
    // Structured content is an object in every revision before 2026-07-28.
    let structured = if value.is_object() {
        value
    } else {
        json!({ "result": value })
    };
    let text = serde_json::to_string(&structured).unwrap_or_default();
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(structured);
    result
}

fn failed(text: String, told: Value) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = Some(told);
    result
}

/// The refusal in words that a model can act on.
pub(super) fn refusal(decision: &Decision) -> String {
    let sentence = |text: &str| {
        let text = text.trim_end_matches('.');
        format!("{text}. ")
    };
    let mut text = if decision.effect() == Effect::RequireApproval {
        format!("Needs approval: {}", sentence(decision.reason()))
    } else {
        format!("Denied by policy: {}", sentence(decision.reason()))
    };
    for problem in decision.problems() {
        text.push_str(&sentence(problem));
    }
    text.push_str("Do not retry unchanged.");
    if let Some(remedy) = decision.remedy() {
        text.push_str(" To proceed: ");
        text.push_str(sentence(&remedy.text).trim_end());
    }
    text
}
