//! Tools about second factors of people: `enroll_totp`, `confirm_totp`, `remove_totp`; and what takes a code.

mod enrolling; // the tools
mod proof; // a code, and what it opens

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::decision_point::Ask;
use crate::domain::{
    AgentId, Authentication, Holder, KeyId, Role, Roles, ToolClass, TotpStatus, User,
};
use crate::identity::TotpUnread;
use crate::tools::{Permit, ToolDefinition, ToolError};

use super::{Governance, schemas};

pub(super) use enrolling::{confirm, enroll, remove};
pub(super) use proof::{Proof, for_lifting, for_mode, required};

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let people = Roles::any_of(&[Role::Auditor, Role::Approver, Role::Operator, Role::Admin]);
    let user_id = json!({ "type": "string", "description": "The person's id" });
    let tool = ToolDefinition::gateway;
    vec![
        tool("enroll_totp", ToolClass::Modify, "Makes the secret behind a person's codes. The answer shows it, once; it counts when a code of it was confirmed.", schemas::object(&json!({
            "user_id": user_id,
            "totp": schemas::totp("Your code of now, to replace your own secret that counts"),
        }), &["user_id"])).needs(people),
        tool("confirm_totp", ToolClass::Modify, "Makes a person's new secret count, by a code of it.", schemas::object(&json!({
            "user_id": user_id,
            "totp": schemas::totp("A code of the new secret"),
        }), &["user_id", "totp"])).needs(people),
        tool("remove_totp", ToolClass::Modify, "Removes the secret behind a person's codes.", schemas::object(&json!({
            "user_id": user_id,
            "totp": schemas::totp("Your code of now, to remove your own secret"),
        }), &["user_id"])).needs(people),
    ]
}

/// What a caller must be for these tools: the person itself, or an administrator.
pub(super) fn needs(ask: &Ask) -> Roles {
    let principal = &ask.principal;
    let caller = principal.acted_by.as_ref().unwrap_or(&principal.agent_id);
    let own = ask.arguments.get("user_id").and_then(Value::as_str) == Some(caller.as_str());
    if own && principal.authentication == Authentication::Key {
        Roles::NONE
    } else {
        Roles::only(Role::Admin)
    }
}

/// How far each of these people's enrolment is.
pub(super) fn statuses(governance: &Governance) -> Result<Statuses, ToolError> {
    let totps = governance.totps.store().totps().map_err(unread)?;
    let known = totps.into_iter();
    Ok(Statuses(
        known
            .map(|totp| (totp.user_id.clone(), totp.status()))
            .collect(),
    ))
}

/// How far enrolments are.
pub(super) struct Statuses(HashMap<AgentId, TotpStatus>);

impl Statuses {
    /// How far this person's is.
    pub(super) fn of(&self, user: &User) -> TotpStatus {
        self.0
            .get(&user.user_id)
            .copied()
            .unwrap_or(TotpStatus::None)
    }
}

/// The person whose own key the caller showed. A name alone, also a token's, is not that.
fn own_id(governance: &Governance, permit: &Permit) -> Option<AgentId> {
    let principal = &permit.request().principal;
    if principal.authentication != Authentication::Key {
        return None;
    }
    let key_id = KeyId::parse(principal.credential.as_deref()?)?;
    governance
        .keys
        .look(|book| match &book.key(&key_id)?.key.holder {
            Holder::User(id) => Some(id.clone()),
            Holder::Agent(_) => None,
        })
}

/// Under which name the caller is known.
fn caller(permit: &Permit) -> &AgentId {
    let principal = &permit.request().principal;
    principal.acted_by.as_ref().unwrap_or(&principal.agent_id)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unread(fault: TotpUnread) -> ToolError {
    ToolError::Unavailable(fault.to_string())
}
