//! Answers that are MCP's own words already, as tools of MCP servers give them, handed on as they are.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ErrorCode, InputRequiredResult};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a request that may be answered by a question came to.
pub(super) enum Ended<T> {
    /// The result.
    Complete(T),
    /// What the tool wants to know first.
    InputRequired(InputRequiredResult),
}

/// The result that the tool gave.
///
/// # Errors
/// When it is not what the request asks for: the tool is to blame, not the caller.
pub(super) fn ended<T: DeserializeOwned>(result: Value) -> Result<Ended<T>, ErrorData> {
    let asks = result.get("resultType").and_then(Value::as_str) == Some("input_required");
    if asks {
        read(result).map(Ended::InputRequired)
    } else {
        read(result).map(Ended::Complete)
    }
}

/// A result of type `T`.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|fault| {
        tracing::warn!(%fault, "a tool answered what MCP does not know");
        ErrorData::internal_error("The tool's answer cannot be read", None)
    })
}

/// The result of a tool call that failed: the server's own words, or its error.
pub(super) fn failed(detail: Value, message: String) -> Result<CallToolResult, ErrorData> {
    if let Some(error) = error(&detail) {
        return Err(error);
    }
    match detail {
        Value::Object(mut members) if members.contains_key("result") => {
            let result = members.shift_remove("result").unwrap_or_default();
            read(result)
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Err(ErrorData::internal_error(message, None)),
    }
}

/// The JSON-RPC error that a server answered.
pub(super) fn error(detail: &Value) -> Option<ErrorData> {
    let error = detail.get("error")?;
    let code = i32::try_from(error.get("code")?.as_i64()?).ok()?;
    let message = error.get("message")?.as_str()?.to_owned();
    Some(ErrorData::new(
        ErrorCode(code),
        message,
        error.get("data").cloned(),
    ))
}
