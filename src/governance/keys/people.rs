//! Tools `put_user`, `list_users`.

use serde_json::{Value, json};

use crate::domain::{Roles, User, UserStatus};
use crate::identity::BookEdit;
use crate::tools::{Output, Permit, ToolError};

use super::super::totp::{self, Statuses};
use super::super::{Governance, actor, changed, note, refused, text};
use super::{conflict, parsed, roles, tell};

pub(in crate::governance) async fn put(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let user_id = parsed(text(permit, "user_id").unwrap_or_default())?;
    let now = governance.now();
    let totps = totp::statuses(governance)?;
    let mut before = None;
    let mut after = None;
    let edit = governance.keys.change(|book| {
        if governance.gate().registry().stamp(&user_id) != 0 {
            let message = format!("`{user_id}` is an agent");
            return Err(conflict(
                "is_agent",
                message,
                "choose another id for the person",
            ));
        }
        before = book.user(&user_id).cloned();
        let old = before.clone().unwrap_or_else(|| User {
            revision: 0,
            user_id: user_id.clone(),
            name: user_id.to_string(),
            roles: Vec::new(),
            status: UserStatus::Active,
            created_at: now,
            created_by: actor(permit),
            updated_at: now,
        });
        let status = text(permit, "status").and_then(UserStatus::parse);
        let next = User {
            revision: old.revision + 1,
            name: text(permit, "name").map_or(old.name, str::to_owned),
            roles: roles(permit).unwrap_or(old.roles),
            status: status.unwrap_or(old.status),
            updated_at: now,
            ..old
        };
        let note = note(permit, "user_change")
            .with("user_id", json!(next.user_id))
            .with("roles", json!(next.roles))
            .with("status", json!(next.status))
            .with("is_update", json!(before.is_some()));
        after = Some(next.clone());
        Ok(BookEdit {
            keys: Vec::new(),
            users: vec![next],
            note,
            of: Some(permit.outcome_of()),
        })
    });
    edit.await.map_err(refused)?;
    let roles = |user: &Option<User>| {
        let roles = user.as_ref().map(|user| Roles::of(&user.roles));
        roles.unwrap_or(Roles::NONE)
    };
    let gained = roles(&after).without(roles(&before));
    tell(governance, permit, &format!("person `{user_id}`"), gained).await;
    Ok(changed(json!({
        "success": true,
        "user_id": user_id,
        "user": after.as_ref().map(|user| shown(user, &totps)),
        "message": format!("`{user_id}` {}", if before.is_some() { "is changed" } else { "is added" }),
    })))
}

pub(in crate::governance) fn list(
    governance: &Governance,
    _permit: &Permit,
) -> Result<Output, ToolError> {
    let totps = totp::statuses(governance)?;
    let users: Vec<Value> = governance.keys.look(|book| {
        let users = book.users().into_iter();
        users.map(|user| shown(user, &totps)).collect()
    });
    Ok(Output::of(json!({ "count": users.len(), "users": users })))
}

fn shown(user: &User, totps: &Statuses) -> Value {
    json!({
        "user_id": user.user_id,
        "name": user.name,
        "roles": user.roles,
        "status": user.status,
        "totp": totps.of(user).as_str(),
        "created_at": user.created_at,
        "created_by": user.created_by,
        "updated_at": user.updated_at,
    })
}
