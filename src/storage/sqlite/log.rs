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

/// A log longer than this is folded into the database.
const LONG: u64 = 64 * 1024 * 1024;
/// How long folding in may hold the writer up while it waits for readers.
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
    path: PathBuf,
    connection: Connection,
}

impl WalKeeper {
    pub(super) fn open(database: &Path) -> Result<Self, StoreError> {
        let connection = connect(database)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self {
            path: log_of(database),
            connection,
        })
    }

    fn checkpoint(&self, how: &str) -> Result<(), StoreFault> {
        // The pragma answers with a row; whether it could finish shows in the length of the log.
        self.connection
            .query_row(&format!("PRAGMA wal_checkpoint({how})"), (), |_| Ok(()))
            .map_err(|error| store_fault(&error))
    }
}

impl LogKeeper for WalKeeper {
    fn tidy(&mut self) -> Result<(), StoreFault> {
        let length = std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if length < LONG {
            return Ok(());
        }
        // Nearly all of the work beside the writer; then the rest, which holds it up, is short.
        self.checkpoint("PASSIVE")?;
        self.checkpoint("TRUNCATE")
    }

    fn fold(&mut self) -> Result<(), StoreFault> {
        self.checkpoint("TRUNCATE")
    }
}
