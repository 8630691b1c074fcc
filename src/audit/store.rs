//! What the trail needs from a store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::chain::Head;
use super::entry::Entry;
use super::error::Conflict;
use super::record::AuditRecord;

/// Why a store did not take a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// Not now: nothing of the batch is written, and a later one may succeed.
    #[error("{0}")]
    Refused(String),
    /// Never again: the store no longer knows what its disk holds.
    #[error("{0}")]
    Broken(String),
}

/// The one writer of a chain.
pub trait AuditStore: Send {
    /// Appends the entries in their order, in one transaction, each with its changes.
    ///
    /// An entry whose precondition does not hold gets its conflict and leaves nothing behind; the others are
    /// written. On return the batch is committed: it survives the end of the process. Each written record has
    /// its place in the chain filled in.
    ///
    /// # Errors
    /// When the batch could not be committed. Then nothing of it is written.
    fn append(
        &mut self,
        entries: &mut [Entry],
        marks: Marks,
    ) -> Result<Vec<Result<(), Conflict>>, StoreFault>;

    /// The last record of the chain.
    fn head(&self) -> Head;

    /// The chain's name.
    fn chain(&self) -> Arc<str>;

    /// The watermarks of the last batch.
    fn marks(&self) -> Marks;

    /// Intents without an outcome, in order, as the chain holds them now.
    ///
    /// # Errors
    /// When the chain cannot be read.
    fn open_intents(&mut self) -> Result<Vec<AuditRecord>, StoreFault>;

    /// The last record.
    ///
    /// # Errors
    /// When the chain cannot be read.
    fn last_record(&mut self) -> Result<Option<AuditRecord>, StoreFault>;
}

/// Watermarks that ride with every batch, so that a restart need not read the whole chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Every intent before this record has its outcome.
    pub settled_before: u64,
    /// No action id with this counter or a later one was given out.
    pub actions_reserved: u64,
}

/// Makes durable what is committed.
pub trait LogSync: Send {
    /// Returns once everything that was committed before the call is on disk.
    ///
    /// # Errors
    /// When that is not certain. It is not asked again: after a failed sync nobody knows what is on disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// Folds the log of the store into its file, so that it does not grow without bound.
pub trait LogKeeper: Send {
    /// Does nearly all of it beside the writer, if the log is long enough to be worth it; returns whether it was.
    ///
    /// # Errors
    /// [`StoreFault::Broken`] when a sync failed; otherwise it is tried again later.
    fn tidy(&mut self) -> Result<bool, StoreFault>;

    /// Does the little that is left, while nobody writes: the next commit then begins the log anew.
    ///
    /// # Errors
    /// As [`LogKeeper::tidy`].
    fn finish(&mut self) -> Result<(), StoreFault>;

    /// Does all of it: nothing is written any more, and one file should hold the whole trail.
    ///
    /// # Errors
    /// As [`LogKeeper::tidy`]; the log stays beside the file then, and nothing is lost.
    fn fold(&mut self) -> Result<(), StoreFault>;
}

/// Everything a recorder takes over from an opened store.
pub struct Trail {
    /// The writer.
    pub store: Box<dyn AuditStore>,
    /// Its sync.
    pub sync: Box<dyn LogSync>,
    /// Its upkeep.
    pub keeper: Box<dyn LogKeeper>,
    /// Where the store key's derivatives for digests, redaction and ids come from.
    pub key: crate::domain::Secret,
    /// Whether the last run ended in the middle of a commit, whose beginning was cut off.
    pub torn: bool,
    /// Where it is, for messages.
    pub place: PathBuf,
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trail")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
