//! What can go wrong while recording.

/// Why something was not recorded, and therefore must not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The store did not take it; nothing of it is written.
    #[error("the audit trail cannot be written: {0}; nothing was done, try again")]
    Unavailable(String),
    /// A sync failed: what the disk holds is no longer known, so nothing is written until a restart.
    #[error(
        "the audit trail could not be synced to disk: {0}; the gateway stops and must be started again"
    )]
    Broken(String),
    /// The queue stayed full until the deadline.
    #[error("the audit trail is busy; nothing was done, try again")]
    Busy,
    /// It has its place in the queue, but its commit stayed away until the deadline.
    #[error(
        "the audit trail did not answer in time: whether it was written is not known, look before trying again"
    )]
    Late,
    /// The state is not the one that the change expects; nothing of the entry is written.
    #[error("{0}")]
    Conflict(Conflict),
    /// The recorder is closed.
    #[error("the audit trail is closed: the gateway is stopping")]
    Closed,
}

/// A change whose precondition does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} has changed meanwhile: expected to write revision {wanted}, but {stored} is stored; read it and try again"
)]
pub struct Conflict {
    /// What is in the way: `mode`, `lockdown`, `release`.
    pub what: &'static str,
    /// The revision that the change would have made.
    pub wanted: u64,
    /// The revision that is stored; 0 for none.
    pub stored: u64,
}

/// Why a change did not happen.
#[derive(Debug)]
pub enum ChangeError<E> {
    /// It was refused before anything was written.
    Refused(E),
    /// It could not be written; nothing changed.
    Audit(AuditError),
}
