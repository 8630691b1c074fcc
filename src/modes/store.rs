//! What modes need from a store.

use crate::domain::ModeState;

/// The store cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the modes cannot be read: {0}")]
pub struct ModesUnread(pub String);

/// Reads the states that the mode had; they are written with the records of their changes.
pub trait ModeStore: Send + Sync {
    /// States before this revision, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn before(&self, revision: u64, limit: usize) -> Result<Vec<ModeState>, ModesUnread>;
}
