//! Words for JSON Schemas of answers, said once.

use serde_json::{Map, Value, json};

/// An object in which every one of these members stands, but for the optional ones, which may be absent.
///
/// The object stays open: a client that reads an answer must bear a member that a later version adds.
#[must_use]
pub fn answer(members: &Value, optional: &[&str]) -> Value {
    let names = members.as_object().into_iter().flat_map(Map::keys);
    let required: Vec<&String> = names
        .filter(|name| !optional.contains(&name.as_str()))
        .collect();
    json!({ "type": "object", "properties": members, "required": required })
}

/// A text, with what it says.
#[must_use]
pub fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// One of these words.
#[must_use]
pub fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// A list of values of this schema.
#[must_use]
pub fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A value of this schema, or null.
///
/// Not a list of types: clients of MCP trip over those.
#[must_use]
pub fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// An instant, RFC 3339 in UTC.
#[must_use]
pub fn instant() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A whole number that is not negative.
#[must_use]
pub fn count(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

/// Whether.
#[must_use]
pub fn flag(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

/// What every successful change says first: that it was made, and a sentence.
#[must_use]
pub fn done() -> Value {
    answer(&done_and(json!({})), &[])
}

/// The members of a successful change, and these.
#[must_use]
pub fn done_and(more: Value) -> Value {
    let mut members = json!({
        "success": { "type": "boolean", "const": true },
        "message": text("What was done, in words"),
    });
    if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
        members.extend(more);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_promised_but_the_optional_ones() {
        let schema = answer(&json!({ "a": text("A"), "b": count("B") }), &["b"]);
        assert_eq!(schema.pointer("/required"), Some(&json!(["a"])));
        assert_eq!(schema.pointer("/properties/b/minimum"), Some(&json!(0)));
    }
}
