//! Second factors of people: codes of RFC 6238, each used once, wrong ones counted.

mod code; // secret and time in, digits out
mod secret; // made, shown once, sealed

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use crate::audit::{AuditError, ChangeNote, OutcomeOf, Recorder, StateChange};
use crate::domain::{AgentId, Secret, Timestamp, Totp};

use super::NoRandomness;

pub use code::{CodeForm, CodeHash};
pub use secret::{NewTotp, Unsealable};

use secret::Sealer;

/// The stored second factors cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored second factors cannot be read: {0}")]
pub struct TotpUnread(pub String);

/// What second factors need from a store; they are written with their records.
pub trait TotpStore: Send + Sync {
    /// A person's second factor, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn totp(&self, user_id: &AgentId) -> Result<Option<Totp>, TotpUnread>;

    /// Every second factor.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn totps(&self) -> Result<Vec<Totp>, TotpUnread>;
}

/// Why a code opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum TotpRefusal {
    /// It is not the code, or was used.
    #[error("the code is wrong, or was used already")]
    Wrong,
    /// There were too many wrong ones.
    #[error("too many wrong codes: locked for {} more seconds", left.as_secs())]
    Locked {
        /// For how long yet.
        left: Duration,
        /// Whether it was this try that locked it.
        now: bool,
    },
    /// The secret cannot be opened.
    #[error(transparent)]
    Unsealable(#[from] Unsealable),
    /// The wrong try could not be counted.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// The second factors there are. Read from the store each time: they are asked for seldom, and what was used or
/// locked must hold whatever happens to this process.
pub struct Totps {
    store: Arc<dyn TotpStore>,
    sealer: Sealer,
    recorder: Recorder,
    /// Guards the order of tries and changes; held from the look at a code until what it opened is written.
    turn: Mutex<()>,
}

impl Totps {
    /// The second factors of this store, whose key this is.
    #[must_use]
    pub fn new(store: Arc<dyn TotpStore>, store_key: &Secret, recorder: Recorder) -> Self {
        Self {
            store,
            sealer: Sealer::new(store_key),
            recorder,
            turn: Mutex::new(()),
        }
    }

    /// The store, to look at.
    #[must_use]
    pub fn store(&self) -> &dyn TotpStore {
        &*self.store
    }

    /// Waits for its turn to change a second factor, or to use one.
    pub async fn turn(&self) -> Turn<'_> {
        Turn {
            totps: self,
            _alone: self.turn.lock().await,
        }
    }
}

/// The right to change second factors and to use codes, which one has at a time.
pub struct Turn<'a> {
    totps: &'a Totps,
    _alone: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// A person's second factor, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn totp(&self, user_id: &AgentId) -> Result<Option<Totp>, TotpUnread> {
        self.totps.store.totp(user_id)
    }

    /// A second factor with this secret in the place of the one before; it does not count yet.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn enrolled(
        &self,
        user_id: &AgentId,
        new: &NewTotp,
        before: Option<&Totp>,
        now: Timestamp,
    ) -> Result<Totp, NoRandomness> {
        Ok(Totp {
            revision: before.map_or(0, |totp| totp.revision) + 1,
            user_id: user_id.clone(),
            sealed: self.totps.sealer.seal(user_id, new)?,
            enrolled_at: now,
            confirmed_at: None,
            last_step: 0,
            wrong: [None, None],
            locked_until: None,
        })
    }

    /// The step of the code, if it is right. It is used up with what it opens, by [`StateChange::UseTotpStep`].
    ///
    /// # Errors
    /// When it opens nothing. That a code was wrong is on record then, with the note, and counted.
    pub async fn check(
        &self,
        totp: &Totp,
        code: &str,
        now: Timestamp,
        note: ChangeNote,
    ) -> Result<u64, TotpRefusal> {
        if let Some(left) = totp.locked_for(now) {
            return Err(TotpRefusal::Locked { left, now: false });
        }
        let secret = self.totps.sealer.open(&totp.user_id, &totp.sealed)?;
        let step = CodeForm::USUAL.check(secret.expose(), code, now, totp.last_step);
        if let Some(step) = step {
            return Ok(step);
        }
        let next = totp.after_wrong_try(now);
        let locked = next.locked_for(now);
        let note = note.with("locked_until", serde_json::json!(next.locked_until));
        self.write(note, StateChange::PutTotp(Box::new(next)), None)
            .await?;
        Err(match locked {
            Some(left) => TotpRefusal::Locked { left, now: true },
            None => TotpRefusal::Wrong,
        })
    }

    /// Writes a change.
    ///
    /// # Errors
    /// When it cannot be written; nothing changed then.
    pub async fn write(
        &self,
        note: ChangeNote,
        change: StateChange,
        of: Option<OutcomeOf>,
    ) -> Result<(), AuditError> {
        let written = self.totps.recorder.change(note, vec![change], of).await;
        written.map(drop)
    }
}
