//! Arguments that clients send as values or as JSON text (`spec/governance.md`).

use serde_json::{Map, Value};

use crate::tools::{Fault, Permit, ToolError};
use crate::wire::{StrictError, read_object};

use super::mendable;

/// The object behind the argument; JSON text is read as strictly as a body. `error` names the mistake: `invalid
/// <name> JSON`.
pub(super) fn object(
    permit: &Permit,
    name: &str,
    error: &'static str,
) -> Result<Option<Map<String, Value>>, ToolError> {
    let why = match permit.arguments().get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(map)) => return Ok(Some(map.clone())),
        Some(Value::String(text)) => match read_object(text.as_bytes()) {
            Ok(map) => return Ok(Some(map)),
            Err(StrictError::Unreadable(why)) => why,
            Err(StrictError::NotAnObject(what)) => format!("must be an object, not {what}"),
        },
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_)) => "must be an object".to_owned(),
    };
    Err(mendable(
        Fault::Value,
        error,
        format!("`{name}` is not a JSON object: {why}"),
        "send an object, or the text of one with each key once",
    ))
}
