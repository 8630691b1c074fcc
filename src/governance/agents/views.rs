//! Tools `list_agents`, `get_agent`.

use serde_json::{Value, json};

use crate::domain::{AgentId, PrincipalStatus, TrustLevel};
use crate::registry::{AgentFilter, RegistryUnread};
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, count, cursor, text};
use super::{agent_id, shown, unknown};

pub(in crate::governance) fn list(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let filter = AgentFilter {
        trust_level: text(permit, "trust_level").and_then(TrustLevel::parse),
        status: text(permit, "status").and_then(PrincipalStatus::parse),
        auto_registered: false,
    };
    let limit = count(permit, "limit")
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(100);
    let scope = format!("agents {filter:?}");
    let after = match text(permit, "cursor") {
        None => String::new(),
        Some(given) => governance
            .cursors
            .read_text(given, &scope)
            .map_err(cursor)?,
    };
    let registry = governance.gate().registry();
    // One more than is shown tells whether there is a next page.
    let mut agents = registry
        .store()
        .list(filter, &after, limit + 1)
        .map_err(|fault| unread(&fault))?;
    let more = agents.len() > limit;
    agents.truncate(limit);
    let next_cursor = agents.last().filter(|_| more).map(|last| {
        governance
            .cursors
            .write_text(last.agent_id.as_str(), &scope)
    });
    let shown: Vec<Value> = agents
        .iter()
        .map(|agent| shown(agent, &last_seen(governance, &agent.agent_id)))
        .collect();
    let total = registry.count(filter);
    Ok(Output::of(json!({
        "count": shown.len(),
        "agents": shown,
        "total": total,
        "next_cursor": next_cursor,
    })))
}

pub(in crate::governance) fn get(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let agent_id = agent_id(permit)?;
    let agent = governance.gate().registry().store().get(&agent_id);
    let agent = agent
        .map_err(|fault| unread(&fault))?
        .ok_or_else(|| unknown(&agent_id))?;
    let seen = last_seen(governance, &agent_id);
    Ok(Output::of(shown(&agent, &seen)))
}

/// When the trail last heard of the agent; null when it never did.
fn last_seen(governance: &Governance, agent_id: &AgentId) -> Value {
    json!(
        governance
            .reader()
            .last_seen(agent_id.as_str())
            .ok()
            .flatten()
    )
}

fn unread(fault: &RegistryUnread) -> ToolError {
    ToolError::Unavailable(fault.to_string())
}
