//! Keys that files give: who runs the gateway made them and handed them out before it starts.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::json;

use crate::audit::{ChangeError, ChangeNote};
use crate::config::Config;
use crate::domain::{AgentId, ApiKey, Holder, Role, Timestamp, shows_secret};
use crate::identity::{Book, BookEdit, Kept, KeyText};

use super::{App, OpenError};

/// The setting that names the file of the catalogue's key.
const CATALOG: &str = "credentials.catalog_key_file";
/// Whose key that is.
const CATALOG_AGENT: &str = "catalog";

impl App {
    /// Takes over the key that may list every tool and call none, as clients that discover tools want one
    /// (`spec/identity.md`, "Roles"). A key that took its place in the file ends it; one that was revoked stays so.
    ///
    /// # Errors
    /// When the file holds no key or shows it to others, or the key cannot be written.
    pub async fn take_catalog_key(&self, config: &Config) -> Result<(), OpenError> {
        let Some(file) = &config.catalog_key_file else {
            return Ok(());
        };
        let text = read(CATALOG, file)?;
        let agent =
            AgentId::parse(CATALOG_AGENT).map_err(|f| OpenError::Internal(f.to_string()))?;
        let now = self.gate.clock().now();
        let change = self.keys.change(|book| match book.key(&text.key_id) {
            Some(kept) if kept.key.digest == text.digest => Err(Same),
            Some(_) | None => Ok(taken(book, &text, &agent, now)),
        });
        match change.await {
            Ok(()) => Ok(()),
            Err(ChangeError::Refused(Same)) => {
                self.warn_of_ended(&text, now);
                Ok(())
            }
            Err(ChangeError::Audit(fault)) => Err(OpenError::Store(fault.to_string())),
        }
    }

    fn warn_of_ended(&self, text: &KeyText, now: Timestamp) {
        let live = |book: &Book| {
            let kept = book.key(&text.key_id);
            kept.is_some_and(|kept| kept.key.is_live(now))
        };
        if !self.keys.look(live) {
            tracing::warn!(key_id = %text.key_id, "the key of `{CATALOG}` is revoked; put another into the file");
        }
    }
}

/// The book has this key already.
struct Same;

/// The change that makes the key the catalogue's, and ends the one before it.
fn taken(book: &Book, text: &KeyText, agent: &AgentId, now: Timestamp) -> BookEdit {
    let holder = Holder::Agent(agent.clone());
    let is_before = |kept: &&Kept| {
        let key = &kept.key;
        key.holder == holder && key.created_by == "gateway" && key.is_live(now)
    };
    let before = book.keys().into_iter().filter(is_before);
    let mut keys: Vec<ApiKey> = before.map(|kept| ended(&kept.key, now)).collect();
    keys.push(ApiKey {
        revision: book
            .key(&text.key_id)
            .map_or(1, |kept| kept.key.revision + 1),
        key_id: text.key_id.clone(),
        digest: text.digest,
        holder: holder.clone(),
        roles: vec![Role::Catalog],
        name: Some("lists tools".to_owned()),
        created_at: now,
        created_by: "gateway".to_owned(),
        expires_at: None,
        revoked_at: None,
        revocation_reason: None,
        replaced_by: None,
        bootstrap: false,
    });
    let note = ChangeNote::new("key_creation", "gateway")
        .with("key_id", json!(text.key_id))
        .with("holder", json!(holder))
        .with("roles", json!([Role::Catalog]));
    BookEdit {
        keys,
        users: Vec::new(),
        note,
        of: None,
    }
}

/// The key as it is once another took its place.
pub(super) fn ended(key: &ApiKey, now: Timestamp) -> ApiKey {
    ApiKey {
        revision: key.revision + 1,
        revoked_at: Some(now),
        revocation_reason: Some("another one took its place".to_owned()),
        ..key.clone()
    }
}

/// The key in the file that a setting names.
pub(super) fn read(setting: &str, file: &Path) -> Result<KeyText, OpenError> {
    let name = file.display();
    let unread =
        |fault| OpenError::Unsafe(format!("`{setting}`: `{name}` cannot be read: {fault}"));
    let metadata = fs::metadata(file).map_err(unread)?;
    let mode = metadata.mode() & 0o777;
    if shows_secret(mode, metadata.uid(), metadata.gid()) {
        let why = format!(
            "`{setting}`: `{name}` can be read by others (mode {mode:o}); run `chmod 600` on it"
        );
        return Err(OpenError::Unsafe(why));
    }
    let text = fs::read_to_string(file).map_err(unread)?;
    KeyText::read(text.trim()).ok_or_else(|| {
        OpenError::Unsafe(format!(
            "`{setting}`: `{name}` does not hold a key: `pg_`, 8 characters, `_` and 49 more, of which the last 6 are \
             a checksum; make one with `policyguard keys new`"
        ))
    })
}
