//! Tool `revoke_key`.

use serde_json::json;

use crate::domain::ApiKey;
use crate::identity::BookEdit;
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, changed, note, refused, text};
use super::{conflict, named};

pub(in crate::governance) async fn revoke(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let now = governance.now();
    let reason = text(permit, "reason").map(str::to_owned);
    let edit = governance.keys.change(|book| {
        let key = named(permit, book)?.key.clone();
        if key.revoked_at.is_some() {
            let message = format!("key `{}` is revoked already", key.key_id);
            return Err(conflict("key_revoked", message, "nothing needs to be done"));
        }
        let note = note(permit, "key_revocation")
            .with("key_id", json!(key.key_id))
            .with("holder", json!(key.holder))
            .with("reason", json!(reason));
        let next = ApiKey {
            revision: key.revision + 1,
            revoked_at: Some(now),
            revocation_reason: reason,
            ..key
        };
        Ok(BookEdit {
            keys: vec![next],
            users: Vec::new(),
            note,
            of: Some(permit.outcome_of()),
        })
    });
    edit.await.map_err(refused)?;
    let key_id = text(permit, "key_id").unwrap_or_default();
    Ok(changed(json!({
        "success": true,
        "key_id": key_id,
        "message": format!("key `{key_id}` no longer counts"),
    })))
}
