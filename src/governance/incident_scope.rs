//! Tools `set_incident_scope`, `clear_incident_scope`: which services an incident touches.

use serde_json::{Value, json};

use crate::decision_point::{Moment, Situation};
use crate::domain::{IncidentScope, Role, Roles, ToolClass};
use crate::modes;
use crate::tools::{Output, Permit, ToolDefinition, ToolError};

use super::set_mode::edit;
use super::{Governance, changed, refused, schemas, text};

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let operator = Roles::any_of(&[Role::Operator]);
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 128 });
    let schema = schemas::object(
        &json!({
            "affected_services": { "type": "array", "items": name, "minItems": 1, "maxItems": 100, "description": "The services that repairs may touch" },
            "incident_type": { "type": "string", "maxLength": 128, "description": "What kind of incident" },
            "reason": schemas::reason(),
        }),
        &["affected_services"],
    );
    vec![
        ToolDefinition::gateway("set_incident_scope", ToolClass::Modify, "Confines repairs to the services that an incident touches, in modes that restrict services.", schema).needs(operator),
        ToolDefinition::gateway("clear_incident_scope", ToolClass::Modify, "Takes the confinement away.", schemas::nothing()).needs(operator),
    ]
}

pub(super) async fn set(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let named = permit
        .arguments()
        .get("affected_services")
        .and_then(Value::as_array);
    let services = named
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let scope = IncidentScope {
        affected_services: services,
        incident_type: text(permit, "incident_type").unwrap_or("other").to_owned(),
        reason: text(permit, "reason").unwrap_or("not given").to_owned(),
    };
    let make = |now: &Situation, moment: Moment| {
        let state = modes::set_scope(&now.mode_state(moment), scope.clone());
        Ok(edit(permit, "incident_scope", now, state, moment))
    };
    let situation = governance.gate().change(make).await.map_err(refused)?;
    Ok(answer(
        &situation,
        &format!(
            "repairs are confined to {}",
            scope.affected_services.join(", ")
        ),
    ))
}

pub(super) async fn clear(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let make = |now: &Situation, moment: Moment| {
        let state = modes::clear_scope(&now.mode_state(moment));
        Ok(edit(permit, "incident_scope", now, state, moment))
    };
    let situation = governance.gate().change(make).await.map_err(refused)?;
    Ok(answer(&situation, "repairs are confined to no service"))
}

fn answer(situation: &Situation, message: &str) -> Output {
    let state = &situation.modes;
    changed(json!({
        "success": true,
        "message": message,
        "incident_scope": state.incident_scope,
        "current_mode": state.mode,
    }))
}
