//! Tool `list_keys`, and how keys look to people.

use serde_json::{Value, json};

use crate::domain::{Holder, Roles, Timestamp};
use crate::identity::Kept;
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, text};

#[expect(clippy::unnecessary_wraps, reason = "the shape of every tool")]
pub(in crate::governance) fn list(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let (agent, user) = (text(permit, "agent_id"), text(permit, "user_id"));
    let now = governance.now();
    let keys: Vec<Value> = governance.keys.look(|book| {
        let fits = |kept: &&Kept| match &kept.key.holder {
            Holder::Agent(id) => user.is_none() && agent.is_none_or(|only| only == id.as_str()),
            Holder::User(id) => agent.is_none() && user.is_none_or(|only| only == id.as_str()),
        };
        let keys = book.keys().into_iter().filter(fits);
        keys.map(|kept| shown(kept, book.roles(&kept.key), now))
            .collect()
    });
    Ok(Output::of(json!({ "count": keys.len(), "keys": keys })))
}

/// The key with what it may do now: nothing, where its person is disabled.
fn shown(kept: &Kept, may: Option<Roles>, now: Timestamp) -> Value {
    let key = &kept.key;
    let (agent, user) = match &key.holder {
        Holder::Agent(id) => (Some(id), None),
        Holder::User(id) => (None, Some(id)),
    };
    let status = if key.revoked_at.is_some() {
        "revoked"
    } else if key.is_live(now) {
        "active"
    } else {
        "expired"
    };
    json!({
        "key_id": key.key_id,
        "agent_id": agent,
        "user_id": user,
        "roles": may.unwrap_or(Roles::NONE),
        "name": key.name,
        "status": status,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "last_used_at": kept.last_used_at(),
        "revoked_at": key.revoked_at,
        "revocation_reason": key.revocation_reason,
        "replaced_by": key.replaced_by,
        "bootstrap": key.bootstrap,
    })
}
