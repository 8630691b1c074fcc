//! A tool as clients see it: what the rules need to know, and what a model needs to read.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::{Annotations, Owner, Roles, ToolClass, ToolFacts};

/// A catalogued tool with its description.
#[derive(Debug, Clone)]
pub struct ToolDefinition {
    /// What the rules need to know.
    pub facts: ToolFacts,
    /// What it does, when to call it, what the answer means.
    pub description: &'static str,
    /// JSON Schema of what it answers; `None`: an object of which nothing more is promised.
    pub output_schema: Option<Value>,
    /// Whether it answers with the result of an MCP server as it is: `{content, …}`; when it fails, with
    /// `{"result": …}` or `{"error": {code, message}}` as detail.
    pub in_mcp: bool,
    /// Whether it stands behind REST and the command line only, and models are offered nothing of it.
    pub rest_only: bool,
}

impl ToolDefinition {
    /// A tool of the gateway itself that any caller may use, behind REST.
    #[must_use]
    pub fn gateway(
        name: &str,
        class: ToolClass,
        description: &'static str,
        input_schema: Value,
    ) -> Self {
        let facts = ToolFacts {
            name: Arc::from(name),
            server: Arc::from("gateway"),
            owner: Owner::Gateway,
            class,
            annotations: Annotations {
                read_only_hint: class == ToolClass::Read,
                destructive_hint: class == ToolClass::Destructive,
                ..Annotations::default()
            },
            needs: Roles::NONE,
            safety: false,
            asks: false,
            quarantined: false,
            input_schema: Arc::new(input_schema),
        };
        Self {
            facts,
            description,
            output_schema: None,
            in_mcp: false,
            rest_only: true,
        }
    }

    /// The same, offered over MCP too.
    #[must_use]
    pub fn over_mcp(mut self) -> Self {
        self.rest_only = false;
        self
    }

    /// The same, for callers with one of these roles.
    #[must_use]
    pub fn needs(mut self, roles: Roles) -> Self {
        self.facts.needs = roles;
        self
    }

    /// The same, in the safety set: it runs under lockdown.
    #[must_use]
    pub fn safe(mut self) -> Self {
        self.facts.safety = true;
        self
    }

    /// The same, with the JSON Schema of what it answers.
    #[must_use]
    pub fn answers(mut self, schema: Value) -> Self {
        self.output_schema = Some(schema);
        self
    }

    /// The same, whose call only asks the engine about something else.
    #[must_use]
    pub fn asks(mut self) -> Self {
        self.facts.asks = true;
        self
    }

    /// `read-only`, `active` or `destructive`, as the catalogue says it.
    #[must_use]
    pub const fn category(&self) -> &'static str {
        match self.facts.class {
            ToolClass::Read => "read-only",
            ToolClass::Modify => "active",
            ToolClass::Destructive => "destructive",
        }
    }
}
