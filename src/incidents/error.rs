//! What can go wrong with incidents.

use super::Refusal;
use crate::audit::AuditError;
use crate::domain::IncidentId;

/// Why a store has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// The cursor is not one of ours, or of another query.
    #[error("`{0}` is not a cursor of this query; start again without one")]
    Cursor(String),
    /// It cannot be read.
    #[error("the incidents cannot be read: {0}")]
    Unavailable(String),
}

/// Why something was not done with an incident.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is none of this name, or none that the caller may see.
    #[error("there is no incident `{0}`")]
    Unknown(IncidentId),
    /// Its status does not change so.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// It could not be recorded, so it was not done.
    #[error(transparent)]
    Audit(#[from] AuditError),
}
