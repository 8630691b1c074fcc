//! Which roles a call needs for what its arguments ask for (`spec/identity.md`, "Roles" and "Who is calling").

use std::collections::HashMap;
use std::sync::Arc;

use crate::decision_point::{Ask, Gate, Requirements};
use crate::domain::{Purpose, Role, Roles, ToolClass};
use crate::tools::ToolDefinition;

use super::{agents, audit_log, policies, question, totp};

/// Looks at the arguments of management calls, and at what they would change.
pub struct CallRoles {
    gate: Arc<Gate>,
    /// For each of the gateway's own tools that names no roles itself.
    of_own: HashMap<Arc<str>, Roles>,
    /// For every other tool.
    of_others: Roles,
}

impl CallRoles {
    /// Over what holds now.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        let own = super::definitions();
        let own = own
            .iter()
            .map(|tool| (Arc::clone(&tool.facts.name), of_own(tool)));
        Self {
            gate,
            of_own: own.collect(),
            of_others: Roles::any_of(CALLERS),
        }
    }
}

impl Requirements for CallRoles {
    fn needs(&self, ask: &Ask) -> Roles {
        if ask.purpose == Purpose::Question && ask.arguments.0.is_empty() {
            // Asked about the name alone, as lists of tools are.
            return Roles::NONE;
        }
        let asked_for = match &*ask.resource.name {
            "register_agent" => agents::needs_to_register(self.gate.registry(), ask),
            "get_audit_log" => audit_log::needs_to_read(ask),
            "get_agent" => agents::needs_to_read(ask),
            "validate_action" | "simulate_action" | "list_allowed_tools" => {
                question::needs_to_ask(ask)
            }
            "enroll_totp" | "confirm_totp" | "remove_totp" => totp::needs(ask),
            "create_policy" => policies::needs_to_create(&self.gate, ask),
            _ => Roles::NONE,
        };
        if asked_for == Roles::NONE && ask.purpose != Purpose::Question {
            self.to_call(&ask.resource.name)
        } else {
            asked_for
        }
    }
}

/// What a caller must be to call anything: an agent, or a person who runs things.
const CALLERS: &[Role] = &[Role::Agent, Role::Operator, Role::Admin];

impl CallRoles {
    /// What it takes to call a tool that names no roles of its own: `catalog` and `pep` call nothing, an auditor and
    /// an approver only read (`spec/identity.md`, "Roles").
    fn to_call(&self, tool: &str) -> Roles {
        self.of_own.get(tool).copied().unwrap_or(self.of_others)
    }
}

/// The same for each of the gateway's own tools.
fn of_own(tool: &ToolDefinition) -> Roles {
    let more: &[Role] = match (tool.facts.class, &*tool.facts.name) {
        // They say themselves who may.
        _ if tool.facts.needs.bits() != 0 => return Roles::NONE,
        (_, "validate_action" | "simulate_action" | "list_allowed_tools") => &[Role::Pep],
        (_, "list_tools") => &[Role::Auditor, Role::Approver, Role::Catalog],
        (ToolClass::Read, _) => &[Role::Auditor, Role::Approver],
        (ToolClass::Modify | ToolClass::Destructive, _) => &[],
    };
    Roles::any_of(&[CALLERS, more].concat())
}
