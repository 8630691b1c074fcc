//! Port: the versions of the policy that are stored.

use crate::audit::Release;
use crate::domain::{Digest, PolicyId};

/// The store cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored policies cannot be read: {0}")]
pub struct ReleasesUnread(pub String);

/// What happens to a change that makes something callable that was not (`PG070`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loosening {
    /// It is made, and said.
    #[default]
    Warn,
    /// It is refused, unless it is asked for in so many words.
    Refuse,
}

/// What became of a runtime policy in a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyStep {
    /// It was not there before.
    Created,
    /// It says something else.
    Updated,
    /// It is gone.
    Deleted,
}

impl PolicyStep {
    /// The step's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// A version in the history, without its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRelease {
    /// Its number.
    pub version: u64,
    /// The digest of its bundle.
    pub digest: Digest,
    /// The bundle's name.
    pub name: String,
    /// Who activated it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The version it replaced.
    pub parent: Option<u64>,
    /// Whether its files are others than its parent's.
    pub files_changed: bool,
    /// The runtime policies that are others than its parent's.
    pub changed: Vec<(PolicyId, PolicyStep)>,
}

/// Port: reads the stored versions. They are written with their record alone.
pub trait ReleaseStore: Send + Sync {
    /// This version.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn release(&self, version: u64) -> Result<Option<Release>, ReleasesUnread>;

    /// The versions before this one, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn history(&self, before: u64, limit: u32) -> Result<Vec<PastRelease>, ReleasesUnread>;

    /// The files of this version, as their text was stored: those of the last version up to it that has some.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn files(&self, version: u64) -> Result<Option<String>, ReleasesUnread>;

    /// The runtime policies of this version, as they were given, by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn runtime_policies(&self, version: u64) -> Result<Vec<(PolicyId, String)>, ReleasesUnread>;
}
