//! Tool `set_mode`: switches the mode of operation (`spec/identity.md`, "Modes").

use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::StateChange;
use crate::decision_point::{Edit, Moment, Situation};
use crate::domain::{ModeState, Role, Roles, ToolClass};
use crate::modes::{self, ModeRefusal, SwitchOrder, Terms};
use crate::policy::Bundle;
use crate::tools::{Fault, Output, Permit, ToolDefinition, ToolError};

use super::status::tools_where;
use super::totp::{self, Proof};
use super::{
    Governance, actor, changed, count, known_mode, mendable, note, refused, schemas, text,
};

/// The fewest characters of a reason.
const REASON_LENGTH: usize = 10;

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let schema = schemas::object(
        &json!({
            "mode": { "type": "string", "description": "The mode to switch to, exactly as the policy names it" },
            "reason": schemas::reason(),
            "duration_seconds": { "type": "integer", "minimum": 1, "description": "How long; at most the policy's max_duration of the mode" },
            "totp": schemas::totp("Your TOTP code of now, where the policy asks for one; not taken over MCP"),
        }),
        &["mode"],
    );
    vec![
        ToolDefinition::gateway(
            "set_mode",
            ToolClass::Modify,
            "Switches the mode of operation. Every mode but the default one ends by itself. Needs an operator and a reason.",
            schema,
        )
        .needs(Roles::any_of(&[Role::Operator]))
        .safe(),
    ]
}

pub(super) async fn run(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let (reason, warning) = reason(text(permit, "reason"))?;
    let duration = count(permit, "duration_seconds").map(Duration::from_secs);
    let asked = text(permit, "mode").unwrap_or_default();
    let proof = totp::for_mode(governance, permit, asked).await?;
    let make = |now: &Situation, moment: Moment| {
        let bundle = now.engine.bundle();
        let mode = known_mode(bundle, asked)?;
        totp::required(bundle, &mode, proof.as_ref())?;
        let terms = terms(bundle, &mode);
        let order = SwitchOrder {
            mode,
            by: actor(permit),
            reason: reason.clone(),
            duration,
        };
        let state =
            modes::switch(&now.mode_state(moment), order, &terms, moment.wall).map_err(range)?;
        let edit = edit(permit, "mode_change", now, state, moment);
        Ok(using(edit, proof.as_ref()))
    };
    let situation = governance.gate().change(make).await.map_err(refused)?;
    let state = &situation.modes;
    let allowed = tools_where(&situation.engine, &state.mode, |standing| standing.allowed);
    let mut result = json!({
        "success": true,
        "new_mode": state.mode,
        "allowed_tools": allowed,
        "expires_at": state.expires_at,
    });
    if let (Some(warning), Value::Object(map)) = (warning, &mut result) {
        map.insert("warnings".to_owned(), json!([warning]));
    }
    Ok(changed(result))
}

/// The reason to record, and a warning where local mode let a missing one pass.
fn reason(given: Option<&str>) -> Result<(String, Option<&'static str>), ToolError> {
    match given {
        Some(reason) if reason.trim().chars().count() >= REASON_LENGTH => {
            Ok((reason.to_owned(), None))
        }
        Some(_) => Err(mendable(
            Fault::Range,
            "reason",
            format!("reason: at least {REASON_LENGTH} characters"),
            "say what happened and what the mode is for",
        )),
        None => Ok((
            "not given".to_owned(),
            Some("no reason was given: the record says `not given`"),
        )),
    }
}

/// The edit, with which the code is used up that it took.
pub(super) fn using(mut edit: Edit, proof: Option<&Proof<'_>>) -> Edit {
    edit.changes.extend(proof.map(Proof::change));
    edit
}

/// The edit that puts this state in force.
pub(super) fn edit(
    permit: &Permit,
    operation: &'static str,
    now: &Situation,
    state: ModeState,
    moment: Moment,
) -> Edit {
    let note = note(permit, operation)
        .with("mode", json!(state.mode))
        .with("from", json!(now.mode(moment)))
        .with("base_mode", json!(state.base_mode))
        .with("reason", json!(state.reason))
        .with("expires_at", json!(state.expires_at))
        .with("incident_scope", json!(state.incident_scope));
    let of = Some(permit.outcome_of());
    Edit {
        next: now.with_mode(state.clone(), moment),
        note,
        changes: vec![StateChange::SetMode(state)],
        of,
    }
}

/// What the bundle says of the mode.
pub(super) fn terms(bundle: &Bundle, mode: &crate::domain::ModeName) -> Terms {
    let max_duration = bundle.modes.get(mode).and_then(|rules| rules.max_duration);
    Terms {
        default_mode: bundle.default_mode.clone(),
        max_duration,
    }
}

/// A refusal of the mode as an answer to the caller.
#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
pub(super) fn range(refusal: ModeRefusal) -> ToolError {
    let (fault, hint) = match &refusal {
        ModeRefusal::TooLong { max, .. } => (
            Fault::Range,
            format!("ask for at most {max} seconds, or change max_duration in the policy"),
        ),
        ModeRefusal::NoGrant => (Fault::Value, "start one with grant-temporary".to_owned()),
    };
    mendable(fault, "mode", refusal.to_string(), hint)
}
