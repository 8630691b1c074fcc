//! Tools `create_key`, `rotate_key`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::{AgentId, ApiKey, Holder, Role, Roles, Timestamp, UserStatus};
use crate::identity::{Book, BookEdit, NewKey, NoRandomness};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, actor, changed, mendable, note, refused, text};
use super::{conflict, named, parsed, roles, span, tell};

/// How long an old key holds beside its successor, if nobody says otherwise.
const OVERLAP: Duration = Duration::from_hours(24);

pub(in crate::governance) async fn create(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let new = NewKey::random().map_err(no_randomness)?;
    let holder = holder(permit)?;
    let lasts = span(permit, "expires_in")?;
    let asked = roles(permit);
    let now = governance.now();
    let mut may = Roles::NONE;
    let mut made = None;
    let edit = governance.keys.change(|book| {
        has_room(book)?;
        may = allowed(book, &holder, asked.as_deref())?;
        let key = ApiKey {
            revision: 1,
            key_id: new.key_id.clone(),
            digest: new.digest,
            holder: holder.clone(),
            roles: match (&holder, &asked) {
                (Holder::Agent(_), None) => vec![Role::Agent],
                (Holder::Agent(_) | Holder::User(_), asked) => asked.clone().unwrap_or_default(),
            },
            name: text(permit, "name").map(str::to_owned),
            created_at: now,
            created_by: actor(permit),
            expires_at: lasts.map(|lasts| now.plus(lasts)),
            revoked_at: None,
            revocation_reason: None,
            replaced_by: None,
            bootstrap: false,
        };
        made = Some(key.clone());
        Ok(edit_of(permit, "key_creation", vec![key]))
    });
    edit.await.map_err(refused)?;
    let what = format!("key `{}` of `{}`", new.key_id, holder.id());
    tell(governance, permit, &what, may).await;
    Ok(changed(shown(&new, made.as_ref(), may)))
}

pub(in crate::governance) async fn rotate(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let new = NewKey::random().map_err(no_randomness)?;
    let overlap = span(permit, "overlap")?.unwrap_or(OVERLAP);
    let lasts = span(permit, "expires_in")?;
    let now = governance.now();
    let mut may = Roles::NONE;
    let mut made = None;
    let edit = governance.keys.change(|book| {
        has_room(book)?;
        let old = named(permit, book)?.key.clone();
        if !old.is_live(now) || old.bootstrap || old.replaced_by.is_some() {
            return Err(conflict(
                "key_not_live",
                format!("key `{}` is over, replaced, or for bootstrap", old.key_id),
                "make a new one with create_key",
            ));
        }
        may = allowed(book, &old.holder, Some(&old.roles))?;
        let as_long = old.expires_at.map(|end| old.created_at.until(end));
        let next = ApiKey {
            revision: 1,
            key_id: new.key_id.clone(),
            digest: new.digest,
            created_at: now,
            created_by: actor(permit),
            expires_at: lasts.or(as_long).map(|lasts| now.plus(lasts)),
            ..old.clone()
        };
        let end = now.plus(overlap);
        let before = ApiKey {
            revision: old.revision + 1,
            expires_at: Some(old.expires_at.map_or(end, |own| own.min(end))),
            replaced_by: Some(next.key_id.clone()),
            ..old
        };
        made = Some(next.clone());
        Ok(edit_of(permit, "key_rotation", vec![next, before]))
    });
    edit.await.map_err(refused)?;
    Ok(changed(shown(&new, made.as_ref(), may)))
}

/// The change whose record names the first of the keys.
fn edit_of(permit: &Permit, operation: &'static str, keys: Vec<ApiKey>) -> BookEdit {
    let mut note = note(permit, operation);
    if let Some(key) = keys.first() {
        note = note
            .with("key_id", json!(key.key_id))
            .with("holder", json!(key.holder))
            .with("roles", json!(key.roles))
            .with("expires_at", json!(key.expires_at));
    }
    if let Some(old) = keys.get(1) {
        note = note
            .with("replaces", json!(old.key_id))
            .with("old_expires_at", json!(old.expires_at));
    }
    BookEdit {
        keys,
        users: Vec::new(),
        note,
        of: Some(permit.outcome_of()),
    }
}

/// Whom the key is for: an agent or a person, one of them.
fn holder(permit: &Permit) -> Result<Holder, ToolError> {
    match (text(permit, "agent_id"), text(permit, "user_id")) {
        (Some(agent), None) => parsed(agent).map(Holder::Agent),
        (None, Some(user)) => AgentId::parse(user)
            .map(Holder::User)
            .map_err(|fault| mendable(Fault::Value, "user_id", fault.to_string(), "use its id")),
        (None, None) | (Some(_), Some(_)) => Err(mendable(
            Fault::Value,
            "holder",
            "a key belongs to one agent or to one person",
            "give `agent_id` or `user_id`",
        )),
    }
}

fn has_room(book: &Book) -> Result<(), ToolError> {
    if book.has_room() {
        return Ok(());
    }
    let message = "there are too many keys, revoked ones included";
    Err(mendable(
        Fault::Busy,
        "too_many_keys",
        message,
        "ask for help: nothing forgets keys",
    ))
}

/// What the key may do in the end, if it may have the roles that are asked for.
fn allowed(book: &Book, holder: &Holder, asked: Option<&[Role]>) -> Result<Roles, ToolError> {
    match holder {
        Holder::Agent(id) => {
            if book.user(id).is_some() {
                let message = format!("`{id}` is a person, not an agent");
                return Err(conflict("is_user", message, "give `user_id` instead"));
            }
            let asked = asked.unwrap_or(&[Role::Agent]);
            match asked.iter().find(|role| !holder.may_have(**role)) {
                None => Ok(Roles::of(asked)),
                Some(role) => Err(mendable(
                    Fault::Value,
                    "roles",
                    format!("an agent's key has role agent, pep or catalog, not {role}"),
                    "make it for a person (`user_id`)",
                )),
            }
        }
        Holder::User(id) => {
            let user = book.user(id).ok_or_else(|| {
                mendable(
                    Fault::Missing,
                    "user_not_found",
                    format!("there is no person `{id}`"),
                    "add it with put_user",
                )
            })?;
            if user.status == UserStatus::Disabled {
                let message = format!("`{id}` is disabled");
                return Err(conflict(
                    "user_disabled",
                    message,
                    "enable it with put_user",
                ));
            }
            let asked = asked.unwrap_or_default();
            let own = Roles::of(&user.roles);
            match asked.iter().find(|role| !own.has(**role)) {
                None => Ok(user.roles_of(asked)),
                Some(role) => Err(mendable(
                    Fault::Value,
                    "roles",
                    format!("`{id}` does not have role {role}"),
                    "name some of its roles, or change them with put_user",
                )),
            }
        }
    }
}

/// The key, for the one time that anybody sees it.
fn shown(new: &NewKey, key: Option<&ApiKey>, may: Roles) -> Value {
    let holder = key.map(|key| &key.holder);
    let (agent, user) = match holder {
        Some(Holder::Agent(id)) => (Some(id), None),
        Some(Holder::User(id)) => (None, Some(id)),
        None => (None, None),
    };
    let expires_at: Option<Timestamp> = key.and_then(|key| key.expires_at);
    json!({
        "success": true,
        "key_id": new.key_id,
        "key": new.text,
        "agent_id": agent,
        "user_id": user,
        "roles": may,
        "expires_at": expires_at,
        "message": "keep the key now: it is shown this once",
    })
}

fn no_randomness(fault: NoRandomness) -> ToolError {
    ToolError::Unavailable(fault.to_string())
}
