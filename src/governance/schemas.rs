//! Input schemas of the gateway's tools, said once.

use serde_json::{Map, Value, json};

/// An object with these properties and no others.
pub(super) fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// An object without properties.
pub(super) fn nothing() -> Value {
    object(&Value::Object(Map::new()), &[])
}

/// A TOTP code. It may be null so that what is no text is refused without being repeated.
pub(super) fn totp(about: &str) -> Value {
    json!({ "type": ["string", "null"], "pattern": "^[0-9]{6}$", "description": about })
}

/// The reason of a change.
pub(super) fn reason() -> Value {
    json!({ "type": "string", "maxLength": 1000, "description": "Why, for the record" })
}
