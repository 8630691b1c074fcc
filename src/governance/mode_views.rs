//! Tools `get_mode`, `list_mode_changes`, `get_lockdown`: what holds, and how it came to hold.

use serde_json::json;

use crate::decision_point::Moment;
use crate::domain::{Role, Roles, ToolClass};
use crate::tools::{Output, Permit, ToolDefinition, ToolError};

use super::{Governance, count, cursor, schemas, text};

/// What the cursor of the history is bound to.
const SCOPE: &str = "mode changes";

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let readers = Roles::any_of(&[Role::Auditor, Role::Operator]);
    let history = schemas::object(
        &json!({
            "limit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "How many, newest first" },
            "cursor": { "type": "string", "maxLength": 400, "description": "next_cursor of the page before" },
        }),
        &[],
    );
    let tool = ToolDefinition::gateway;
    vec![
        tool(
            "get_mode",
            ToolClass::Read,
            "Shows the mode that holds, since when, by whom, why, and when it ends.",
            schemas::nothing(),
        )
        .safe(),
        tool(
            "list_mode_changes",
            ToolClass::Read,
            "Lists the modes that held, newest first, with who switched and why.",
            history,
        )
        .needs(readers)
        .safe(),
        tool(
            "get_lockdown",
            ToolClass::Read,
            "Shows whether lockdown is on, since when, by whom and why.",
            schemas::nothing(),
        )
        .safe(),
    ]
}

pub(super) fn mode(governance: &Governance) -> Output {
    let moment = Moment::of(governance.gate().clock());
    let state = governance.gate().situation().mode_state(moment);
    let remaining = state.expires_at.map(|end| moment.wall.seconds_until(end));
    Output::of(json!({
        "mode": state.mode,
        "base_mode": state.base_mode,
        "since": state.since,
        "by": state.by,
        "reason": state.reason,
        "expires_at": state.expires_at,
        "remaining_seconds": remaining,
        "temporary": state.temporary,
        "incident_scope": state.incident_scope,
    }))
}

pub(super) fn history(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let limit = count(permit, "limit")
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(100);
    let before = match text(permit, "cursor") {
        None => u64::MAX >> 1,
        Some(given) => {
            let place = governance.cursors.read_text(given, SCOPE).map_err(cursor)?;
            place.parse().unwrap_or(0)
        }
    };
    let found = governance.modes.before(before, limit + 1);
    let mut states = found.map_err(|fault| ToolError::Unavailable(fault.to_string()))?;
    let more = states.len() > limit;
    states.truncate(limit);
    let next_cursor = states.last().filter(|_| more).map(|last| {
        governance
            .cursors
            .write_text(&last.revision.to_string(), SCOPE)
    });
    Ok(Output::of(json!({
        "changes": states,
        "count": states.len(),
        "next_cursor": next_cursor,
    })))
}

pub(super) fn lockdown(governance: &Governance) -> Output {
    let situation = governance.gate().situation();
    let state = &situation.lockdown;
    Output::of(json!({
        "lockdown": state.on,
        "since": state.since,
        "by": state.by,
        "reason": state.reason,
    }))
}
