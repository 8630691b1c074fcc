//! Gives out the names of attempts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::redact::derive;
use crate::domain::{ActionId, AuditId, IdSequence, Secret};

/// How many counters one reservation covers. A new one rides with a batch once half of it is used.
const BLOCK: u64 = 1 << 20;

/// Names of attempts and records, which never repeat within a store.
///
/// The counter behind attempts is reserved in the store in blocks, ahead of use, so that a restart goes on
/// behind whatever was given out; the counter behind records is their number.
#[derive(Debug)]
pub(super) struct Ids {
    actions: IdSequence,
    next: AtomicU64,
    reserved: AtomicU64,
}

impl Ids {
    /// Ids from this counter on, none of them reserved yet.
    pub(super) fn new(key: &Secret, reserved: u64) -> Self {
        Self {
            actions: action_sequence(key),
            next: AtomicU64::new(reserved),
            reserved: AtomicU64::new(reserved),
        }
    }

    /// The next name of an attempt.
    pub(super) fn action(&self) -> ActionId {
        let counter = self.next.fetch_add(1, Ordering::Relaxed);
        ActionId::from_bits(self.actions.id(counter))
    }

    /// The reservation to write with the next batch.
    pub(super) fn wanted(&self) -> u64 {
        let next = self.next.load(Ordering::Relaxed);
        let reserved = self.reserved.load(Ordering::Relaxed);
        if next + BLOCK / 2 < reserved {
            reserved
        } else {
            next + BLOCK
        }
    }

    /// Notes that this reservation is written.
    pub(super) fn written(&self, reserved: u64) {
        self.reserved.store(reserved, Ordering::Relaxed);
    }
}

/// The permutation behind the names of attempts.
#[must_use]
pub fn action_sequence(key: &Secret) -> IdSequence {
    IdSequence::new(&derive(key, "names of attempts"))
}

/// The permutation behind the names of records.
#[must_use]
pub fn record_sequence(key: &Secret) -> IdSequence {
    IdSequence::new(&derive(key, "names of records"))
}

/// The name of the record with this number.
#[must_use]
pub fn record_id(sequence: &IdSequence, seq: u64) -> AuditId {
    AuditId::from_bits(sequence.id(seq))
}
