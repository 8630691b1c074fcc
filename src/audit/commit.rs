//! What the leader does: one transaction, then an answer for everybody in it.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::entry::{Durability, Entry};
use super::error::{AuditError, Conflict};
use super::line::{Asker, Unsynced, Waiting, lock};
use super::record::{AuditRecord, OutcomeStatus, RecordKind};
use super::store::{AuditStore, LogSync, Marks, StoreFault};
use super::writer::Writer;
use crate::domain::ActionId;

/// What became of an entry in a batch that was committed.
type Verdict = Result<(), Conflict>;

/// The store, and which of its intents have no outcome yet.
pub(super) struct Desk {
    store: Box<dyn AuditStore>,
    intents: HashMap<ActionId, u64>,
    open: BTreeMap<u64, ActionId>,
}

impl Writer {
    /// Commits the batch; `false` when the store did not take it. The caller has the lead.
    pub(super) fn commit(&self, batch: Vec<Waiting>) -> bool {
        let placed = batch.iter().filter(|waiting| waiting.placed).count();
        self.places.add_permits(placed);
        let (mut entries, askers): (Vec<Entry>, Vec<Asker>) = batch
            .into_iter()
            .map(|waiting| (waiting.entry, waiting.asker))
            .unzip();
        let asking = askers.iter().filter(|asker| asker.answer.is_some());
        self.crowded.store(asking.count() > 1, Ordering::Relaxed);
        let committing = AssertUnwindSafe(|| self.append(&mut entries));
        let appended = catch_unwind(committing)
            .unwrap_or_else(|_| Err(StoreFault::Broken("the writer panicked".to_owned())));
        match appended {
            Ok((commit, verdicts)) => {
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
                let fault = AuditError::Broken(why);
                for answer in askers.into_iter().filter_map(|asker| asker.answer) {
                    drop(answer.send(Err(fault.clone())));
                }
                false
            }
        }
    }

    /// Appends the entries and lets the listeners know; returns the number of the commit.
    fn append(&self, entries: &mut [Entry]) -> Result<(u64, Vec<Verdict>), StoreFault> {
        let mut desk = lock(&self.desk);
        let reserved = self.ids.wanted();
        let marks = Marks {
            settled_before: desk.settled_before(),
            actions_reserved: reserved,
        };
        let verdicts = desk.store.append(entries, marks)?;
        let commit = self.committed.fetch_add(1, Ordering::AcqRel) + 1;
        self.ids.written(reserved);
        desk.track(entries, &verdicts);
        if self.news.receiver_count() > 0 {
            self.news.send_replace(desk.store.head().seq);
        }
        self.tell(entries, &verdicts);
        Ok((commit, verdicts))
    }

    fn tell(&self, entries: &[Entry], verdicts: &[Verdict]) {
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

    fn answer(&self, commit: u64, entries: Vec<Entry>, verdicts: Vec<Verdict>, askers: Vec<Asker>) {
        let mut unsynced = Vec::new();
        for ((entry, verdict), asker) in entries.into_iter().zip(verdicts).zip(askers) {
            let Some(answer) = asker.answer else { continue };
            if let Err(conflict) = verdict {
                drop(answer.send(Err(AuditError::Conflict(conflict))));
                continue;
            }
            let record = entry.record;
            match asker.durability {
                Durability::Synced => unsynced.push(Unsynced {
                    commit,
                    record,
                    answer,
                }),
                Durability::Queued | Durability::Committed => {
                    if answer.send(Ok(record.seq)).is_err() {
                        self.abandoned(&record);
                    }
                }
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
    fn refuse(&self, entries: Vec<Entry>, askers: Vec<Asker>, why: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let fault = AuditError::Unavailable(why);
        let mut kept = Vec::new();
        for (entry, asker) in entries.into_iter().zip(askers) {
            let Some(answer) = asker.answer else {
                kept.push(Waiting::unasked(entry));
                continue;
            };
            drop(answer.send(Err(fault.clone())));
            if entry.record.kind == RecordKind::Outcome {
                // The tool ran; its output is withheld, and the trail must not stay silent about it.
                let unknown = self.scribe.closing(
                    &entry.record,
                    OutcomeStatus::Unknown,
                    "the outcome could not be recorded when it happened",
                );
                kept.push(Waiting::unasked(Entry::new(unknown, Vec::new())));
            }
        }
        lock(&self.line).put_back(kept);
        self.report(Some(fault));
    }

    /// Syncs once and answers whom that concerns; `false` when it failed and nothing more may be written.
    pub(super) fn sync(&self, log: &mut dyn LogSync) -> bool {
        let commit = self.committed.load(Ordering::Acquire);
        if let Err(fault) = log.sync() {
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
        self.failures.fetch_add(1, Ordering::Relaxed);
        let fault = AuditError::Broken(why.to_owned());
        tracing::error!(why, "the audit trail is broken");
        let waiting = lock(&self.line).close(fault.clone());
        for answer in waiting
            .into_iter()
            .filter_map(|waiting| waiting.asker.answer)
        {
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

    /// Notes whether the store takes what it is given.
    fn report(&self, state: Option<AuditError>) {
        self.health.send_if_modified(|stored| {
            if *stored == state || matches!(stored, Some(AuditError::Broken(_))) {
                return false;
            }
            if let Some(fault) = &state {
                tracing::error!(%fault, "the audit trail cannot be written");
            } else {
                tracing::info!("the audit trail can be written again");
            }
            *stored = state;
            true
        });
    }
}

impl Desk {
    pub(super) fn new(store: Box<dyn AuditStore>) -> Self {
        Self {
            store,
            intents: HashMap::new(),
            open: BTreeMap::new(),
        }
    }

    fn settled_before(&self) -> u64 {
        let next = self.store.head().seq + 1;
        self.open
            .first_key_value()
            .map_or(next, |(&seq, _)| seq.min(next))
    }

    fn track(&mut self, entries: &[Entry], verdicts: &[Verdict]) {
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
