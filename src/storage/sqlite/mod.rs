//! The store in SQLite.
//!
//! WAL with `synchronous = NORMAL`: a commit survives the end of the process, and [`log::WalSync`] makes it
//! survive the loss of power (`docs/decisions/0002-one-sync-for-many-commits.md`).

mod agents; // the registry
mod audit; // port `AuditStore`
pub(super) mod backup; // one file that holds a store
mod incidents; // port `IncidentStore`
mod keys; // port `KeyStore`
mod log; // the write-ahead log: sync and upkeep
mod migrations; // numbered SQL
mod policies; // versions of the policy
mod reader; // port `TrailReader`
mod search; // its queries
mod sessions; // sessions of clients
mod state; // modes, lockdown, cloud, health
mod tallies; // what compliance counts
mod torn; // a commit that was cut off
mod totps; // port `TotpStore`
mod verify; // records, checked against their seals

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::error::StoreError;
use super::key::random_hex;
use crate::audit::{Redactor, Trail};
use crate::domain::Secret;

pub(super) use incidents::IncidentReader;
pub(super) use reader::Reader;
pub use state::States;

/// How long a connection waits for another one's lock.
const BUSY: Duration = Duration::from_secs(5);

/// A connection that may write.
fn connect(database: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(database)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Folding the log in is the keeper's work, never a commit's.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", log::KEPT)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A page that is split keeps no copy of a record behind, which nothing reads and so nothing would verify.
    let _: i64 = connection.query_row("PRAGMA secure_delete = FAST", (), |row| row.get(0))?;
    Ok(connection)
}

/// A connection that only reads.
fn connect_read_only(database: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Makes or migrates the database, and checks that the key is the one it was written with.
pub(super) fn prepare(database: &Path, key: &Secret) -> Result<(), StoreError> {
    let mut connection = connect(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let found = version(&connection, database)?;
    migrations::apply(&mut connection, found)?;
    let check = check_of(key);
    match stored_check(&connection)? {
        Some(stored) if stored == check => Ok(()),
        Some(_) => Err(StoreError::KeyWrong(database.to_owned())),
        None => {
            let chain = format!("c-{}", random_hex()?);
            let transaction = connection.transaction()?;
            transaction.execute("INSERT INTO store VALUES (1, ?1, ?2)", (&chain, &check))?;
            transaction.execute("INSERT INTO head VALUES (1, 0, zeroblob(32), 1, 0, 1)", ())?;
            transaction.commit()?;
            Ok(())
        }
    }
}

/// The schema version that the database has and the one that is written now; nothing is changed.
pub(super) fn schema(database: &Path, key: &Secret) -> Result<(i64, i64), StoreError> {
    let connection = connect_read_only(database)?;
    let found = version(&connection, database)?;
    if stored_check(&connection)?.is_some_and(|stored| stored != check_of(key)) {
        return Err(StoreError::KeyWrong(database.to_owned()));
    }
    Ok((found, migrations::LATEST))
}

fn version(connection: &Connection, database: &Path) -> Result<i64, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > migrations::LATEST {
        return Err(StoreError::TooNew {
            path: database.to_owned(),
            found,
            known: migrations::LATEST,
        });
    }
    Ok(found)
}

/// What stands in the database for the key it was written with.
fn check_of(key: &Secret) -> String {
    let text = serde_json::Value::from("store key");
    Redactor::new(key).value(&text).to_string()
}

fn stored_check(connection: &Connection) -> Result<Option<String>, StoreError> {
    let mut query = connection.prepare("SELECT key_check FROM store")?;
    Ok(query.query_row((), |row| row.get(0)).optional()?)
}

/// Whether the last run ended in the middle of a commit. Must be asked before the database is opened.
pub(super) fn ended_in_a_commit(database: &Path) -> Result<bool, StoreError> {
    torn::is_torn(&log::log_of(database))
}

/// The trail of the database.
pub(super) fn trail(database: &Path, key: &Secret, torn: bool) -> Result<Trail, StoreError> {
    Ok(Trail {
        store: Box::new(audit::Writer::open(database, key)?),
        sync: Box::new(log::WalSync::new(database)),
        keeper: Box::new(log::WalKeeper::open(database)?),
        key: key.clone(),
        torn,
        place: database.to_owned(),
    })
}
