//! Tools of servers that are not ours, as a backend offers them.

use std::sync::Arc;

use policyguard::domain::{Annotations, Owner, Roles, ToolClass, ToolFacts};
use policyguard::tools::ToolDefinition;
use serde_json::Value;

/// A tool that anyone may call as far as roles go, and that takes what fits the schema.
pub(crate) fn upstream(name: &str, class: ToolClass, schema: Value) -> ToolDefinition {
    ToolDefinition {
        facts: ToolFacts {
            name: Arc::from(name),
            server: Arc::from("test"),
            owner: Owner::Upstream,
            class,
            annotations: Annotations::default(),
            needs: Roles::NONE,
            safety: false,
            asks: false,
            quarantined: false,
            input_schema: Arc::new(schema),
        },
        description: "is there for a test",
        output_schema: None,
        in_mcp: false,
        rest_only: false,
    }
}
