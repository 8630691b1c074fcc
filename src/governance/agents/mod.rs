//! Tools about agents: `register_agent`, `list_agents`, `get_agent`, `suspend_agent`, `reinstate_agent`, `remove_agent`.

mod register; // tool `register_agent`
mod registration; // what a registration asks for, and who may
mod suspender; // suspension for incidents
mod suspension; // tools `suspend_agent`, `reinstate_agent`, `remove_agent`
mod unseen; // who was not seen for long
mod views; // tools `list_agents`, `get_agent`

use serde_json::{Value, json};

use crate::domain::{AgentId, Role, Roles, ToolClass};
use crate::tools::{Fault, Permit, ToolDefinition, ToolError};

use super::{mendable, schemas, text};

pub(super) use register::register;
pub(super) use registration::{needs_to_read, needs_to_register};
pub use suspender::Suspender;
pub(super) use suspension::{reinstate, remove, suspend};
pub use unseen::forget_unseen;
pub(super) use views::{get, list};

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let id = || json!({ "type": "string", "description": "The agent's id: 1 to 128 of A-Z a-z 0-9 . _ : @ -" });
    let patterns = |about: &str| json!({ "type": ["array", "string"], "items": { "type": "string" }, "description": about });
    let operator = Roles::any_of(&[Role::Operator]);
    let readers = Roles::any_of(&[Role::Auditor, Role::Operator]);
    let registration = schemas::object(
        &json!({
            "agent_id": id(),
            "name": { "type": "string", "minLength": 1, "maxLength": 200, "description": "Its name for people" },
            "trust_level": { "type": "string", "default": "low", "description": "low, medium, high or admin" },
            "description": { "type": "string", "maxLength": 2000, "description": "What it is for" },
            "allowed_tools": patterns("Patterns of the tools it may use; none restricts nothing"),
            "denied_tools": patterns("Patterns of the tools it may never use"),
            "metadata": { "type": ["object", "string"], "description": "What you want to remember of it; no rule reads it" },
            "owner": { "type": "string", "maxLength": 200, "description": "Who answers for it" },
        }),
        &["agent_id", "name"],
    );
    let listing = schemas::object(
        &json!({
            "trust_level": { "type": "string", "enum": ["low", "medium", "high", "admin"], "description": "Only of this trust" },
            "status": { "type": "string", "enum": ["active", "suspended"], "description": "Only of this status" },
            "limit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "How many, by id" },
            "cursor": { "type": "string", "maxLength": 400, "description": "next_cursor of the page before" },
        }),
        &[],
    );
    let one = || schemas::object(&json!({ "agent_id": id() }), &["agent_id"]);
    let with_reason = || {
        schemas::object(
            &json!({ "agent_id": id(), "reason": schemas::reason() }),
            &["agent_id", "reason"],
        )
    };
    let tool = ToolDefinition::gateway;
    vec![
        tool("register_agent", ToolClass::Modify, "Registers an agent, or updates one: its name, how far it is trusted and which tools it may use. Call it before an agent's first call, so that its trust is not `low`. The answer's warnings name what the registration leaves open.", registration),
        tool("list_agents", ToolClass::Read, "Lists registered agents by id, with trust, status and lists.", listing).needs(readers).safe(),
        tool("get_agent", ToolClass::Read, "Shows one agent: trust, status, lists, and since when.", one()).safe(),
        tool("suspend_agent", ToolClass::Modify, "Suspends an agent: every call of it is denied at once, also those that are already decided, until it is reinstated.", with_reason()).needs(operator).safe(),
        tool("reinstate_agent", ToolClass::Modify, "Lifts an agent's suspension; its trust and lists are as before.", with_reason()).needs(operator),
        tool("remove_agent", ToolClass::Modify, "Forgets an agent that registered itself and that nobody adopted; its records stay in the trail.", one()).needs(operator),
    ]
}

/// The agent that the call names.
fn agent_id(permit: &Permit) -> Result<AgentId, ToolError> {
    AgentId::parse(text(permit, "agent_id").unwrap_or_default()).map_err(|fault| {
        mendable(
            Fault::Value,
            "agent_id",
            fault.to_string(),
            "use the id under which the agent calls",
        )
    })
}

fn unknown(agent_id: &AgentId) -> ToolError {
    mendable(
        Fault::Missing,
        "agent_not_found",
        format!("no agent `{agent_id}` is registered"),
        "register it with register_agent, or look it up with list_agents",
    )
}

/// The agent as people see it.
fn shown(agent: &crate::domain::Agent, last_seen_at: &Value) -> Value {
    json!({
        "agent_id": agent.agent_id,
        "name": agent.name,
        "description": agent.description,
        "trust_level": agent.trust_level,
        "allowed_tools": agent.allowed_tools,
        "denied_tools": agent.denied_tools,
        "metadata": agent.metadata,
        "status": agent.status,
        "registered_at": agent.registered_at,
        "updated_at": agent.updated_at,
        "registered_by": agent.registered_by,
        "owner": agent.owner,
        "auto_registered": agent.auto_registered,
        "last_seen_at": last_seen_at,
        "suspended_at": agent.suspended_at,
        "suspension_reason": agent.suspension_reason,
        "incident_id": agent.incident_id,
    })
}
