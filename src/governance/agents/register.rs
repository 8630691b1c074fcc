//! Tool `register_agent` (`spec/governance.md`, 2).

use serde_json::json;

use crate::decision_point::AgentEdit;
use crate::domain::{AgentId, PrincipalStatus, TrustLevel};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, actor, changed, mendable, note, refused};
use super::registration::{Order, roles_for};

pub(in crate::governance) async fn register(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let order = Order::read(permit)?;
    let (agent_id, name, trust) = (order.agent_id.clone(), order.name.clone(), order.trust);
    let warnings = warnings(&order);
    let principal = &permit.request().principal;
    let mut is_update = false;
    let edit = governance.gate().change_agent(&agent_id, |before, moment| {
        // Looked at again where nobody can change it meanwhile: the decision may be of another registration.
        let needed = roles_for(
            before.as_ref(),
            order.trust,
            &order.allowed,
            &order.denied,
            principal.authentication,
        );
        if needed.bits() != 0 && !needed.meets(principal.roles) {
            return Err(changed_meanwhile(&order.agent_id));
        }
        check_is_no_person(governance, &order.agent_id)?;
        check_may_change(&order.agent_id, before.as_ref())?;
        is_update = before.is_some();
        check_has_room(is_update, governance.gate().registry().counts().total)?;
        let next = order.applied(before.as_ref(), &actor(permit), moment.wall);
        let note = note(permit, "agent_registration")
            .with("agent_id", json!(next.agent_id))
            .with("name", json!(next.name))
            .with("trust_level", json!(next.trust_level))
            .with(
                "previous_trust_level",
                json!(before.as_ref().map(|agent| agent.trust_level)),
            )
            .with("allowed_tools", json!(next.allowed_tools))
            .with("denied_tools", json!(next.denied_tools))
            .with("is_update", json!(is_update));
        Ok(AgentEdit {
            next: Some(next),
            note,
            changes: Vec::new(),
            of: Some(permit.outcome_of()),
        })
    });
    edit.await.map_err(refused)?;
    let done = if is_update { "updated" } else { "registered" };
    Ok(changed(json!({
        "success": true,
        "agent_id": agent_id,
        "message": format!("Agent '{name}' ({agent_id}) {done} successfully with trust level '{trust}'"),
        "warnings": warnings,
    })))
}

/// What the registration leaves open.
fn warnings(order: &Order) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if order.trust == TrustLevel::Admin {
        warnings.push("Agent registered with ADMIN trust level - has full access");
    }
    if order.allowed.is_empty() && order.denied.is_empty() {
        warnings.push("No tool restrictions defined - agent can use any tool per policies");
    }
    warnings
}

/// The most agents that are registered, besides the gateway's own `local` (`spec/limits.md`, L14).
const MOST: u64 = 100_000;

fn check_has_room(is_update: bool, total: u64) -> Result<(), ToolError> {
    if is_update || total <= MOST {
        return Ok(());
    }
    let message = format!("{MOST} agents are registered");
    let hint = "remove agents that registered themselves, or update one that is there";
    Err(mendable(Fault::Busy, "registry_full", message, hint))
}

/// A record must tell an agent from a person by its id.
fn check_is_no_person(governance: &Governance, agent_id: &AgentId) -> Result<(), ToolError> {
    if governance.keys.look(|book| book.user(agent_id).is_none()) {
        return Ok(());
    }
    let message = format!("`{agent_id}` is a person");
    let hint = "choose another id for the agent";
    Err(mendable(Fault::Conflict, "is_user", message, hint))
}

/// Ids of the gateway's own are nobody's to register; a suspended agent is reinstated first.
fn check_may_change(
    agent_id: &AgentId,
    before: Option<&crate::domain::Agent>,
) -> Result<(), ToolError> {
    // `local` is the agent of this machine's models: it stands in the registry from the first start on.
    if agent_id.is_reserved() && before.is_none() {
        return Err(mendable(
            Fault::Conflict,
            "reserved_agent_id",
            format!("`{agent_id}` is reserved for the gateway itself"),
            "choose another id",
        ));
    }
    if before.is_some_and(|agent| agent.status == PrincipalStatus::Suspended) {
        return Err(mendable(
            Fault::Conflict,
            "agent_suspended",
            format!("agent `{agent_id}` is suspended: it can only be reinstated"),
            "reinstate it first, with a reason",
        ));
    }
    Ok(())
}

fn changed_meanwhile(agent_id: &AgentId) -> ToolError {
    mendable(
        Fault::Conflict,
        "changed_meanwhile",
        format!("agent `{agent_id}` was changed while this call was on its way"),
        "look at it with get_agent, then try again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_registry_takes_updates_and_no_further_agent() {
        assert!(check_has_room(false, MOST).is_ok());
        assert!(check_has_room(false, MOST + 1).is_err());
        assert!(check_has_room(true, MOST + 1).is_ok());
    }
}
