//! Tools `grant_temporary`, `extend_temporary`, `revoke_temporary`: EMERGENCY for seconds.

use std::time::Duration;

use serde_json::json;

use crate::decision_point::{Moment, Situation};
use crate::domain::{ModeName, Role, Roles, ToolClass};
use crate::modes::{self, SwitchOrder};
use crate::tools::{Output, Permit, ToolDefinition, ToolError};

use super::set_mode::{edit, range, terms, using};
use super::totp;
use super::{Governance, actor, changed, count, known_mode, refused, schemas, text};

/// Seconds of a grant for which none are asked.
const GRANT: u64 = 10;
/// Seconds of an extension for which none are asked.
const EXTENSION: u64 = 10;

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let operator = Roles::any_of(&[Role::Operator]);
    let seconds = |max: u64, default: u64, about: &str| json!({ "type": "integer", "minimum": 1, "maximum": max, "default": default, "description": about });
    let grant = schemas::object(
        &json!({ "duration_seconds": seconds(300, GRANT, "How long"), "reason": schemas::reason(), "totp": schemas::totp("Your TOTP code of now, where the policy asks for one to enter EMERGENCY") }),
        &[],
    );
    let extend = schemas::object(
        &json!({ "additional_seconds": seconds(60, EXTENSION, "How much longer"), "totp": schemas::totp("Your TOTP code of now, where the policy asks for one to enter the mode") }),
        &[],
    );
    vec![
        ToolDefinition::gateway(
            "grant_temporary",
            ToolClass::Modify,
            "Grants EMERGENCY for 1 to 300 seconds; the mode returns by itself.",
            grant,
        )
        .needs(operator),
        ToolDefinition::gateway(
            "extend_temporary",
            ToolClass::Modify,
            "Lengthens a running grant by 1 to 60 seconds.",
            extend,
        )
        .needs(operator),
        ToolDefinition::gateway(
            "revoke_temporary",
            ToolClass::Modify,
            "Ends a running grant at once.",
            schemas::nothing(),
        )
        .needs(operator),
    ]
}

pub(super) async fn grant(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let seconds = count(permit, "duration_seconds").unwrap_or(GRANT);
    let emergency = ModeName::emergency();
    let proof = totp::for_mode(governance, permit, emergency.as_str()).await?;
    let make = |now: &Situation, moment: Moment| {
        let bundle = now.engine.bundle();
        let mode = known_mode(bundle, emergency.as_str())?;
        totp::required(bundle, &mode, proof.as_ref())?;
        let terms = terms(bundle, &mode);
        let reason = text(permit, "reason")
            .filter(|reason| !reason.trim().is_empty())
            .unwrap_or("not given");
        let duration = Some(Duration::from_secs(seconds));
        let order = SwitchOrder {
            mode,
            by: actor(permit),
            reason: reason.to_owned(),
            duration,
        };
        let state =
            modes::grant(&now.mode_state(moment), order, &terms, moment.wall).map_err(range)?;
        let edit = edit(permit, "mode_grant", now, state, moment);
        Ok(using(edit, proof.as_ref()))
    };
    let situation = governance.gate().change(make).await.map_err(refused)?;
    Ok(answer(
        governance,
        &situation,
        &format!("EMERGENCY granted for {seconds} seconds"),
    ))
}

pub(super) async fn extend(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let seconds = count(permit, "additional_seconds").unwrap_or(EXTENSION);
    let gate = governance.gate();
    let running = gate.situation().mode(Moment::of(gate.clock())).clone();
    let proof = totp::for_mode(governance, permit, running.as_str()).await?;
    let make = |now: &Situation, moment: Moment| {
        let state = now.mode_state(moment);
        totp::required(now.engine.bundle(), &state.mode, proof.as_ref())?;
        let terms = terms(now.engine.bundle(), &state.mode);
        let state = modes::extend(&state, Duration::from_secs(seconds), &terms).map_err(range)?;
        let edit = edit(permit, "mode_grant_extended", now, state, moment);
        Ok(using(edit, proof.as_ref()))
    };
    let situation = governance.gate().change(make).await.map_err(refused)?;
    Ok(answer(
        governance,
        &situation,
        &format!("the grant runs {seconds} seconds longer"),
    ))
}

pub(super) async fn revoke(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let make = |now: &Situation, moment: Moment| {
        let state =
            modes::revoke(&now.mode_state(moment), actor(permit), moment.wall).map_err(range)?;
        Ok(edit(permit, "mode_grant_revoked", now, state, moment))
    };
    let situation = governance.gate().change(make).await.map_err(refused)?;
    Ok(answer(governance, &situation, "the grant is revoked"))
}

/// What stands after a change of a grant (`spec/identity.md`, "Modes").
fn answer(governance: &Governance, situation: &Situation, message: &str) -> Output {
    let state = &situation.modes;
    let now = governance.gate().clock().now();
    changed(json!({
        "success": true,
        "message": message,
        "duration_seconds": state.expires_at.map_or(0, |end| state.since.seconds_until(end)),
        "reason": state.reason,
        "current_mode": state.mode,
        "base_mode": state.base_mode,
        "expires_at": state.expires_at,
        "remaining_seconds": state.expires_at.map_or(0, |end| now.seconds_until(end)),
    }))
}
