//! Reads the trail on connections that only read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params_from_iter};

use super::super::error::StoreError;
use super::audit::{load_head, parse};
use super::connect_read_only;
use super::search::Search;
use crate::audit::{
    AuditRecord, Columns, Cursors, Fault, Filter, FirstFault, Head, Page, QueryError, Report,
    Stored, TrailReader, Verifier, action_code, action_sequence,
};
use crate::domain::{ActionId, IdSequence, Secret, Timestamp};

/// Connections that are kept open between reads.
const KEPT: usize = 4;
/// Records that are verified in one read transaction: a longer one would keep the log from being folded in.
const CHUNK: i64 = 2_000;

/// Reads the trail of a database.
pub(in crate::storage) struct Reader {
    database: PathBuf,
    /// Connections that nobody uses just now.
    idle: Mutex<Vec<Connection>>,
    actions: IdSequence,
    cursors: Cursors,
}

impl Reader {
    pub(in crate::storage) fn open(database: &Path, key: &Secret) -> Result<Self, StoreError> {
        let first = connect_read_only(database)?;
        Ok(Self {
            database: database.to_owned(),
            idle: Mutex::new(vec![first]),
            actions: action_sequence(key),
            cursors: Cursors::new(key),
        })
    }

    fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, QueryError> {
        let idle = self.lock().pop();
        let reading = || {
            let connection = match idle {
                Some(connection) => connection,
                None => connect_read_only(&self.database)?,
            };
            let result = read(&connection);
            let mut idle = self.lock();
            if idle.len() < KEPT {
                idle.push(connection);
            }
            result
        };
        reading().map_err(|error| QueryError::Unavailable(error.to_string()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TrailReader for Reader {
    fn query(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, QueryError> {
        let before = cursor
            .map(|cursor| self.cursors.read(cursor, filter))
            .transpose()?;
        self.with(|connection| {
            // One transaction, so that page and total are of one moment.
            let transaction = connection.unchecked_transaction()?;
            let mut found = Search::new(&transaction, filter).page(before, limit)?;
            let next = if found.more {
                found
                    .records
                    .last()
                    .map(|record| self.cursors.write(record.seq, filter))
            } else {
                None
            };
            Ok(Page {
                records: std::mem::take(&mut found.records),
                total: found.total,
                next_cursor: next,
            })
        })
    }

    fn get(&self, seq: u64) -> Result<Option<AuditRecord>, QueryError> {
        self.with(|connection| {
            let text: Option<String> = connection
                .prepare_cached("SELECT text FROM records WHERE rowid = ?1")?
                .query_row([seq.cast_signed()], |row| row.get(0))
                .optional()?;
            text.as_deref().map(parse).transpose()
        })
    }

    fn last_seen(&self, agent_id: &str) -> Result<Option<Timestamp>, QueryError> {
        self.with(|connection| {
            let at: Option<i64> = connection
                .prepare_cached(
                    "SELECT at FROM records WHERE agent = ?1 ORDER BY seq DESC LIMIT 1",
                )?
                .query_row([agent_id], |row| row.get(0))
                .optional()?;
            Ok(at.map(Timestamp::from_millis))
        })
    }

    fn action(&self, id: ActionId) -> Result<Vec<AuditRecord>, QueryError> {
        let code = action_code(id, &self.actions);
        self.with(|connection| {
            records(
                connection,
                "SELECT text FROM records WHERE action = ?1 ORDER BY seq",
                &[code],
            )
        })
    }

    fn outcomes(&self, ids: &[ActionId]) -> Result<Vec<AuditRecord>, QueryError> {
        self.with(|connection| {
            let mut outcomes = Vec::with_capacity(ids.len());
            for &id in ids {
                let code = action_code(id, &self.actions);
                let sql = "SELECT text FROM records WHERE action = ?1 ORDER BY seq";
                let of_action = records(connection, sql, &[code])?;
                outcomes.extend(of_action.into_iter().filter(AuditRecord::closes_intent));
            }
            Ok(outcomes)
        })
    }

    fn range(&self, from: u64, limit: usize) -> Result<Vec<AuditRecord>, QueryError> {
        self.with(|connection| {
            records(
                connection,
                "SELECT text FROM records WHERE rowid >= ?1 ORDER BY rowid LIMIT ?2",
                &[from.cast_signed(), count(limit)],
            )
        })
    }

    fn head(&self) -> Result<Head, QueryError> {
        self.with(|connection| Ok(load_head(connection)?.0))
    }

    fn chain(&self) -> Result<Arc<str>, QueryError> {
        self.with(|connection| {
            let chain: String =
                connection.query_row("SELECT chain FROM store", (), |row| row.get(0))?;
            Ok(Arc::from(chain))
        })
    }

    fn verify_with(&self, progress: &mut dyn FnMut(u64)) -> Result<Report, QueryError> {
        // What is written meanwhile is verified next time.
        let head = self.head()?;
        let mut verifier = Verifier::new(self.actions.clone());
        while self.with(|connection| verify_chunk(connection, &mut verifier, head, CHUNK))? {
            progress(verifier.verified().seq);
        }
        if verifier.has_fault() {
            // A chunk is found by its number, and a wrong number leads astray: go through them all in the
            // order in which they lie, so that the right one is named.
            verifier = Verifier::new(self.actions.clone());
            self.with(|connection| verify_chunk(connection, &mut verifier, head, i64::MAX))?;
        }
        let mut report = verifier.finish(head);
        if report.intact {
            report.damage = self.with(|connection| Ok(damage(connection)))?;
            report.intact = report.damage.is_none();
            report.first_fault = report.damage.as_deref().and_then(record_of);
        }
        Ok(report)
    }
}

/// A limit as SQLite counts.
pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn records(
    connection: &Connection,
    sql: &str,
    values: &[i64],
) -> Result<Vec<AuditRecord>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(0))?;
    rows.map(|text| parse(&text?)).collect()
}

/// Verifies the next records; `false` at the end, or at the first that is wrong.
fn verify_chunk(
    connection: &Connection,
    verifier: &mut Verifier,
    head: Head,
    limit: i64,
) -> Result<bool, StoreError> {
    match check_chunk(connection, verifier, head, limit) {
        Err(error) if is_corruption(&error) => {
            verifier.unreadable();
            Ok(false)
        }
        checked => Ok(checked?),
    }
}

fn check_chunk(
    connection: &Connection,
    verifier: &mut Verifier,
    head: Head,
    limit: i64,
) -> rusqlite::Result<bool> {
    let start = verifier.verified().seq;
    let behind = if start == 0 {
        i64::MIN
    } else {
        start.cast_signed()
    };
    let mut statement = connection.prepare_cached(
        "SELECT rowid, seq, at, kind, status, agent, tool, action_type, action, text \
         FROM records WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    )?;
    let mut rows = statement.query((behind, limit))?;
    while let Some(row) = rows.next()? {
        let Some(stored) = stored(row)? else {
            verifier.unreadable();
            return Ok(false);
        };
        // A record behind the head may have been written since the head was read; then the next
        // verification is for it. One that the store knows nothing of is found here.
        if stored.seq > head.seq && is_newer(connection, stored.seq) {
            return Ok(false);
        }
        if !verifier.check(&stored) {
            return Ok(false);
        }
    }
    Ok(verifier.verified().seq > start)
}

/// Whether the file is not what SQLite wrote, as opposed to not being readable just now.
fn is_corruption(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Whether the store has noted the record as part of its chain.
fn is_newer(connection: &Connection, seq: u64) -> bool {
    load_head(connection).is_ok_and(|(head, _)| head.seq >= seq)
}

/// The row, if every value has the type that it was written with and its number is its place.
fn stored<'a>(row: &'a Row<'_>) -> rusqlite::Result<Option<Stored<'a>>> {
    let (ValueRef::Integer(rowid), ValueRef::Integer(seq)) = (row.get_ref(0)?, row.get_ref(1)?)
    else {
        return Ok(None);
    };
    let integer = |index| match row.get_ref(index) {
        Ok(ValueRef::Integer(value)) => Some(value),
        Ok(ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_)) | Err(_) => {
            None
        }
    };
    let bytes = |index| match row.get_ref(index) {
        Ok(ValueRef::Text(value)) => Some(value),
        Ok(ValueRef::Null | ValueRef::Real(_) | ValueRef::Integer(_) | ValueRef::Blob(_))
        | Err(_) => None,
    };
    let text = |index| bytes(index).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let columns = || {
        Some(Columns {
            at: integer(2)?,
            kind: integer(3)?,
            status: integer(4)?,
            agent: text(5)?,
            tool: text(6)?,
            action_type: text(7)?,
            action: integer(8)?,
        })
    };
    let (Some(columns), Some(text)) = (columns(), bytes(9)) else {
        return Ok(None);
    };
    Ok((rowid == seq).then_some(Stored {
        seq: rowid.cast_unsigned(),
        columns,
        text,
    }))
}

/// What SQLite itself finds wrong: bytes of a row that no column shows, or an index that hides a record.
fn damage(connection: &Connection) -> Option<String> {
    let found: rusqlite::Result<String> =
        connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0));
    match found {
        Ok(found) if found == "ok" => None,
        Ok(found) => Some(found),
        Err(error) => Some(error.to_string()),
    }
}

/// The record that the damage is about, where an index says something else of it than it says itself.
fn record_of(damage: &str) -> Option<FirstFault> {
    let (row, index) = damage
        .strip_prefix("row ")?
        .split_once(" missing from index ")?;
    let seq = row.parse().ok()?;
    let how = Fault::Changed;
    index
        .starts_with("records_by_")
        .then_some(FirstFault { seq, how })
}
