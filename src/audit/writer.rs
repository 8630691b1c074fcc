//! One writer for a chain: entries wait in line, and whoever finds nobody committing commits what waits.
//!
//! A hand-over to a thread of its own costs two wake-ups, more than the commit itself. So the caller that
//! finds the store idle commits inline, and what arrives meanwhile is the next one's batch ([`Lead`]).
//! Only the leader, of which there is one, touches the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Semaphore, oneshot, watch};

use super::commit::Desk;
use super::config::Config;
use super::entry::{Durability, Entry, StateChange};
use super::error::AuditError;
use super::ids::Ids;
use super::lead::Lead;
use super::line::{Answer, Asker, Line, Syncs, Waiting, lock};
use super::record::{AuditRecord, Source};
use super::repeats::Repeats;
use super::scribe::Scribe;
use super::store::AuditStore;
use super::tally::{Counted, Tally};

/// Hears of every record, in order, after its commit and before its caller is answered.
pub trait Listener: Send + Sync {
    /// A record was committed, with these changes. Must be quick and must not wait for the recorder.
    fn recorded(&self, record: &AuditRecord, changes: &[StateChange]);
}

/// The one writer.
pub(super) struct Writer {
    /// Guards the line; never held while committing.
    pub(super) line: Mutex<Line>,
    /// Rung for the clerk.
    pub(super) bell: Condvar,
    /// Held by the leader while it commits.
    pub(super) desk: Mutex<Desk>,
    /// Guards who waits for the disk.
    pub(super) syncs: Mutex<Syncs>,
    /// Rung for the syncer.
    pub(super) sync_bell: Condvar,
    /// Guards what is counted and not written yet.
    tally: Mutex<Tally>,
    /// Guards the denials of the last minute.
    pub(super) repeats: Mutex<Repeats>,
    /// Whether room for records runs out.
    scarce: AtomicBool,
    pub(super) places: Semaphore,
    /// Whether several callers waited for the last commit.
    pub(super) crowded: AtomicBool,
    pub(super) committed: AtomicU64,
    pub(super) synced: AtomicU64,
    /// Batches that the store did not take.
    pub(super) failures: AtomicU64,
    pub(super) health: watch::Sender<Option<AuditError>>,
    /// The number of the last record, for those who wait for the next.
    pub(super) news: watch::Sender<u64>,
    pub(super) listeners: RwLock<Vec<Arc<dyn Listener>>>,
    deadline: Duration,
    pub(super) ids: Ids,
    pub(super) scribe: Scribe,
}

impl Writer {
    pub(super) fn new(
        store: Box<dyn AuditStore>,
        ids: Ids,
        scribe: Scribe,
        config: &Config,
    ) -> Self {
        Self {
            line: Mutex::default(),
            bell: Condvar::new(),
            desk: Mutex::new(Desk::new(store)),
            syncs: Mutex::default(),
            sync_bell: Condvar::new(),
            tally: Mutex::default(),
            repeats: Mutex::new(Repeats::new(config.identical_denials)),
            scarce: AtomicBool::new(false),
            places: Semaphore::new(config.queue),
            crowded: AtomicBool::new(false),
            committed: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            health: watch::Sender::new(None),
            news: watch::Sender::new(0),
            listeners: RwLock::default(),
            deadline: config.deadline,
            ids,
            scribe,
        }
    }

    pub(super) fn listen(&self, listener: Arc<dyn Listener>) {
        self.listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    pub(super) fn watch(&self) -> watch::Receiver<Option<AuditError>> {
        self.health.subscribe()
    }

    /// Whether room for records runs out, so that denials are summarized.
    pub(super) fn is_scarce(&self) -> bool {
        self.scarce.load(Ordering::Relaxed)
    }

    pub(super) fn set_scarce(&self, scarce: bool) {
        self.scarce.store(scarce, Ordering::Relaxed);
    }

    /// Whether commits wait for a sync.
    pub(super) fn unsynced(&self) -> bool {
        self.committed.load(Ordering::Acquire) != self.synced.load(Ordering::Acquire)
    }

    /// Whether the last batch was refused.
    pub(super) fn failing(&self) -> bool {
        matches!(*self.health.borrow(), Some(AuditError::Unavailable(_)))
    }

    /// Whether the trail ended for good.
    pub(super) fn broken(&self) -> bool {
        matches!(*self.health.borrow(), Some(AuditError::Broken(_)))
    }

    /// Writes the entry and waits until it is as durable as asked. `None`: it has its place in line.
    pub(super) async fn write(
        self: &Arc<Self>,
        entry: Entry,
        durability: Durability,
    ) -> Result<Option<u64>, AuditError> {
        self.place().await?;
        if durability == Durability::Queued {
            self.push(entry, durability, None)?;
            return Ok(None);
        }
        let (sender, mut receiver) = oneshot::channel();
        if self.push(entry, durability, Some(sender))? {
            let lead = Lead::taken(self);
            lead.gather().await;
            lead.commit();
        }
        if let Ok(answer) = receiver.try_recv() {
            return answer.map(Some);
        }
        match tokio::time::timeout(self.deadline, receiver).await {
            Ok(Ok(answer)) => answer.map(Some),
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => Err(AuditError::Late),
        }
    }

    fn ended(&self) -> AuditError {
        let closed = lock(&self.line).closed.clone();
        closed.unwrap_or(AuditError::Closed)
    }

    /// Puts a record in line that nobody waits for, beyond the line's length if need be.
    pub(super) fn note(&self, record: AuditRecord) {
        let mut line = lock(&self.line);
        if line.closed.is_none() {
            line.push(Waiting::unasked(Entry::new(record, Vec::new())));
            self.rouse(&mut line);
        }
    }

    /// Counts something that would flood the trail. What is to be written at once is committed on return,
    /// unless somebody else is committing; then it goes with the next batch.
    pub(super) fn count(
        self: &Arc<Self>,
        of: Counted,
        source: &Source,
        filters: &Map<String, Value>,
    ) {
        let now = self.scribe.clock.monotonic();
        let due = lock(&self.tally).count(of, source, filters, now);
        if let Some(due) = due {
            self.note(self.scribe.counted(due));
            self.commit_notes();
        }
    }

    /// Commits what nobody waits for, unless somebody else is committing; then it goes with the next batch.
    pub(super) fn commit_notes(self: &Arc<Self>) {
        let leads = lock(&self.line).take_lead();
        if leads {
            Lead::taken(self).commit();
        }
    }

    /// Writes the counts of minutes that are over; `all`: of every minute.
    pub(super) fn write_counts(&self, all: bool) {
        self.note_repeats(all);
        let mut tally = lock(&self.tally);
        if tally.len() == 0 {
            return;
        }
        let due = tally.due(self.scribe.clock.monotonic(), all);
        drop(tally);
        for due in due {
            self.note(self.scribe.counted(due));
        }
    }

    /// How many kinds of things are only counted so far.
    pub(super) fn counted(&self) -> usize {
        lock(&self.tally).len() + lock(&self.repeats).len()
    }

    /// Whether nothing is counted that is not written.
    pub(super) fn counts_nothing(&self) -> bool {
        self.counted() == 0
    }

    fn rouse(&self, line: &mut Line) {
        if std::mem::take(&mut line.resting) {
            self.bell.notify_one();
        }
    }

    async fn place(&self) -> Result<(), AuditError> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(self.deadline, self.places.acquire())
                .await
                .map_err(|_| AuditError::Busy)?
                .map_err(|_| self.ended())?,
        };
        permit.forget();
        Ok(())
    }

    /// Puts the entry in line; returns whether the caller now has the lead.
    fn push(
        &self,
        entry: Entry,
        durability: Durability,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> Result<bool, AuditError> {
        let mut line = lock(&self.line);
        if let Some(why) = &line.closed {
            return Err(why.clone());
        }
        let urgent = answer.is_some();
        line.push(Waiting {
            entry,
            asker: Asker { durability, answer },
            placed: true,
        });
        self.rouse(&mut line);
        Ok(urgent && line.take_lead())
    }

    /// Commits until nothing waits, with something to do after each commit. The caller has the lead.
    pub(super) fn lead_until_empty(&self, mut between: impl FnMut()) {
        loop {
            let mut line = lock(&self.line);
            if line.is_empty() {
                line.give_up_lead();
                return;
            }
            let batch = line.take();
            drop(line);
            if !self.commit(batch) {
                lock(&self.line).give_up_lead();
                return;
            }
            between();
        }
    }

    /// Commits an empty batch, to see whether the store takes one again. The caller has the lead.
    pub(super) fn probe(&self) {
        self.commit(Vec::new());
        lock(&self.line).give_up_lead();
    }
}
