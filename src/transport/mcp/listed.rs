//! Tools as MCP shows them.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::tools::ToolDefinition;

use super::Offered;

/// What of the catalogue is offered over MCP, by name.
pub(super) fn tools(definitions: &[ToolDefinition]) -> HashMap<Arc<str>, Offered> {
    let definitions = definitions.iter().filter(|tool| !tool.rest_only);
    let offered = definitions.map(|definition| {
        let offered = Offered {
            tool: tool(definition),
            in_mcp: definition.in_mcp,
        };
        (Arc::clone(&definition.facts.name), offered)
    });
    offered.collect()
}

fn tool(definition: &ToolDefinition) -> Tool {
    let facts = &definition.facts;
    let hints = &facts.annotations;
    let mut tool = Tool::new(
        facts.name.to_string(),
        definition.description,
        Arc::new(root(&facts.input_schema)),
    );
    tool.annotations = Some(
        ToolAnnotations::new()
            .read_only(hints.read_only_hint)
            .destructive(hints.destructive_hint)
            .idempotent(hints.idempotent_hint)
            .open_world(hints.open_world_hint),
    );
    tool.output_schema = definition
        .output_schema
        .as_ref()
        .map(|schema| Arc::new(any_answer(&root(schema))));
    tool
}

/// The schema of everything that a call may answer: clients check a refusal by it, too.
fn any_answer(result: &JsonObject) -> JsonObject {
    let refused = json!({
        "description": "Denied, or waiting for an approval: `reason` says why, `remedy` what would change it",
        "properties": {
            "effect": { "enum": ["deny", "require_approval"] },
            "code": { "type": "string" },
            "reason": { "type": "string" },
        },
        "required": ["action_id", "effect", "code", "reason"],
    });
    let failed = json!({
        "description": "It did not do what was asked",
        "properties": { "success": { "const": false }, "error": { "type": "string" } },
        "required": ["success", "error"],
    });
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("anyOf".to_owned(), json!([result, refused, failed]));
    schema
}

/// The schema as an object whose root says so: clients refuse a tool whose schema has any other root.
fn root(schema: &Value) -> JsonObject {
    let mut root = match plain(schema) {
        Value::Object(root) => root,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            JsonObject::new()
        }
    };
    root.shift_remove("$schema");
    if root.get("type").and_then(Value::as_str) != Some("object") {
        root.insert("type".to_owned(), json!("object"));
    }
    root
}

/// The schema without lists of types, which several clients cannot read: each type becomes a branch.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut plain: JsonObject = members
                .iter()
                .map(|(name, value)| (name.clone(), self::plain(value)))
                .collect();
            if let Some(Value::Array(types)) = plain.get("type").cloned() {
                plain.shift_remove("type");
                let branches = types.iter().map(|kind| json!({ "type": kind })).collect();
                plain.insert("anyOf".to_owned(), Value::Array(branches));
            }
            Value::Object(plain)
        }
        Value::Array(items) => items.iter().map(self::plain).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_types_becomes_branches_and_the_root_is_an_object() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": { "since": { "type": ["string", "null"], "description": "when" } },
        });
        assert_eq!(
            Value::Object(root(&schema)),
            json!({
                "properties": { "since": {
                    "description": "when",
                    "anyOf": [{ "type": "string" }, { "type": "null" }],
                } },
                "type": "object",
            })
        );
    }
}
