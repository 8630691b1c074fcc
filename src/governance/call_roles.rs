//! Which roles a call needs for what its arguments ask for (`spec/identity.md`, "Roles" and "Who is calling").

use std::sync::Arc;

use crate::decision_point::{Ask, Gate, Requirements};
use crate::domain::{Purpose, Roles};

use super::{agents, audit_log, policies, question};

/// Looks at the arguments of management calls, and at what they would change.
pub struct CallRoles {
    gate: Arc<Gate>,
}

impl CallRoles {
    /// Over what holds now.
    #[must_use]
    pub const fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }
}

impl Requirements for CallRoles {
    fn needs(&self, ask: &Ask) -> Roles {
        if ask.purpose == Purpose::Question && ask.arguments.0.is_empty() {
            // Asked about the name alone, as lists of tools are.
            return Roles::NONE;
        }
        match &*ask.resource.name {
            "register_agent" => agents::needs_to_register(self.gate.registry(), ask),
            "get_audit_log" => audit_log::needs_to_read(ask),
            "get_agent" => agents::needs_to_read(ask),
            "validate_action" | "simulate_action" | "list_allowed_tools" => {
                question::needs_to_ask(ask)
            }
            "create_policy" => policies::needs_to_create(&self.gate, ask),
            _ => Roles::NONE,
        }
    }
}
