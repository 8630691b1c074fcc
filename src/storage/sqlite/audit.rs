//! The one writer of the chain.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, ffi};

use super::super::error::StoreError;
use super::tallies::Tallies;
use super::{connect, state};
use crate::audit::{
    AuditRecord, AuditStore, Columns, Conflict, Entry, Head, Marks, Place, StoreFault,
    action_sequence, record_id, record_sequence,
};
use crate::domain::{Digest, IdSequence, Secret};

const INSERT: &str = "INSERT INTO records \
    (rowid, seq, at, kind, status, agent, tool, action_type, action, text, listed) \
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const SET_HEAD: &str =
    "UPDATE head SET seq = ?1, hash = ?2, settled_before = ?3, actions_reserved = ?4";

/// Appends to the chain; holds its head.
pub(super) struct Writer {
    connection: Connection,
    chain: Arc<str>,
    head: Head,
    marks: Marks,
    records: IdSequence,
    actions: IdSequence,
    tallies: Tallies,
    text: Vec<u8>,
}

impl Writer {
    pub(super) fn open(database: &Path, key: &Secret) -> Result<Self, StoreError> {
        let connection = connect(database)?;
        connection.set_prepared_statement_cache_capacity(64);
        let chain: String =
            connection.query_row("SELECT chain FROM store", (), |row| row.get(0))?;
        let (head, marks) = load_head(&connection)?;
        let tallies = Tallies::open(&connection)?;
        Ok(Self {
            connection,
            chain: Arc::from(chain),
            head,
            marks,
            records: record_sequence(key),
            actions: action_sequence(key),
            tallies,
            text: Vec::with_capacity(4096),
        })
    }

    fn append_in_transaction(
        &mut self,
        entries: &mut [Entry],
        marks: Marks,
    ) -> rusqlite::Result<(Head, Vec<Result<(), Conflict>>)> {
        let mut head = self.head;
        let mut verdicts = Vec::with_capacity(entries.len());
        self.run("BEGIN IMMEDIATE")?;
        if self.tallies.due(head.seq) {
            self.tallies.write(&self.connection, head.seq)?;
        }
        for entry in entries {
            let verdict = state::apply_all(&self.connection, &entry.changes)?;
            if verdict.is_ok() {
                head = self.insert(entry, head)?;
            }
            verdicts.push(verdict);
        }
        let mut statement = self.connection.prepare_cached(SET_HEAD)?;
        statement.execute((
            head.seq.cast_signed(),
            head.hash.as_bytes(),
            marks.settled_before.cast_signed(),
            marks.actions_reserved.cast_signed(),
        ))?;
        drop(statement);
        self.run("COMMIT")?;
        Ok((head, verdicts))
    }

    fn insert(&mut self, entry: &mut Entry, head: Head) -> rusqlite::Result<Head> {
        let seq = head.seq + 1;
        let place = Place {
            seq,
            id: record_id(&self.records, seq),
            prev: head.hash,
        };
        let hash = entry.body.seal(&place, &mut self.text);
        let record = &mut entry.record;
        record.seq = seq;
        record.id = place.id;
        record.prev = place.prev;
        record.hash = hash;
        let columns = Columns::of(record, &self.actions);
        let text = rusqlite::types::ValueRef::Text(&self.text);
        self.connection.prepare_cached(INSERT)?.execute((
            seq.cast_signed(),
            columns.at,
            columns.kind,
            columns.status,
            columns.agent,
            columns.tool,
            columns.action_type,
            columns.action,
            rusqlite::types::ToSqlOutput::Borrowed(text),
            columns.listed,
        ))?;
        Ok(Head { seq, hash })
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(()).map(drop)
    }
}

impl AuditStore for Writer {
    fn append(
        &mut self,
        entries: &mut [Entry],
        marks: Marks,
    ) -> Result<Vec<Result<(), Conflict>>, StoreFault> {
        match self.append_in_transaction(entries, marks) {
            Ok((head, verdicts)) => {
                if self.tallies.due(self.head.seq) {
                    self.tallies.written(self.head.seq);
                }
                for (entry, _) in entries
                    .iter()
                    .zip(&verdicts)
                    .filter(|(_, verdict)| verdict.is_ok())
                {
                    self.tallies.note(&entry.record);
                }
                self.head = head;
                self.marks = marks;
                Ok(verdicts)
            }
            Err(error) => {
                if !self.connection.is_autocommit()
                    && let Err(error) = self.run("ROLLBACK")
                {
                    return Err(StoreFault::Broken(error.to_string()));
                }
                Err(store_fault(&error))
            }
        }
    }

    fn head(&self) -> Head {
        self.head
    }

    fn chain(&self) -> Arc<str> {
        Arc::clone(&self.chain)
    }

    fn marks(&self) -> Marks {
        self.marks
    }

    fn open_intents(&mut self) -> Result<Vec<AuditRecord>, StoreFault> {
        open_intents(&self.connection, self.marks.settled_before)
            .map_err(|error| StoreFault::Refused(error.to_string()))
    }

    fn last_record(&mut self) -> Result<Option<AuditRecord>, StoreFault> {
        let read = || -> Result<Option<AuditRecord>, StoreError> {
            let text: Option<String> = self
                .connection
                .query_row(
                    "SELECT text FROM records ORDER BY rowid DESC LIMIT 1",
                    (),
                    |row| row.get(0),
                )
                .optional()?;
            text.as_deref().map(parse).transpose()
        };
        read().map_err(|error| StoreFault::Refused(error.to_string()))
    }
}

/// The head and the watermarks, as they are stored.
pub(super) fn load_head(connection: &Connection) -> Result<(Head, Marks), StoreError> {
    let sql = "SELECT seq, hash, settled_before, actions_reserved FROM head";
    let head = connection.query_row(sql, (), |row| {
        Ok((
            Head {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                hash: Digest::from_bytes(row.get(1)?),
            },
            Marks {
                settled_before: row.get::<_, i64>(2)?.cast_unsigned(),
                actions_reserved: row.get::<_, i64>(3)?.cast_unsigned(),
            },
        ))
    })?;
    Ok(head)
}

/// The record that this text is.
pub(super) fn parse(text: &str) -> Result<AuditRecord, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt {
        what: "record",
        why: error.to_string(),
    })
}

fn open_intents(connection: &Connection, from: u64) -> Result<Vec<AuditRecord>, StoreError> {
    let mut open = std::collections::BTreeMap::new();
    let mut statement =
        connection.prepare("SELECT text FROM records WHERE rowid >= ?1 ORDER BY rowid")?;
    let mut rows = statement.query([from.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let record = parse(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
        let Some(action) = record.action_id else {
            continue;
        };
        if record.is_intent() {
            open.insert(action, record);
        } else if record.closes_intent() {
            open.remove(&action);
        }
    }
    let mut intents: Vec<AuditRecord> = open.into_values().collect();
    intents.sort_by_key(|record| record.seq);
    Ok(intents)
}

/// Whether the store may be asked again after this error.
pub(super) fn store_fault(error: &rusqlite::Error) -> StoreFault {
    let lost_sync = error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::SystemIoFailure
            && matches!(
                error.extended_code,
                ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC
            )
    });
    if lost_sync {
        StoreFault::Broken(error.to_string())
    } else {
        StoreFault::Refused(error.to_string())
    }
}
