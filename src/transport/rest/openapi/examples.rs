//! Values that fit a schema: what a reader copies and changes.

use serde_json::{Map, Value, json};

/// An object with what is required, and what the schema names examples of; `None` when no value is known to fit.
pub(super) fn object(properties: &Map<String, Value>, required: &[&str]) -> Option<Value> {
    let mut out = Map::new();
    for (name, schema) in properties {
        let must = required.contains(&name.as_str());
        let known = must || schema.get("examples").is_some();
        if !known {
            continue;
        }
        match value(name, schema) {
            Some(value) => drop(out.insert(name.clone(), value)),
            None if must => return None,
            None => {}
        }
    }
    Some(Value::Object(out))
}

/// A value for the member of this name; `None` when none is known to fit.
pub(super) fn value(name: &str, schema: &Value) -> Option<Value> {
    let first = |word: &str| schema.get(word)?.as_array()?.first().cloned();
    let said = || {
        let said = [
            schema.get("example"),
            schema.get("const"),
            schema.get("default"),
        ];
        first("examples").or_else(|| said.into_iter().flatten().next().cloned())
    };
    said()
        .or_else(|| first("enum"))
        .or_else(|| match schema.get("type")?.as_str()? {
            "string" => text(name, schema),
            "boolean" => Some(json!(true)),
            "integer" | "number" => {
                Some(schema.get("minimum").cloned().unwrap_or_else(|| json!(1)))
            }
            "array" => array(name, schema),
            "object" => nested(schema),
            _ => None,
        })
}

/// A text; none where the schema asks for a form that only it knows.
fn text(name: &str, schema: &Value) -> Option<Value> {
    let known = match name {
        "agent_id" => "billing-bot",
        "mode" => "EMERGENCY",
        "reason" => "database outage, ticket 4711",
        "service" => "web-server",
        "incident_id" => "inc_0123456789ab",
        "policy_id" => "no-deletes-at-night",
        "name" => "A name for people",
        _ if schema.get("pattern").is_some() => return None,
        _ => "a text",
    };
    let length = known.chars().count();
    let bound = |word: &str| schema.get(word).and_then(Value::as_u64);
    let fits = bound("minLength").is_none_or(|least| length as u64 >= least)
        && bound("maxLength").is_none_or(|most| length as u64 <= most);
    fits.then(|| json!(known))
}

fn array(name: &str, schema: &Value) -> Option<Value> {
    let Some(items) = schema.get("items") else {
        return Some(json!([]));
    };
    let name = match name {
        "affected_services" => "service",
        other => other,
    };
    Some(json!([value(name, items)?]))
}

fn nested(schema: &Value) -> Option<Value> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    object(properties.unwrap_or(&empty), &required)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_holds_what_is_required_or_there_is_none() {
        let properties = json!({
            "mode": { "type": "string" },
            "code": { "type": "string", "pattern": "^x{7}$" },
            "seconds": { "type": "integer", "minimum": 5 },
        });
        let properties = properties.as_object().expect("an object");
        assert_eq!(
            object(properties, &["mode", "seconds"]),
            Some(json!({ "mode": "EMERGENCY", "seconds": 5 }))
        );
        assert_eq!(object(properties, &["code"]), None);
    }
}
