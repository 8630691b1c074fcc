//! Tools `enroll_totp`, `confirm_totp`, `remove_totp`.

use serde_json::json;

use crate::audit::StateChange;
use crate::domain::{AgentId, Totp, TotpStatus};
use crate::identity::{NewTotp, NoRandomness, Turn};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, changed, mendable, note, text, unwritten};
use super::proof::{checked, not_theirs};
use super::{caller, own_id, unread};

pub(in crate::governance) async fn enroll(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let user_id = person(governance, permit)?;
    let new = NewTotp::random().map_err(no_randomness)?;
    let now = governance.now();
    let turn = governance.totps.turn().await;
    let before = turn.totp(&user_id).map_err(unread)?;
    may_replace(governance, permit, &turn, before.as_ref()).await?;
    let next = turn
        .enrolled(&user_id, &new, before.as_ref(), now)
        .map_err(no_randomness)?;
    let note = note(permit, "totp_enrolment")
        .with("user_id", json!(user_id))
        .with("replaces", json!(status(before.as_ref()).as_str()));
    let change = StateChange::PutTotp(Box::new(next));
    let written = turn.write(note, change, Some(permit.outcome_of())).await;
    written.map_err(|fault| unwritten(&fault))?;
    Ok(changed(json!({
        "success": true,
        "user_id": user_id,
        "totp": TotpStatus::Pending.as_str(),
        "secret": new.base32(),
        "uri": new.uri(&user_id),
        "message": "keep the secret in an app now: it is shown this once, and counts when a code of it is confirmed",
    })))
}

pub(in crate::governance) async fn confirm(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let user_id = person(governance, permit)?;
    let now = governance.now();
    let turn = governance.totps.turn().await;
    let before = turn.totp(&user_id).map_err(unread)?;
    let Some(pending) = before.filter(|totp| totp.status() == TotpStatus::Pending) else {
        return Err(mendable(
            Fault::Conflict,
            "totp_not_pending",
            format!("`{user_id}` has no secret that waits for a code"),
            "make one with enroll_totp",
        ));
    };
    let step = checked(governance, permit, &turn, &pending).await?;
    let next = Totp {
        revision: pending.revision + 1,
        confirmed_at: Some(now),
        last_step: step,
        wrong: [None, None],
        ..pending
    };
    let note = note(permit, "totp_confirmation").with("user_id", json!(user_id));
    let change = StateChange::PutTotp(Box::new(next));
    let written = turn.write(note, change, Some(permit.outcome_of())).await;
    written.map_err(|fault| unwritten(&fault))?;
    Ok(done(&user_id, TotpStatus::Confirmed, "codes count now"))
}

pub(in crate::governance) async fn remove(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let user_id = person(governance, permit)?;
    let turn = governance.totps.turn().await;
    let Some(before) = turn.totp(&user_id).map_err(unread)? else {
        return Err(mendable(
            Fault::Missing,
            "totp_not_found",
            format!("`{user_id}` has no second factor"),
            "nothing needs to be done",
        ));
    };
    may_replace(governance, permit, &turn, Some(&before)).await?;
    let note = note(permit, "totp_removal").with("user_id", json!(user_id));
    let revision = before.revision;
    let change = StateChange::RemoveTotp {
        user_id: user_id.clone(),
        revision,
    };
    let written = turn.write(note, change, Some(permit.outcome_of())).await;
    written.map_err(|fault| unwritten(&fault))?;
    Ok(done(&user_id, TotpStatus::None, "no code counts any more"))
}

/// A secret that counts is replaced by another administrator, or by the person itself with a code of it: who has
/// nothing but the person's key must not get past it this way.
async fn may_replace(
    governance: &Governance,
    permit: &Permit,
    turn: &Turn<'_>,
    before: Option<&Totp>,
) -> Result<(), ToolError> {
    let counts = |totp: &&Totp| totp.status() == TotpStatus::Confirmed;
    let Some(totp) = before.filter(counts) else {
        return Ok(());
    };
    if own_id(governance, permit).as_ref() == Some(&totp.user_id) {
        return checked(governance, permit, turn, totp).await.map(drop);
    }
    if caller(permit) == &totp.user_id {
        return Err(not_theirs(&totp.user_id));
    }
    Ok(())
}

/// The person whom the call names.
fn person(governance: &Governance, permit: &Permit) -> Result<AgentId, ToolError> {
    let named = text(permit, "user_id").unwrap_or_default();
    let known = AgentId::parse(named)
        .ok()
        .filter(|id| governance.keys.look(|book| book.user(id).is_some()));
    known.ok_or_else(|| {
        mendable(
            Fault::Missing,
            "user_not_found",
            format!("there is no person `{}`", named.escape_debug()),
            "add it with put_user",
        )
    })
}

fn status(totp: Option<&Totp>) -> TotpStatus {
    totp.map_or(TotpStatus::None, Totp::status)
}

fn done(user_id: &AgentId, status: TotpStatus, what: &str) -> Output {
    changed(json!({
        "success": true,
        "user_id": user_id,
        "totp": status.as_str(),
        "message": format!("`{user_id}`: {what}"),
    }))
}

fn no_randomness(fault: NoRandomness) -> ToolError {
    ToolError::Unavailable(fault.to_string())
}
