//! The key set of one issuer, kept fresh.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::domain::{Clock, Timestamp};

use super::key_set::{Key, KeySet};
use super::source::KeysUnread;
use super::{Issuer, KeySource, TokenFault};

/// From what age on a set is fetched again when it is used.
const FRESH: Duration = Duration::from_mins(10);
/// Until what age a set is used when it cannot be fetched: an issuer that is down for a day is a matter for people.
const USABLE: Duration = Duration::from_hours(24);
/// The least time between two fetches, whatever strangers ask for.
const PAUSE: Duration = Duration::from_secs(30);

/// The key set of an issuer, and the right to fetch it.
pub(super) struct Shelf {
    issuer: Issuer,
    held: ArcSwapOption<Held>,
    /// Held while a set is fetched, so that there is one fetch at a time; inside, when the last one began. Shared,
    /// because a fetch goes on when the caller who asked for it has gone.
    last: Arc<Mutex<Option<Duration>>>,
    source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
}

struct Held {
    set: Arc<KeySet>,
    /// When it came, by both clocks: one may be set, the other stands still while a machine sleeps.
    since: (Timestamp, Duration),
}

impl Shelf {
    /// The shelf of an issuer, empty.
    pub(super) fn new(issuer: Issuer, source: Arc<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer,
            held: ArcSwapOption::empty(),
            last: Arc::default(),
            source,
            clock,
        }
    }

    /// Whose keys they are.
    pub(super) const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The set, unless there is none or it is too old to be believed.
    pub(super) fn set(&self) -> Result<Arc<KeySet>, TokenFault> {
        let held = self.held.load();
        let usable = held.as_ref().filter(|held| self.age(held) <= USABLE);
        usable
            .map(|held| Arc::clone(&held.set))
            .ok_or(TokenFault::NoKeys)
    }

    /// Whether a usable set has a key of this name.
    pub(super) fn names(&self, key_id: &str) -> bool {
        self.set().is_ok_and(|set| set.names(key_id))
    }

    /// Whether a usable set still has this very key.
    pub(super) fn holds(&self, key_id: &str, key: &Key) -> bool {
        self.set().is_ok_and(|set| set.holds(key_id, key))
    }

    /// Fetches a set that is getting old, without waiting for it.
    pub(super) fn freshen(self: &Arc<Self>) {
        let is_old = |held: &Arc<Held>| self.age(held) > FRESH;
        if !self.held.load().as_ref().is_some_and(is_old) {
            return;
        }
        // When the lock is taken, somebody fetches already.
        if let Ok(last) = Arc::clone(&self.last).try_lock_owned()
            && self.may_fetch(*last)
        {
            tokio::spawn(Arc::clone(self).fetch(last));
        }
    }

    /// Fetches the set in which this key may be by now, or waits for whoever does, unless that was done a moment ago.
    pub(super) async fn look_for(self: &Arc<Self>, key_id: &str) {
        let last = Arc::clone(&self.last).lock_owned().await;
        if !self.names(key_id) && self.may_fetch(*last) {
            // A task of its own: a caller who hangs up must not leave everybody without keys until the next fetch.
            let fetched = tokio::spawn(Arc::clone(self).fetch(last)).await;
            if let Err(fault) = fetched {
                tracing::error!(issuer = self.issuer.issuer, %fault, "fetching a key set broke");
            }
        }
    }

    fn may_fetch(&self, last: Option<Duration>) -> bool {
        let now = self.clock.monotonic();
        last.is_none_or(|last| now.saturating_sub(last) >= PAUSE)
    }

    async fn fetch(self: Arc<Self>, mut last: OwnedMutexGuard<Option<Duration>>) {
        *last = Some(self.clock.monotonic());
        let text = self.source.fetch(&self.issuer.keys).await;
        let read = text.and_then(|text| KeySet::read(&text, &self.issuer.algorithms));
        match read {
            Ok(set) => self.put(set),
            Err(fault) => self.tell(&fault),
        }
    }

    fn put(&self, set: KeySet) {
        let issuer = self.issuer.issuer.as_str();
        match set.usable() {
            0 => tracing::warn!(
                issuer,
                "the key set has no key for the configured algorithms"
            ),
            keys => tracing::info!(issuer, keys, "key set fetched"),
        }
        self.held.store(Some(Arc::new(Held {
            set: Arc::new(set),
            since: (self.clock.now(), self.clock.monotonic()),
        })));
    }

    fn tell(&self, fault: &KeysUnread) {
        let issuer = self.issuer.issuer.as_str();
        match self.held.load().as_ref().map(|held| self.age(held)) {
            Some(age) if age <= USABLE => {
                let age_seconds = age.as_secs();
                tracing::warn!(issuer, %fault, age_seconds, "key set not fetched, the old one stays");
            }
            Some(_) | None => {
                tracing::error!(issuer, %fault, "no key set: tokens of this issuer are refused");
            }
        }
    }

    /// How old a set is, by the clock that says older.
    fn age(&self, held: &Held) -> Duration {
        let (wall, steady) = held.since;
        let steadily = self.clock.monotonic().saturating_sub(steady);
        wall.until(self.clock.now()).max(steadily)
    }
}
