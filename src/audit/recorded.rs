//! Proof that something is on record.

use super::record::Caller;
use super::scribe::OutcomeOf;
use crate::policy::Decision;

/// Something of which the trail holds a record. Only the recorder makes one.
///
/// A decision read as allowed here may be acted upon: its record is as durable as its class asks.
#[derive(Debug)]
pub struct Recorded<T> {
    value: T,
    seq: Option<u64>,
    counted: bool,
}

impl<T> Recorded<T> {
    /// For the recorder alone, once the record is as durable as its class asks.
    pub(super) const fn new(value: T, seq: Option<u64>) -> Self {
        Self {
            value,
            seq,
            counted: false,
        }
    }

    /// For the recorder alone: a read that shares its record with the reads of its minute.
    pub(super) const fn counted(value: T) -> Self {
        Self {
            value,
            seq: None,
            counted: true,
        }
    }

    /// What was recorded.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// Takes it out.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Whether it is one of many reads that share a record, and has no outcome of its own.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.counted
    }

    /// The number of its record; `None` while it has only its place in line.
    #[must_use]
    pub const fn seq(&self) -> Option<u64> {
        self.seq
    }
}

impl Recorded<Decision> {
    /// What the outcome of this decision will repeat of it.
    #[must_use]
    pub fn outcome_of(&self, caller: &Caller) -> OutcomeOf {
        OutcomeOf::new(&self.value, caller)
    }
}

/// A decision about a dry run. Another type than [`Decision`], so that nothing can be done with it.
#[derive(Debug)]
pub struct Simulated(pub Decision);
