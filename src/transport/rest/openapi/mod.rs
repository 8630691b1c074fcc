//! What REST offers, as an OpenAPI 3.1 document made from the route table and the tools' own schemas.
//!
//! Nothing in it is written twice: a new row of the table, or a new property of a tool, is in the document at once.

mod components; // schemas and responses that operations share
mod doors; // the routes that are no row of the table
mod examples; // values that fit a schema
mod pages; // of these, what is for people and machines that watch
mod operations; // a row of the table as an operation

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::tools::ToolDefinition;

use super::ROUTES;

/// The document for a gateway with these tools.
#[must_use]
pub fn document(tools: &[ToolDefinition]) -> Value {
    let mut paths = Map::new();
    let mut tags = Vec::new();
    let mut ids = BTreeSet::new();
    let rows = ROUTES.iter().map(|route| {
        let tool = tools.iter().find(|tool| *tool.facts.name == *route.tool);
        (route.method, route.path, operations::of(route, tool))
    });
    for (method, path, mut operation) in doors::operations().into_iter().chain(rows) {
        let tag = tag(path);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if let Some(members) = operation.as_object_mut() {
            let name = members.get("operationId").and_then(Value::as_str);
            let id = unique(name.unwrap_or_default(), method, &mut ids);
            members.insert("operationId".to_owned(), json!(id));
            members.insert("tags".to_owned(), json!([tag]));
        }
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(method.to_ascii_lowercase(), operation);
        }
    }
    let tags: Vec<Value> = tags.iter().map(|tag| json!({ "name": tag })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "policyguard",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A policy gateway between AI agents and the tools they call",
            "description": "Every call is decided by policy and recorded before it runs. A denied run is an \
                ordinary answer of `/tools/execute` (200, `policy_violation: true`); on management routes it is \
                403. Every answer carries `x-request-id`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": components::all(),
    })
}

/// What a path is about: the first segment behind the prefix of its kind.
fn tag(path: &str) -> &str {
    let rest = path.strip_prefix("/api/v1").unwrap_or(path);
    let mut segments = rest.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some("access"), _) | (Some(".well-known"), Some("authzen-configuration")) => "authzen",
        (Some(".well-known"), Some(_)) => "server",
        (Some(first), Some(_)) => first,
        (Some(first), None) if rest != path => first,
        (Some(_) | None, _) => "server",
    }
}

/// The operation's id: its tool's name, or for a further route to one tool, that and the method.
fn unique(name: &str, method: &str, taken: &mut BTreeSet<String>) -> String {
    let further = format!("{name}_{}", method.to_ascii_lowercase());
    let numbered = (2..).map(|number| format!("{further}_{number}"));
    let mut candidates = [name.to_owned(), further.clone()]
        .into_iter()
        .chain(numbered);
    candidates
        .find(|id| taken.insert(id.clone()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_routes_to_one_tool_have_two_ids() {
        let mut taken = BTreeSet::new();
        let ids = ["GET", "POST", "POST"].map(|method| unique("explain", method, &mut taken));
        assert_eq!(ids, ["explain", "explain_post", "explain_post_2"]);
    }

    #[test]
    fn a_path_is_filed_under_its_subject() {
        for (path, expected) in [
            ("/", "server"),
            ("/livez", "server"),
            ("/tools/execute", "tools"),
            ("/api/v1/lockdown", "lockdown"),
            ("/api/v1/agents/{agent_id}/suspend", "agents"),
            ("/access/v1/evaluation", "authzen"),
            ("/.well-known/authzen-configuration", "authzen"),
            ("/.well-known/oauth-protected-resource/mcp", "server"),
        ] {
            assert_eq!(tag(path), expected, "{path}");
        }
    }
}
