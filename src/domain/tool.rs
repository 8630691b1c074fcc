//! What the catalogue knows of a tool, as far as rules need it.

use std::sync::Arc;

use serde::Serialize;

use super::Roles;

/// Who answers a tool's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The gateway itself: modes, lockdown, policies, audit.
    Gateway,
    /// The simulated cloud.
    Cloud,
    /// A backend outside (an upstream server; in tests a backend of the test).
    Upstream,
}

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolClass {
    /// Changes nothing.
    Read,
    /// Changes something.
    Modify,
    /// Destroys something.
    Destructive,
}

impl ToolClass {
    /// Whether a call may change something.
    #[must_use]
    pub const fn modifies(self) -> bool {
        match self {
            Self::Read => false,
            Self::Modify | Self::Destructive => true,
        }
    }
}

/// The hints of MCP's `ToolAnnotations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the four hints of MCP's ToolAnnotations"
)]
pub struct Annotations {
    /// Changes nothing.
    pub read_only_hint: bool,
    /// May destroy.
    pub destructive_hint: bool,
    /// A second call changes nothing more.
    pub idempotent_hint: bool,
    /// Reaches beyond what the gateway knows.
    pub open_world_hint: bool,
}

/// A catalogued tool, as the engine sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolFacts {
    /// The exact name: `[A-Za-z0-9_-]{1,64}`.
    pub name: Arc<str>,
    /// The server it belongs to: `gateway`, `cloud`, or the name of an upstream.
    pub server: Arc<str>,
    /// Who answers it.
    pub owner: Owner,
    /// What it does to the world.
    pub class: ToolClass,
    /// Its hints.
    pub annotations: Annotations,
    /// For a gateway tool: the roles of which the caller needs one. Empty: any caller.
    pub needs: Roles,
    /// Whether it runs under lockdown and after a failed integrity check (the safety set of `spec/decision.md`, stage 1).
    /// `set_mode` is in it only towards the default mode, which the engine checks.
    pub safety: bool,
    /// Whether a call of it only asks the engine about something else, which is what gets on record.
    pub asks: bool,
    /// Whether its definition changed and waits for a person.
    pub quarantined: bool,
    /// JSON Schema of its arguments; the root is an object.
    pub input_schema: Arc<serde_json::Value>,
}
