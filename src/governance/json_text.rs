//! Arguments that are lists or objects, given as values or as JSON text (`spec/governance.md`).

use serde_json::{Map, Value};

use crate::tools::{Fault, Permit, ToolError};
use crate::wire::{self, StrictError};

use super::mendable;

/// An object, or JSON text of one; `None` when it is absent.
///
/// # Errors
/// When the text is not JSON as strictly as a body must be, or the value is no object.
pub(super) fn object(
    permit: &Permit,
    name: &str,
    error: &'static str,
) -> Result<Option<Map<String, Value>>, ToolError> {
    match value(permit, name, error)? {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(wrong(error, name, "an object")),
    }
}

/// A list, or JSON text of one; `None` when it is absent.
///
/// # Errors
/// As [`object`].
pub(super) fn list(
    permit: &Permit,
    name: &str,
    error: &'static str,
) -> Result<Option<Vec<Value>>, ToolError> {
    match value(permit, name, error)? {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => Err(wrong(error, name, "a list")),
    }
}

/// A list of texts, or JSON text of one; empty when it is absent.
///
/// # Errors
/// As [`object`].
pub(super) fn texts(
    permit: &Permit,
    name: &str,
    error: &'static str,
) -> Result<Vec<String>, ToolError> {
    let items = list(permit, name, error)?.unwrap_or_default();
    let text = |item: Value| match item {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(wrong(error, name, "a list of texts"))
        }
    };
    items.into_iter().map(text).collect()
}

fn value(permit: &Permit, name: &str, error: &'static str) -> Result<Option<Value>, ToolError> {
    match permit.arguments().get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => wire::read_value(text.as_bytes())
            .map(Some)
            .map_err(|fault| {
                let why = match fault {
                    StrictError::Unreadable(why) => why,
                    StrictError::NotAnObject(what) => what.to_owned(),
                };
                let message = format!("`{name}` is not JSON: {why}");
                mendable(
                    Fault::Value,
                    error,
                    message,
                    "send it as a value, or as JSON text with each key once",
                )
            }),
        Some(value) => Ok(Some(value.clone())),
    }
}

fn wrong(error: &'static str, name: &str, what: &str) -> ToolError {
    mendable(
        Fault::Value,
        error,
        format!("`{name}` must be {what}"),
        "send it as a value, or as JSON text",
    )
}
