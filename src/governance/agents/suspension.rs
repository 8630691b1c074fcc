//! Tools `suspend_agent`, `reinstate_agent`, `remove_agent`.

use serde_json::json;

use crate::decision_point::AgentEdit;
use crate::domain::{Agent, PrincipalStatus};
use crate::incidents::{AGENT_REINSTATEMENT, AGENT_SUSPENSION};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, changed, mendable, note, refused, text};
use super::{agent_id, unknown};

pub(in crate::governance) async fn suspend(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let reason = reason(permit)?;
    let agent_id = agent_id(permit)?;
    let edit = governance.gate().change_agent(&agent_id, |before, moment| {
        let before = before.ok_or_else(|| unknown(&agent_id))?;
        let next = Agent {
            status: PrincipalStatus::Suspended,
            suspended_at: before.suspended_at.or(Some(moment.wall)),
            suspension_reason: Some(reason.to_owned()),
            updated_at: moment.wall,
            ..before
        };
        Ok(edit(permit, AGENT_SUSPENSION, next, reason))
    });
    edit.await.map_err(refused)?;
    Ok(changed(json!({
        "success": true,
        "agent_id": agent_id,
        "status": PrincipalStatus::Suspended,
        "message": format!("Agent '{agent_id}' is suspended: {reason}"),
    })))
}

pub(in crate::governance) async fn reinstate(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let reason = reason(permit)?;
    let agent_id = agent_id(permit)?;
    let edit = governance.gate().change_agent(&agent_id, |before, moment| {
        let before = before.ok_or_else(|| unknown(&agent_id))?;
        if before.status == PrincipalStatus::Active {
            return Err(mendable(
                Fault::Conflict,
                "not_suspended",
                format!("agent `{agent_id}` is not suspended"),
                "nothing needs to be done",
            ));
        }
        let next = Agent {
            status: PrincipalStatus::Active,
            suspended_at: None,
            suspension_reason: None,
            incident_id: None,
            updated_at: moment.wall,
            ..before
        };
        Ok(edit(permit, AGENT_REINSTATEMENT, next, reason))
    });
    edit.await.map_err(refused)?;
    Ok(changed(json!({
        "success": true,
        "agent_id": agent_id,
        "status": PrincipalStatus::Active,
        "message": format!("Agent '{agent_id}' is reinstated: {reason}"),
    })))
}

pub(in crate::governance) async fn remove(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let agent_id = agent_id(permit)?;
    let edit = governance.gate().change_agent(&agent_id, |before, _| {
        let before = before.ok_or_else(|| unknown(&agent_id))?;
        if !before.auto_registered || before.status == PrincipalStatus::Suspended {
            return Err(mendable(
                Fault::Conflict,
                "agent_kept",
                format!("agent `{agent_id}` was registered by somebody, or is suspended: it is never removed"),
                "suspend it instead",
            ));
        }
        Ok(AgentEdit {
            next: None,
            note: note(permit, "agent_removal").with("agent_id", json!(agent_id)),
            changes: Vec::new(),
            of: Some(permit.outcome_of()),
        })
    });
    edit.await.map_err(refused)?;
    Ok(changed(json!({
        "success": true,
        "agent_id": agent_id,
        "message": format!("Agent '{agent_id}' is removed; its records stay"),
    })))
}

fn edit(permit: &Permit, operation: &'static str, next: Agent, reason: &str) -> AgentEdit {
    let note = note(permit, operation)
        .with("agent_id", json!(next.agent_id))
        .with("status", json!(next.status))
        .with("reason", json!(reason));
    AgentEdit {
        next: Some(next),
        note,
        changes: Vec::new(),
        of: Some(permit.outcome_of()),
    }
}

fn reason(permit: &Permit) -> Result<&str, ToolError> {
    let reason = text(permit, "reason").unwrap_or_default().trim();
    if reason.is_empty() {
        return Err(mendable(
            Fault::Range,
            "reason",
            "reason: at least one character",
            "say why, for the record and for whoever looks at it later",
        ));
    }
    Ok(reason)
}
