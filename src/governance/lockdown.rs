//! Tools `set_lockdown`, `drill_lockdown`: the halt of everything but the safety set, and the proof that it works.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::audit::{ChangeNote, OutcomeOf, StateChange};
use crate::decision_point::{Ask, ChangeError, DecisionPoint, Edit, Gate, Moment, Situation};
use crate::domain::{
    ActionType, Arguments, LockdownState, Principal, PrincipalStatus, Purpose, Resource, Role,
    Roles, Stated, ToolClass, TrustLevel,
};
use crate::policy::Code;
use crate::tools::{Fault, Output, Permit, ToolDefinition, ToolError};

use super::totp::{self, Proof};
use super::{Governance, actor, changed, mendable, note, refused, schemas, text};

/// The file in the data directory whose presence locks down (`spec/identity.md`, "Lockdown").
pub const LOCKDOWN_FILE: &str = "LOCKDOWN";

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let operator = Roles::any_of(&[Role::Operator]);
    let schema = schemas::object(
        &json!({
            "on": { "type": "boolean", "description": "true halts, false lifts" },
            "reason": schemas::reason(),
            "totp": schemas::totp("Your TOTP code of now, to lift it if you have one"),
        }),
        &["on"],
    );
    vec![
        ToolDefinition::gateway("set_lockdown", ToolClass::Modify, "Denies every call but the gateway's own reads and the way back; survives a restart until an operator lifts it.", schema)
            .needs(operator)
            .safe(),
        ToolDefinition::gateway("drill_lockdown", ToolClass::Modify, "Proves that a lockdown would stop calls now, without stopping any, and reports how long it took.", schemas::nothing())
            .needs(operator),
    ]
}

pub(super) async fn set(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let on = permit
        .arguments()
        .get("on")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let reason = text(permit, "reason")
        .filter(|reason| !reason.trim().is_empty())
        .unwrap_or("not given");
    let file = governance.data_dir.join(LOCKDOWN_FILE);
    if !on && file.exists() {
        return Err(mendable(
            Fault::Conflict,
            "lockdown file",
            format!(
                "the file `{}` locks down as long as it is there",
                file.display()
            ),
            "remove the file, then lift the lockdown",
        ));
    }
    let proof = if on {
        None
    } else {
        totp::for_lifting(governance, permit).await?
    };
    let note = note(permit, "lockdown");
    let order = Order {
        on,
        by: actor(permit),
        reason: reason.to_owned(),
        of: Some(permit.outcome_of()),
        besides: proof.as_ref().map(Proof::change),
    };
    let situation = put(governance.gate(), order, note).await.map_err(refused)?;
    let state = &situation.lockdown;
    let message = if on {
        "lockdown is on: every call is denied but reads of the gateway itself and what makes things safer"
    } else {
        "lockdown is off"
    };
    Ok(changed(
        json!({ "success": true, "message": message, "lockdown": state.on, "since": state.since, "by": state.by, "reason": state.reason }),
    ))
}

/// Turns lockdown on because its file is there.
///
/// # Errors
/// When the change cannot be written.
pub async fn lock_down(gate: &Gate, file: &Path) -> Result<(), crate::audit::AuditError> {
    let reason = format!("the file `{}` is there", file.display());
    let note = ChangeNote::new("lockdown", "gateway");
    let order = Order {
        on: true,
        by: "gateway".to_owned(),
        reason,
        of: None,
        besides: None,
    };
    match put::<()>(gate, order, note).await {
        Ok(_) | Err(ChangeError::Refused(())) => Ok(()),
        Err(ChangeError::Audit(fault)) => Err(fault),
    }
}

/// What lockdown becomes, by whom and why.
struct Order {
    on: bool,
    by: String,
    reason: String,
    of: Option<OutcomeOf>,
    /// What else changes with it.
    besides: Option<StateChange>,
}

async fn put<E>(
    gate: &Gate,
    order: Order,
    note: ChangeNote,
) -> Result<Arc<Situation>, ChangeError<E>> {
    let Order {
        on,
        by,
        reason,
        of,
        besides,
    } = order;
    gate.change(|now, moment| {
        let note = note.with("on", json!(on)).with("reason", json!(reason));
        let state = LockdownState {
            revision: now.lockdown.revision + 1,
            on,
            since: moment.wall,
            by,
            reason,
        };
        let next = Situation {
            lockdown: state.clone(),
            ..now.clone()
        };
        Ok(Edit {
            next,
            note,
            changes: [StateChange::SetLockdown(state)]
                .into_iter()
                .chain(besides)
                .collect(),
            of,
        })
    })
    .await
}

/// Proves the halt path on the running server: the rules deny a probe under lockdown, the trail takes a synced
/// change, and the gate turns away what was decided before it. No call of anybody's is denied by it.
pub(super) async fn drill(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let begun = governance.gate().clock().monotonic();
    let before = probe(&governance.decision_point, permit).await;
    let denied = {
        let situation = governance.gate().situation();
        let mut request = (**before.request()).clone();
        request.context.lockdown = true;
        situation.engine.decide(&Arc::new(request)).code() == Code::Lockdown
    };
    let note = note(permit, "lockdown_drill");
    let make = |now: &Situation, _moment: Moment| {
        let note = note.with("probe_denied", json!(denied));
        Ok::<_, ToolError>(Edit {
            next: now.clone(),
            note,
            changes: Vec::new(),
            of: Some(permit.outcome_of()),
        })
    };
    governance.gate().change(make).await.map_err(refused)?;
    let turned_away = governance.gate().enter(&before, || ()).is_err();
    let took = governance.gate().clock().monotonic().saturating_sub(begun);
    if !(denied && turned_away) {
        return Err(ToolError::Failed {
            message: "the halt path does not work: stop the gateway".to_owned(),
            detail: json!({ "probe_denied": denied, "earlier_decision_turned_away": turned_away }),
            changes: Vec::new(),
        });
    }
    let millis = took.as_secs_f64() * 1000.0;
    Ok(changed(json!({
        "success": true,
        "message": format!("a lockdown would have stopped every call after {millis:.1} ms"),
        "probe_denied": denied,
        "earlier_decision_turned_away": turned_away,
        "duration_ms": millis,
    })))
}

/// A decision about a harmless call, made but not recorded: nobody asked for it.
async fn probe(decision_point: &DecisionPoint, permit: &Permit) -> crate::policy::Decision {
    let request = permit.request();
    let principal = Principal {
        trust: TrustLevel::Admin,
        status: PrincipalStatus::Active,
        ..request.principal.clone()
    };
    let ask = Ask {
        action_id: request.action_id,
        principal,
        action: ActionType::ToolCall,
        resource: Resource {
            name: Arc::from("list_services"),
        },
        arguments: Arguments(Map::new()),
        stated: Arc::new(Stated::default()),
        purpose: Purpose::Question,
        correlation_id: None,
        quota: None,
    };
    decision_point.consider(&ask).await
}
