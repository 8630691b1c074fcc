//! What waits to be committed, and what waits for the disk.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::entry::{Durability, Entry};
use super::error::AuditError;
use super::record::AuditRecord;

/// The most entries that one transaction takes.
const BATCH: usize = 512;

/// What an entry's caller is told: the record's number.
pub(super) type Answer = Result<u64, AuditError>;

/// Who waits for an entry, and until it is how durable.
pub(super) struct Asker {
    pub(super) durability: Durability,
    /// `None`: nobody waits.
    pub(super) answer: Option<oneshot::Sender<Answer>>,
}

/// An entry in line, and who waits for it.
pub(super) struct Waiting {
    pub(super) entry: Entry,
    pub(super) asker: Asker,
    /// Whether it holds one of the line's places.
    pub(super) placed: bool,
}

/// What waits to be committed, and who commits.
#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<Waiting>,
    /// Somebody commits, or the clerk is about to.
    leading: bool,
    /// The lead was handed to the clerk.
    pub(super) handed: bool,
    /// The clerk sleeps until something arrives.
    pub(super) resting: bool,
    /// Why nothing more is taken.
    pub(super) closed: Option<AuditError>,
}

impl Waiting {
    /// An entry that nobody waits for and that takes nobody's place.
    pub(super) fn unasked(entry: Entry) -> Self {
        Self {
            entry,
            asker: Asker {
                durability: Durability::Queued,
                answer: None,
            },
            placed: false,
        }
    }
}

impl Line {
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Puts entries back where they were.
    pub(super) fn put_back(&mut self, entries: Vec<Waiting>) {
        for waiting in entries.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
    }

    /// The next batch.
    pub(super) fn take(&mut self) -> Vec<Waiting> {
        let count = self.waiting.len().min(BATCH);
        self.waiting.drain(..count).collect()
    }

    /// Takes nothing more, and gives back what waits.
    pub(super) fn close(&mut self, why: AuditError) -> Vec<Waiting> {
        self.closed = Some(why);
        self.waiting.drain(..).collect()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether somebody waits for an answer.
    pub(super) fn urgent(&self) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.asker.answer.is_some())
    }

    /// Takes the lead if nobody has it.
    pub(super) fn take_lead(&mut self) -> bool {
        !std::mem::replace(&mut self.leading, true)
    }

    pub(super) fn give_up_lead(&mut self) {
        self.leading = false;
    }
}

/// A committed entry that waits for the disk.
pub(super) struct Unsynced {
    pub(super) commit: u64,
    pub(super) record: Box<AuditRecord>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What waits for the disk.
#[derive(Default)]
pub(super) struct Syncs {
    waiting: Vec<Unsynced>,
    /// A sync is wanted though nobody waits for it.
    pub(super) asked: bool,
    pub(super) closed: bool,
}

impl Syncs {
    pub(super) fn push(&mut self, entries: Vec<Unsynced>) {
        self.waiting.extend(entries);
    }

    /// Whether a sync is due.
    pub(super) fn due(&self) -> bool {
        self.asked || !self.waiting.is_empty()
    }

    /// Takes what a sync of everything up to this commit answers.
    pub(super) fn take_until(&mut self, commit: u64) -> Vec<Unsynced> {
        self.waiting
            .extract_if(.., |entry| entry.commit <= commit)
            .collect()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked while holding it left nothing half done that the next holder does not check itself.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
