//! The write-ahead log: what puts it on disk, and what keeps it short.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::super::error::StoreError;
use super::audit::store_fault;
use super::connect;
use crate::audit::{LogKeeper, LogSync, StoreFault};

/// When so many pages of the log are not in the database yet, they are folded in: 64 MiB of them.
const MANY: i64 = 64 * 1024 * 1024 / PAGE;
const PAGE: i64 = 4096;
/// A log that a reader or a burst made longer than this is cut when it begins anew; a shorter one is written over.
pub(super) const KEPT: i64 = 256 * 1024 * 1024;
/// How long folding in waits for a lock.
const PATIENCE: Duration = Duration::from_millis(100);

/// The log of a database.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Puts the log on disk by one `fdatasync`, for every commit before it.
///
/// It may have a descriptor of its own: SQLite locks the database and the index of the log, never the log.
#[derive(Debug)]
pub(super) struct WalSync {
    path: PathBuf,
    file: Option<File>,
}

impl WalSync {
    pub(super) fn new(database: &Path) -> Self {
        Self {
            path: log_of(database),
            file: None,
        }
    }
}

impl LogSync for WalSync {
    fn sync(&mut self) -> io::Result<()> {
        // The log exists from the first commit on, and keeps its inode while a connection is open.
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path)?),
        };
        file.sync_data()
    }
}

/// Folds the log into the database on a connection of its own.
pub(super) struct WalKeeper {
    connection: Connection,
}

impl WalKeeper {
    pub(super) fn open(database: &Path) -> Result<Self, StoreError> {
        let connection = connect(database)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self { connection })
    }

    /// Folds in what it can; returns how many pages of the log are not in the database.
    fn checkpoint(&self, how: &str) -> Result<i64, StoreFault> {
        self.connection
            .query_row(&format!("PRAGMA wal_checkpoint({how})"), (), |row| {
                Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
            })
            .map_err(|error| store_fault(&error))
    }
}

impl LogKeeper for WalKeeper {
    fn tidy(&mut self) -> Result<bool, StoreFault> {
        if self.checkpoint("NOOP")? < MANY {
            return Ok(false);
        }
        self.checkpoint("PASSIVE").map(|_| true)
    }

    fn finish(&mut self) -> Result<(), StoreFault> {
        self.checkpoint("PASSIVE").map(drop)
    }

    fn fold(&mut self) -> Result<(), StoreFault> {
        self.checkpoint("TRUNCATE").map(drop)
    }
}
