//! Tokens that were verified a moment ago, so that a busy caller pays for one signature a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{AgentId, Digest};

use super::Verified;
use super::key_set::Key;
use super::shelf::Shelf;

/// How long a token is remembered.
pub(super) const REMEMBERED: Duration = Duration::from_mins(1);
/// The most tokens that are remembered.
const MOST: usize = 10_000;

/// A token that was verified, with all that must still hold for that to count.
#[derive(Clone)]
pub(super) struct Remembered {
    /// What it proved.
    pub(super) verified: Verified,
    /// Whose set its key must still be in.
    pub(super) shelf: Arc<Shelf>,
    /// The name of its key.
    pub(super) key_id: Arc<str>,
    /// Its key.
    pub(super) key: Arc<Key>,
    /// Until when, since the process started.
    pub(super) until: Duration,
}

/// The tokens that were verified a moment ago, by their digests: a token itself is kept nowhere.
///
/// Two halves: new ones come into the young one, and when that is a minute old or full it becomes the old one, whose
/// tokens are all forgotten. So nothing is ever searched for what may go, and there are never more than [`MOST`].
#[derive(Default)]
pub(super) struct Memory {
    /// Guards both halves; held for look-ups and single changes.
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    young: HashMap<Digest, Remembered>,
    old: HashMap<Digest, Remembered>,
    /// When the young half was begun.
    begun: Duration,
}

impl Memory {
    /// What is remembered of a token.
    pub(super) fn recall(&self, token: &Digest, now: Duration) -> Option<Remembered> {
        let halves = self.halves();
        let found = halves.young.get(token).or_else(|| halves.old.get(token));
        found.filter(|found| now < found.until).cloned()
    }

    /// Remembers a token.
    pub(super) fn keep(&self, token: Digest, remembered: Remembered, now: Duration) {
        let mut halves = self.halves();
        let is_over = now.saturating_sub(halves.begun) >= REMEMBERED;
        if is_over || halves.young.len() >= MOST / 2 {
            halves.old = std::mem::take(&mut halves.young);
            halves.begun = now;
        }
        halves.young.insert(token, remembered);
    }

    /// Forgets a token.
    pub(super) fn forget(&self, token: &Digest) {
        let mut halves = self.halves();
        halves.young.remove(token);
        halves.old.remove(token);
    }

    /// Forgets every token of an agent.
    pub(super) fn forget_agent(&self, agent: &AgentId) {
        let mut halves = self.halves();
        let is_other = |_: &Digest, one: &mut Remembered| one.verified.agent_id != *agent;
        halves.young.retain(is_other);
        halves.old.retain(is_other);
    }

    /// How many tokens are kept.
    pub(super) fn count(&self) -> usize {
        let halves = self.halves();
        halves.young.len() + halves.old.len()
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
