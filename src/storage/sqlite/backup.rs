//! One file that holds a store: the database as it was at one moment, and the key that it was written with.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension as _};

use super::super::error::StoreError;
use super::{connect_read_only, migrations};
use crate::domain::Secret;

/// Copies the whole database in one step: what is written meanwhile is not seen, and nobody waits.
const ALL_PAGES: i32 = -1;
/// How long until a database whose log is being folded in is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// How often that is tried.
const TRIES: u32 = 250;

/// Copies the database and its key into this file, which is empty.
pub(in crate::storage) fn copy(
    database: &Path,
    key: &Secret,
    file: &Path,
) -> Result<(), StoreError> {
    let source = connect_read_only(database)?;
    let mut copy = Connection::open(file)?;
    copy_pages(&source, &mut copy)?;
    // A log beside it would be a second file.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.execute_batch(
        "CREATE TABLE backup (one INTEGER PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL)",
    )?;
    copy.execute("INSERT INTO backup VALUES (1, ?1)", [key.expose()])?;
    copy.close().map_err(|(_, fault)| fault.into())
}

fn copy_pages(source: &Connection, copy: &mut Connection) -> Result<(), StoreError> {
    let backup = Backup::new(source, copy)?;
    for _ in 0..TRIES {
        match backup.step(ALL_PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::Busy | StepResult::Locked | StepResult::More => std::thread::sleep(PAUSE),
            other => return Err(StoreError::Database(format!("a backup ended in {other:?}"))),
        }
    }
    Err(StoreError::Database("it stayed locked".to_owned()))
}

/// Takes the key out of a copied backup, which is the bare database then; `None` when it is no backup.
pub(in crate::storage) fn take_key(file: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let connection = Connection::open(file)?;
    // What is taken out must not stay in a page that nothing points to.
    let _: i64 = connection.query_row("PRAGMA secure_delete = ON", (), |row| row.get(0))?;
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'backup'";
    let found: Option<i64> = connection
        .query_row(table, (), |row| row.get(0))
        .optional()?;
    if found.is_none() {
        return Ok(None);
    }
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > migrations::LATEST {
        return Err(StoreError::TooNew {
            path: file.to_owned(),
            found: version,
            known: migrations::LATEST,
        });
    }
    let key = connection.query_row("SELECT key FROM backup", (), |row| row.get(0))?;
    connection.execute_batch("DROP TABLE backup")?;
    connection
        .close()
        .map_err(|(_, fault)| StoreError::from(fault))?;
    Ok(Some(key))
}
