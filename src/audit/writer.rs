//! One writer for a chain: entries wait in line, and whoever finds nobody committing commits what waits.
//!
//! A hand-over to a thread of its own costs two wake-ups, more than the commit itself. So the caller that
//! finds the store idle commits inline; what arrives meanwhile goes to the clerk's thread, which commits
//! whole batches for as long as somebody waits. Only the leader, of which there is one, touches the store.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Semaphore, oneshot, watch};

use super::entry::{Durability, Entry, StateChange};
use super::error::{AuditError, Conflict};
use super::ids::Ids;
use super::line::{Line, Syncs, Unsynced, Waiting, lock};
use super::record::{AuditRecord, OutcomeStatus, Source};
use super::scribe::Scribe;
use super::store::{AuditStore, LogSync, Marks, StoreFault};
use super::tally::{Counted, Tally};
use crate::domain::ActionId;

/// Hears of every record, in order, after its commit and before its caller is answered.
pub trait Listener: Send + Sync {
    /// A record was committed, with these changes. Must be quick and must not wait for the recorder.
    fn recorded(&self, record: &AuditRecord, changes: &[StateChange]);
}

/// The store, and which of its intents have no outcome yet.
struct Desk {
    store: Box<dyn AuditStore>,
    intents: HashMap<ActionId, u64>,
    open: BTreeMap<u64, ActionId>,
}

/// The one writer.
pub(super) struct Writer {
    /// Guards the line; never held while committing.
    pub(super) line: Mutex<Line>,
    /// Rung for the clerk.
    pub(super) bell: Condvar,
    /// Held by the leader while it commits.
    desk: Mutex<Desk>,
    /// Guards who waits for the disk.
    pub(super) syncs: Mutex<Syncs>,
    /// Rung for the syncer.
    pub(super) sync_bell: Condvar,
    /// Guards what is counted and not written yet.
    tally: Mutex<Tally>,
    places: Semaphore,
    committed: AtomicU64,
    synced: AtomicU64,
    health: watch::Sender<Option<AuditError>>,
    listeners: RwLock<Vec<Arc<dyn Listener>>>,
    deadline: Duration,
    pub(super) ids: Ids,
    pub(super) scribe: Scribe,
}

impl Writer {
    pub(super) fn new(
        store: Box<dyn AuditStore>,
        ids: Ids,
        scribe: Scribe,
        places: usize,
        deadline: Duration,
    ) -> Self {
        Self {
            line: Mutex::default(),
            bell: Condvar::new(),
            desk: Mutex::new(Desk {
                store,
                intents: HashMap::new(),
                open: BTreeMap::new(),
            }),
            syncs: Mutex::default(),
            sync_bell: Condvar::new(),
            tally: Mutex::default(),
            places: Semaphore::new(places),
            committed: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            health: watch::Sender::new(None),
            listeners: RwLock::default(),
            deadline,
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

    /// Whether commits wait for a sync.
    pub(super) fn unsynced(&self) -> bool {
        self.committed.load(Ordering::Acquire) != self.synced.load(Ordering::Acquire)
    }

    /// Writes the entry and waits until it is as durable as asked. `None`: it has its place in line.
    pub(super) async fn write(
        &self,
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
            self.lead_once();
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
            line.push(Waiting {
                entry: Entry::new(record, Vec::new()),
                durability: Durability::Queued,
                answer: None,
                placed: false,
            });
            self.rouse(&mut line);
        }
    }

    /// Counts something that would flood the trail. What is to be written at once is committed on return,
    /// unless somebody else is committing; then it goes with the next batch.
    pub(super) fn count(&self, of: Counted, source: &Source, filters: &Map<String, Value>) {
        let now = self.scribe.clock.monotonic();
        let due = lock(&self.tally).count(of, source, filters, now);
        if let Some(due) = due {
            self.note(self.scribe.counted(due));
            if lock(&self.line).take_lead() {
                self.lead_once();
            }
        }
    }

    /// Writes the counts of minutes that are over; `all`: of every minute.
    pub(super) fn write_counts(&self, all: bool) {
        let mut tally = lock(&self.tally);
        if tally.is_empty() {
            return;
        }
        let due = tally.due(self.scribe.clock.monotonic(), all);
        drop(tally);
        for due in due {
            self.note(self.scribe.counted(due));
        }
    }

    /// Whether nothing is counted that is not written.
    pub(super) fn counts_nothing(&self) -> bool {
        lock(&self.tally).is_empty()
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
                .map_err(|_| AuditError::Closed)?,
        };
        permit.forget();
        Ok(())
    }

    /// Puts the entry in line; returns whether the caller now has the lead.
    fn push(
        &self,
        entry: Entry,
        durability: Durability,
        answer: Option<oneshot::Sender<Result<u64, AuditError>>>,
    ) -> Result<bool, AuditError> {
        let mut line = lock(&self.line);
        if let Some(why) = &line.closed {
            return Err(why.clone());
        }
        let urgent = answer.is_some();
        line.push(Waiting {
            entry,
            durability,
            answer,
            placed: true,
        });
        self.rouse(&mut line);
        Ok(urgent && line.take_lead())
    }

    /// Commits what waits, once; the clerk goes on if somebody still waits then.
    fn lead_once(&self) {
        let batch = lock(&self.line).take();
        self.commit(batch);
        let mut line = lock(&self.line);
        if line.urgent() {
            line.handed = true;
            self.bell.notify_one();
        } else {
            line.give_up_lead();
        }
    }

    /// Commits until nothing waits. The caller has the lead.
    pub(super) fn lead_until_empty(&self) {
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
        }
    }

    /// Commits an empty batch, to see whether the store takes one again. The caller has the lead.
    pub(super) fn probe(&self) {
        self.commit(Vec::new());
        lock(&self.line).give_up_lead();
    }

    fn commit(&self, batch: Vec<Waiting>) -> bool {
        let placed = batch.iter().filter(|waiting| waiting.placed).count();
        self.places.add_permits(placed);
        let committing = AssertUnwindSafe(|| self.commit_batch(batch));
        catch_unwind(committing).unwrap_or_else(|_| {
            self.break_down("the writer panicked");
            false
        })
    }

    fn commit_batch(&self, batch: Vec<Waiting>) -> bool {
        let mut desk = lock(&self.desk);
        let mut entries = Vec::with_capacity(batch.len());
        let mut askers = Vec::with_capacity(batch.len());
        for waiting in batch {
            entries.push(waiting.entry);
            askers.push((waiting.durability, waiting.answer));
        }
        let reserved = self.ids.wanted();
        let marks = Marks {
            settled_before: desk.settled_before(),
            actions_reserved: reserved,
        };
        match desk.store.append(&mut entries, marks) {
            Ok(verdicts) => {
                let commit = self.committed.fetch_add(1, Ordering::AcqRel) + 1;
                self.ids.written(reserved);
                desk.track(&entries, &verdicts);
                self.tell(&entries, &verdicts);
                self.report(None);
                self.answer(commit, entries, verdicts, askers);
                true
            }
            Err(StoreFault::Refused(why)) => {
                self.refuse(entries, askers, why);
                false
            }
            Err(StoreFault::Broken(why)) => {
                self.break_down(&why);
                false
            }
        }
    }

    fn tell(&self, entries: &[Entry], verdicts: &[Result<(), Conflict>]) {
        let listeners = self
            .listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if listeners.is_empty() {
            return;
        }
        for (entry, verdict) in entries.iter().zip(verdicts) {
            if verdict.is_err() {
                continue;
            }
            for listener in listeners.iter() {
                let telling = AssertUnwindSafe(|| listener.recorded(&entry.record, &entry.changes));
                if catch_unwind(telling).is_err() {
                    tracing::error!(seq = entry.record.seq, "a listener panicked");
                }
            }
        }
    }

    fn answer(
        &self,
        commit: u64,
        entries: Vec<Entry>,
        verdicts: Vec<Result<(), Conflict>>,
        askers: Vec<(Durability, Option<oneshot::Sender<Result<u64, AuditError>>>)>,
    ) {
        let mut unsynced = Vec::new();
        for ((entry, verdict), (durability, answer)) in
            entries.into_iter().zip(verdicts).zip(askers)
        {
            let Some(answer) = answer else { continue };
            if let Err(conflict) = verdict {
                drop(answer.send(Err(AuditError::Conflict(conflict))));
                continue;
            }
            let record = entry.record;
            if durability == Durability::Synced {
                unsynced.push(Unsynced {
                    commit,
                    record,
                    answer,
                });
            } else if answer.send(Ok(record.seq)).is_err() {
                self.abandoned(&record);
            }
        }
        if !unsynced.is_empty() {
            lock(&self.syncs).push(unsynced);
            self.sync_bell.notify_one();
        }
    }

    /// Closes an intent whose caller went away before it was answered: no permit can come of it.
    fn abandoned(&self, record: &AuditRecord) {
        if record.is_intent() {
            self.note(self.scribe.closing(
                record,
                OutcomeStatus::Cancelled,
                "the caller went away before the call started",
            ));
        }
    }

    /// Answers a batch that the store did not take. What has already happened stays in line.
    fn refuse(
        &self,
        entries: Vec<Entry>,
        askers: Vec<(Durability, Option<oneshot::Sender<Result<u64, AuditError>>>)>,
        why: String,
    ) {
        let fault = AuditError::Unavailable(why);
        let mut kept = Vec::new();
        for (entry, (durability, answer)) in entries.into_iter().zip(askers) {
            let entry = match answer {
                None => entry,
                Some(answer) => {
                    drop(answer.send(Err(fault.clone())));
                    if !entry.record.closes_intent() {
                        continue;
                    }
                    // The tool ran; its output is withheld, and the trail must not stay silent about it.
                    Entry::new(
                        self.scribe.closing(
                            &entry.record,
                            OutcomeStatus::Unknown,
                            "the outcome could not be recorded when it happened",
                        ),
                        Vec::new(),
                    )
                }
            };
            kept.push(Waiting {
                entry,
                durability,
                answer: None,
                placed: false,
            });
        }
        lock(&self.line).put_back(kept);
        self.report(Some(fault));
    }

    /// Syncs once and answers whom that concerns; `false` when it failed and nothing more may be written.
    pub(super) fn sync(&self, log: &mut dyn LogSync) -> bool {
        let commit = self.committed.load(Ordering::Acquire);
        let synced = log.sync();
        if let Err(fault) = synced {
            self.break_down(&fault.to_string());
            return false;
        }
        self.synced.fetch_max(commit, Ordering::AcqRel);
        let answered = lock(&self.syncs).take_until(commit);
        for Unsynced { record, answer, .. } in answered {
            if answer.send(Ok(record.seq)).is_err() {
                self.abandoned(&record);
            }
        }
        true
    }

    /// Stops for good: everybody who waits is told, and nothing more is taken.
    pub(super) fn break_down(&self, why: &str) {
        let fault = AuditError::Broken(why.to_owned());
        tracing::error!(why, "the audit trail is broken");
        let waiting = {
            let mut line = lock(&self.line);
            line.closed = Some(fault.clone());
            let mut waiting = Vec::new();
            while !line.is_empty() {
                waiting.append(&mut line.take());
            }
            waiting
        };
        for answer in waiting.into_iter().filter_map(|waiting| waiting.answer) {
            drop(answer.send(Err(fault.clone())));
        }
        for unsynced in lock(&self.syncs).take_until(u64::MAX) {
            drop(unsynced.answer.send(Err(fault.clone())));
        }
        self.places.close();
        self.health.send_replace(Some(fault));
        self.bell.notify_all();
        self.sync_bell.notify_all();
    }

    /// Whether the last batch was refused.
    pub(super) fn failing(&self) -> bool {
        matches!(*self.health.borrow(), Some(AuditError::Unavailable(_)))
    }

    fn report(&self, state: Option<AuditError>) {
        self.health.send_if_modified(|stored| {
            if *stored == state || matches!(stored, Some(AuditError::Broken(_))) {
                return false;
            }
            match &state {
                Some(fault) => tracing::error!(%fault, "the audit trail cannot be written"),
                None => tracing::info!("the audit trail can be written again"),
            }
            *stored = state;
            true
        });
    }
}

impl Desk {
    fn settled_before(&self) -> u64 {
        let next = self.store.head().seq + 1;
        self.open
            .first_key_value()
            .map_or(next, |(&seq, _)| seq.min(next))
    }

    fn track(&mut self, entries: &[Entry], verdicts: &[Result<(), Conflict>]) {
        for (entry, verdict) in entries.iter().zip(verdicts) {
            let (Ok(()), Some(action)) = (verdict, entry.record.action_id) else {
                continue;
            };
            if entry.record.is_intent() {
                self.intents.insert(action, entry.record.seq);
                self.open.insert(entry.record.seq, action);
            } else if entry.record.closes_intent()
                && let Some(seq) = self.intents.remove(&action)
            {
                self.open.remove(&seq);
            }
        }
    }
}
