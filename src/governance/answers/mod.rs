//! What the gateway's tools answer, as JSON Schemas: the API's description shows them, and a test compares them.

mod agents; // tools: who is registered
mod audit; // tools: the trail
mod compliance; // tool: how agents do
mod keys; // tools: credentials and people
mod incidents; // tools: what somebody should look at
mod modes; // tools: what holds
mod policies; // tools: policies at run time
mod questions; // tools: what would be answered

use serde_json::{Value, json};

use crate::domain::TrustLevel;
use crate::tools::ToolDefinition;
use crate::tools::schema::{answer, count, one_of, text};

/// The tool with the schema of its answer, if that is written down here.
pub(super) fn promised(tool: ToolDefinition) -> ToolDefinition {
    match of(&tool.facts.name) {
        Some(schema) if tool.output_schema.is_none() => tool.answers(schema),
        Some(_) | None => tool,
    }
}

fn of(tool: &str) -> Option<Value> {
    modes::of(tool)
        .or_else(|| agents::of(tool))
        .or_else(|| keys::of(tool))
        .or_else(|| questions::of(tool))
        .or_else(|| policies::of(tool))
        .or_else(|| audit::of(tool))
        .or_else(|| compliance::of(tool))
        .or_else(|| incidents::of(tool))
}

/// A mode's name.
fn mode() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,31}$" })
}

/// A level of trust.
fn trust() -> Value {
    one_of(&TrustLevel::ALL.map(TrustLevel::as_str))
}

/// What the engine answers.
fn effect() -> Value {
    one_of(&["allow", "deny", "require_approval"])
}

/// The name of an attempt.
fn action_id() -> Value {
    json!({ "type": "string", "pattern": "^act_[0-9a-f]{12}$" })
}

/// A record's place in the chain.
fn head() -> Value {
    answer(
        &json!({ "seq": count("Its number"), "hash": text("Its hash") }),
        &[],
    )
}

/// The first record that is wrong.
fn fault() -> Value {
    answer(
        &json!({
            "seq": count("The first record that is wrong"),
            "how": one_of(&["changed", "missing", "reordered", "cut", "replaced"]),
        }),
        &[],
    )
}

/// An object of which nothing more is promised.
fn object(about: &str) -> Value {
    json!({ "type": "object", "description": about })
}
