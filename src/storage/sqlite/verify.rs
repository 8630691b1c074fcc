//! Verifies the records of a database, chunk by chunk.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Row};

use super::super::error::StoreError;
use super::audit::load_head;
use crate::audit::{Columns, Fault, FirstFault, Head, Stored, Verifier};

/// Verifies the next records; `false` at the end, or at the first that is wrong.
pub(super) fn verify_chunk(
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
        "SELECT rowid, seq, at, kind, status, agent, tool, action_type, action, text, listed \
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
            listed: integer(10)?,
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
pub(super) fn damage(connection: &Connection) -> Option<String> {
    let found: rusqlite::Result<String> =
        connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0));
    match found {
        Ok(found) if found == "ok" => None,
        Ok(found) => Some(found),
        Err(error) => Some(error.to_string()),
    }
}

/// The record that the damage is about, where an index says something else of it than it says itself.
pub(super) fn record_of(damage: &str) -> Option<FirstFault> {
    let (row, index) = damage
        .strip_prefix("row ")?
        .split_once(" missing from index ")?;
    let seq = row.parse().ok()?;
    let how = Fault::Changed;
    index
        .starts_with("records_by_")
        .then_some(FirstFault { seq, how })
}
