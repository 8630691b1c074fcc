//! The book of API keys and of the people behind them: read at start, kept with every change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;

use crate::audit::{AuditError, ChangeError, ChangeNote, OutcomeOf, Recorder, StateChange};
use crate::domain::{
    AgentId, ApiKey, Authentication, Digest, Holder, KeyId, Role, Roles, Timestamp, User,
    UserStatus,
};

use super::key_text::KeyText;
use super::{Identity, Kind, Unauthenticated};

/// The most keys that are kept, revoked ones included.
const MOST: usize = 100_000;

/// The stored keys cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored keys cannot be read: {0}")]
pub struct BookUnread(pub String);

/// What the book needs from a store; keys and people are written with their records.
pub trait KeyStore: Send + Sync {
    /// Every key, and when it was last used.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn keys(&self) -> Result<Vec<(ApiKey, Option<Timestamp>)>, BookUnread>;

    /// Every person.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn users(&self) -> Result<Vec<User>, BookUnread>;
}

/// A key and when it was last used.
#[derive(Debug)]
pub struct Kept {
    /// The key.
    pub key: ApiKey,
    /// In milliseconds; 0: never.
    used: AtomicI64,
    /// Whether that is not written yet.
    fresh: AtomicBool,
}

impl Kept {
    fn new(key: ApiKey, used: Option<Timestamp>) -> Self {
        Self {
            key,
            used: AtomicI64::new(used.map_or(0, Timestamp::as_millis)),
            fresh: AtomicBool::default(),
        }
    }

    /// When it was last used.
    #[must_use]
    pub fn last_used_at(&self) -> Option<Timestamp> {
        match self.used.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(Timestamp::from_millis(millis)),
        }
    }

    fn note_use(&self, now: Timestamp) {
        self.used.store(now.as_millis(), Ordering::Relaxed);
        self.fresh.store(true, Ordering::Relaxed);
    }
}

/// What the book holds at a moment.
#[derive(Debug, Default)]
pub struct Book {
    keys: HashMap<KeyId, Kept>,
    users: HashMap<AgentId, User>,
}

impl Book {
    /// The book as the store has it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(store: &dyn KeyStore) -> Result<Self, BookUnread> {
        let keys = store.keys()?.into_iter();
        let users = store.users()?.into_iter();
        Ok(Self {
            keys: keys
                .map(|(key, used)| (key.key_id.clone(), Kept::new(key, used)))
                .collect(),
            users: users.map(|user| (user.user_id.clone(), user)).collect(),
        })
    }

    /// The key of this name.
    #[must_use]
    pub fn key(&self, key_id: &KeyId) -> Option<&Kept> {
        self.keys.get(key_id)
    }

    /// The person of this name.
    #[must_use]
    pub fn user(&self, user_id: &AgentId) -> Option<&User> {
        self.users.get(user_id)
    }

    /// Every key, by its name.
    #[must_use]
    pub fn keys(&self) -> Vec<&Kept> {
        let mut keys: Vec<&Kept> = self.keys.values().collect();
        keys.sort_by(|a, b| a.key.key_id.cmp(&b.key.key_id));
        keys
    }

    /// Every person, by name.
    #[must_use]
    pub fn users(&self) -> Vec<&User> {
        let mut users: Vec<&User> = self.users.values().collect();
        users.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        users
    }

    /// Whether any of the keys is so.
    pub fn any(&self, is_so: impl FnMut(&Kept) -> bool) -> bool {
        self.keys.values().any(is_so)
    }

    /// Whether there is room for another key.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.keys.len() < MOST
    }

    /// Whether a key that is not for bootstrap makes somebody an administrator now.
    #[must_use]
    pub fn has_admin(&self, now: Timestamp) -> bool {
        self.any(|kept| {
            !kept.key.bootstrap
                && kept.key.is_live(now)
                && self
                    .roles(&kept.key)
                    .is_some_and(|roles| roles.has(Role::Admin))
        })
    }

    /// What the key's holder may do with it; `None` when nobody stands behind it.
    #[must_use]
    pub fn roles(&self, key: &ApiKey) -> Option<Roles> {
        match &key.holder {
            Holder::Agent(_) => Some(Roles::of(&key.roles)),
            Holder::User(id) => {
                let user = self.users.get(id)?;
                (user.status == UserStatus::Active).then(|| user.roles_of(&key.roles))
            }
        }
    }
}

/// A change of keys or people that was worked out and waits to be written.
pub struct BookEdit {
    /// Keys as they will be.
    pub keys: Vec<ApiKey>,
    /// People as they will be.
    pub users: Vec<User>,
    /// What the record says of it.
    pub note: ChangeNote,
    /// The decision of which the record is the outcome, when a call makes the change.
    pub of: Option<OutcomeOf>,
}

/// The keys there are.
pub struct Keys {
    /// Guards the book; held for a look-up or the swap of a few entries, never while anything is written.
    book: RwLock<Book>,
    /// Guards the order of changes; held while one is written.
    changing: Mutex<()>,
    recorder: Recorder,
}

impl Keys {
    /// The keys as the store has them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &dyn KeyStore, recorder: Recorder) -> Result<Self, BookUnread> {
        Ok(Self {
            book: RwLock::new(Book::read(store)?),
            changing: Mutex::new(()),
            recorder,
        })
    }

    /// Looks into the book.
    pub fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who holds this key now.
    ///
    /// A key that nobody has, a wrong one and one that no longer counts take the same steps and get the same answer.
    ///
    /// # Errors
    /// When nobody does.
    pub fn holder(&self, text: &KeyText, now: Timestamp) -> Result<Identity, Unauthenticated> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        let kept = book.keys.get(&text.key_id);
        let stored = kept.map_or(&Digest::ZERO, |kept| &kept.key.digest);
        let same: bool = stored.as_bytes().ct_eq(text.digest.as_bytes()).into();
        let live = kept.filter(|kept| same && kept.key.is_live(now));
        let kept = live.ok_or(Unauthenticated)?;
        let roles = book.roles(&kept.key).ok_or(Unauthenticated)?;
        if kept.key.bootstrap && book.has_admin(now) {
            return Err(Unauthenticated);
        }
        kept.note_use(now);
        Ok(identity(&kept.key, roles))
    }

    /// Changes keys or people: works the change out, writes it, lets it count, and only then returns.
    ///
    /// # Errors
    /// When `make` refuses, or the change cannot be written; everything is then as before.
    pub async fn change<E>(
        &self,
        make: impl FnOnce(&Book) -> Result<BookEdit, E>,
    ) -> Result<(), ChangeError<E>> {
        let _turn = self.changing.lock().await;
        let edit = self.look(make).map_err(ChangeError::Refused)?;
        let keys = edit.keys.iter().cloned().map(Box::new);
        let users = edit.users.iter().cloned().map(Box::new);
        let changes = keys
            .map(StateChange::PutKey)
            .chain(users.map(StateChange::PutUser))
            .collect();
        let written = self.recorder.change(edit.note, changes, edit.of).await;
        written.map_err(ChangeError::Audit)?;
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        for key in edit.keys {
            match book.keys.get_mut(&key.key_id) {
                Some(kept) => kept.key = key,
                None => drop(book.keys.insert(key.key_id.clone(), Kept::new(key, None))),
            }
        }
        for user in edit.users {
            book.users.insert(user.user_id.clone(), user);
        }
        Ok(())
    }

    /// Writes when keys were last used, where that is not written yet.
    ///
    /// # Errors
    /// When it cannot be written; the next time will do.
    pub async fn write_uses(&self) -> Result<(), AuditError> {
        let used: Vec<(KeyId, Timestamp)> = self.look(|book| {
            let fresh = book
                .keys
                .values()
                .filter(|kept| kept.fresh.swap(false, Ordering::Relaxed));
            fresh
                .filter_map(|kept| Some((kept.key.key_id.clone(), kept.last_used_at()?)))
                .collect()
        });
        if used.is_empty() {
            return Ok(());
        }
        let note =
            ChangeNote::new("key_use", "gateway").with("keys", serde_json::json!(used.len()));
        let changes = vec![StateChange::UseKeys(used)];
        self.recorder.change(note, changes, None).await.map(drop)
    }
}

fn identity(key: &ApiKey, roles: Roles) -> Identity {
    let is_person = matches!(key.holder, Holder::User(_));
    Identity {
        id: key.holder.id().clone(),
        kind: if is_person { Kind::Person } else { Kind::Agent },
        roles,
        authentication: Authentication::Key,
        may_act_for_others: is_person && roles.meets(Roles::any_of(&[Role::Operator])),
        credential: Some(key.key_id.shared()),
    }
}
