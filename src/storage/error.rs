//! What can go wrong with a store. SQL text stays in here.

use std::io;
use std::path::{Path, PathBuf};

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the data directory.
    #[error(
        "the data directory `{}` belongs to the process {pid}; stop it, or choose another directory with --data-dir",
        dir.display()
    )]
    Owned {
        /// The directory.
        dir: PathBuf,
        /// Its owner, `?` if it did not say.
        pid: String,
    },
    /// A file of the data directory cannot be used.
    #[error("cannot {what} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no store where one is to be read.
    #[error("there is no store at `{}`; name its directory with --data-dir", .0.display())]
    Absent(PathBuf),
    /// Something is where something new was to be written.
    #[error(
        "`{}` is there already; nothing is written over: move it away, or choose another place",
        .0.display()
    )]
    Taken(PathBuf),
    /// A file is no backup.
    #[error("`{}` is no backup; make one with `policyguard backup FILE`", .0.display())]
    NoBackup(PathBuf),
    /// Others can read the store key.
    #[error("`{}` can be read by others (mode {mode:o}); run `chmod 600` on it", path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The key file does not hold a key.
    #[error("`{}` does not hold a store key of 32 bytes; restore it from a backup", .0.display())]
    KeyMalformed(PathBuf),
    /// There is a database, but not its key.
    #[error(
        "`{}` is missing, but there is a database that was written with it; restore it from a backup",
        .0.display()
    )]
    KeyMissing(PathBuf),
    /// The key is another than the one the database was written with.
    #[error("the store key is not the one that `{}` was written with; restore it from a backup", .0.display())]
    KeyWrong(PathBuf),
    /// The database was written by a newer version.
    #[error(
        "`{}` has schema version {found}, this version knows up to {known}; use a newer policyguard",
        path.display()
    )]
    TooNew {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Something stored cannot be read.
    #[error("the stored {what} cannot be read: {why}; run `policyguard audit verify`")]
    Corrupt {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The database does not do what it should.
    #[error("the database does not answer: {0}")]
    Database(String),
    /// The database does not open.
    #[error(
        "the database `{}` does not open: {why}; restore it from a backup, or move it away to begin anew",
        path.display()
    )]
    Unusable {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    /// The same fault with the name of the database that has it.
    pub(super) fn of(self, database: &Path) -> Self {
        let Self::Database(why) = self else {
            return self;
        };
        Self::Unusable {
            path: database.to_owned(),
            why,
        }
    }

    /// A closure for `map_err` on something tried on a file.
    pub(super) fn file<'a>(
        what: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::File {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}
