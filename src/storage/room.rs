//! How much room the store takes, and how much its disk has left.

use std::io;
use std::path::{Path, PathBuf};

/// A store on its disk.
#[derive(Debug, Clone)]
pub struct Room {
    database: PathBuf,
    heeds_disk: bool,
}

/// What was found there, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What the store takes, with the log that is not folded into it yet.
    pub store: u64,
    /// What its disk has left for us.
    pub free: u64,
    /// What its disk holds already; nothing where that is not heeded.
    pub used: u64,
}

impl Room {
    pub(super) fn of(database: &Path, heeds_disk: bool) -> Self {
        Self {
            database: database.to_owned(),
            heeds_disk,
        }
    }

    /// Looks.
    ///
    /// # Errors
    /// When the file or its disk does not answer.
    pub fn measure(&self) -> io::Result<Space> {
        let mut log = self.database.clone().into_os_string();
        log.push("-wal");
        let store = std::fs::metadata(&self.database)?.len();
        // There is no log before the first commit.
        let log = std::fs::metadata(log).map_or(0, |log| log.len());
        if !self.heeds_disk {
            return Ok(Space {
                store: store.saturating_add(log),
                free: 0,
                used: 0,
            });
        }
        let disk = rustix::fs::statvfs(&self.database)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Space {
            store: store.saturating_add(log),
            // What is kept for root is neither ours nor used, as `df` has it.
            free: bytes(disk.f_bavail),
            used: bytes(disk.f_blocks.saturating_sub(disk.f_bfree)),
        })
    }
}
