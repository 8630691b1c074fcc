//! The key that opens a gateway which has no administrator yet (`spec/identity.md`, "First start").

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::audit::{ChangeError, ChangeNote};
use crate::config::{AuthMode, Config};
use crate::decision_point::Gate;
use crate::domain::{AgentId, ApiKey, Digest, Holder, KeyId, Role, Timestamp, User, UserStatus};
use crate::identity::{Book, BookEdit, Kept, Keys, NewKey};

use super::given_keys::{self, ended};
use super::{App, OpenError};

/// The file in the data directory, as long as the key was not used.
const FILE: &str = "bootstrap-key";
/// How long a key that was made for it holds.
const HOLDS: Duration = Duration::from_hours(24);
/// How often it is looked whether the key was used.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks it is written when keys were last used.
const LOOKS: u32 = 60;
/// The person behind it.
const PERSON: &str = "bootstrap";

/// How the first administrator gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstKey {
    /// There are administrators, or whoever stands on this machine is one.
    NotNeeded,
    /// With the key that the configuration names.
    Configured(PathBuf),
    /// With the key in this file, which goes away once it was used.
    InFile(PathBuf),
    /// With this key, which is kept nowhere.
    Shown(String),
}

impl App {
    /// Sees to it that somebody can become the first administrator.
    ///
    /// # Errors
    /// When the configured key is none or others can read it, or a key cannot be written.
    pub async fn first_key(
        &self,
        config: &Config,
        on_terminal: bool,
    ) -> Result<FirstKey, OpenError> {
        if config.auth == AuthMode::Local {
            return Ok(FirstKey::NotNeeded);
        }
        let now = self.gate.clock().now();
        if let Some(file) = &config.bootstrap_key_file {
            let text = given_keys::read("credentials.bootstrap_key_file", file)?;
            let needed = self.put(&text.key_id, text.digest, None, now).await?;
            return Ok(if needed {
                FirstKey::Configured(file.clone())
            } else {
                FirstKey::NotNeeded
            });
        }
        let file = self.data_dir().join(FILE);
        if self.keys.look(|book| waits(book, now)) && file.exists() {
            return Ok(FirstKey::InFile(file));
        }
        let made = NewKey::random().map_err(|fault| OpenError::Internal(fault.to_string()))?;
        let end = Some(now.plus(HOLDS));
        if !self.put(&made.key_id, made.digest, end, now).await? {
            return Ok(FirstKey::NotNeeded);
        }
        if on_terminal {
            drop(fs::remove_file(&file));
            return Ok(FirstKey::Shown(made.text));
        }
        write(&file, &made.text).map_err(|fault| {
            OpenError::Store(format!("`{}` cannot be written: {fault}", file.display()))
        })?;
        Ok(FirstKey::InFile(file))
    }

    /// Keeps the key as the one for bootstrap, unless there is an administrator; whether it is kept.
    async fn put(
        &self,
        key_id: &KeyId,
        digest: Digest,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, OpenError> {
        let person = AgentId::parse(PERSON).map_err(|f| OpenError::Internal(f.to_string()))?;
        let change = self.keys.change(|book| {
            if book.has_admin(now) {
                return Err(());
            }
            let live = |kept: &&Kept| {
                kept.key.bootstrap && kept.key.is_live(now) && kept.key.key_id != *key_id
            };
            let mut keys: Vec<ApiKey> = book
                .keys()
                .into_iter()
                .filter(live)
                .map(|kept| ended(&kept.key, now))
                .collect();
            let before = book.key(key_id).map_or(0, |kept| kept.key.revision);
            keys.push(ApiKey {
                revision: before + 1,
                key_id: key_id.clone(),
                digest,
                holder: Holder::User(person.clone()),
                roles: vec![Role::Admin],
                name: Some("the first administrator's".to_owned()),
                created_at: now,
                created_by: "gateway".to_owned(),
                expires_at,
                revoked_at: None,
                revocation_reason: None,
                replaced_by: None,
                bootstrap: true,
            });
            Ok(BookEdit {
                users: behind(book, &person, now),
                keys,
                note: ChangeNote::new("key_bootstrap", "gateway").with("key_id", json!(key_id)),
                of: None,
            })
        });
        match change.await {
            Ok(()) => Ok(true),
            Err(ChangeError::Refused(())) => Ok(false),
            Err(ChangeError::Audit(fault)) => Err(OpenError::Store(fault.to_string())),
        }
    }
}

/// The file in which a key that is made here waits; none where the configuration names a file of its own.
pub(super) fn file(config: &Config) -> Option<PathBuf> {
    let made = config.bootstrap_key_file.is_none();
    made.then(|| config.data_dir.join(FILE))
}

/// Whether a key for bootstrap waits for its first use.
fn waits(book: &Book, now: Timestamp) -> bool {
    book.any(|kept| kept.key.bootstrap && kept.key.is_live(now) && kept.last_used_at().is_none())
}

/// The person behind the key, if it is not there yet.
fn behind(book: &Book, person: &AgentId, now: Timestamp) -> Vec<User> {
    if book.user(person).is_some() {
        return Vec::new();
    }
    vec![User {
        revision: 1,
        user_id: person.clone(),
        name: "Whoever set the gateway up".to_owned(),
        roles: vec![Role::Admin],
        status: UserStatus::Active,
        created_at: now,
        created_by: "gateway".to_owned(),
        updated_at: now,
    }]
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    drop(fs::remove_file(file));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// Removes the file of a key for bootstrap once it was used or holds no more, and writes when keys were last used.
///
/// A file that the configuration names is somebody else's, and stays.
pub(super) async fn keep_keys(keys: Arc<Keys>, gate: Arc<Gate>, file: Option<PathBuf>) {
    for look in 1_u32.. {
        tokio::time::sleep(LOOK).await;
        let now = gate.clock().now();
        let over = || !keys.look(|book| waits(book, now));
        if let Some(file) = file.as_ref().filter(|file| file.exists() && over()) {
            match fs::remove_file(file) {
                Ok(()) => {
                    tracing::info!("the bootstrap key was used or is over; its file is removed");
                }
                Err(fault) => tracing::warn!(%fault, "the bootstrap key's file cannot be removed"),
            }
        }
        if look % LOOKS == 0
            && let Err(fault) = keys.write_uses().await
        {
            tracing::warn!(%fault, "when keys were last used is not written");
        }
    }
}
