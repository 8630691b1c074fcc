//! Tools of servers that are not ours, as a backend offers them.

use policyguard::domain::{Owner, ToolClass, ToolFacts};
use policyguard::tools::ToolDefinition;
use serde_json::Value;

use super::rules::tool;

/// A tool that anyone may call as far as roles go, and that takes what fits the schema.
pub(crate) fn upstream(name: &str, class: ToolClass, schema: Value) -> ToolDefinition {
    ToolDefinition {
        facts: ToolFacts {
            server: "test".into(),
            owner: Owner::Upstream,
            ..tool(name, class, schema)
        },
        description: "is there for a test",
        output_schema: None,
        in_mcp: false,
        rest_only: false,
    }
}
