//! Reads the trail on connections that only read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::super::error::StoreError;
use super::audit::{load_head, parse};
use super::search::Search;
use super::verify::{damage, record_of, verify_chunk};
use super::{connect_read_only, tallies};
use crate::audit::{
    AuditRecord, Counts, Cursors, Filter, Head, Page, QueryError, RecordKind, Report, TrailReader,
    Verifier, action_code, action_sequence, kind_code, record_id, record_sequence,
};
use crate::domain::{ActionId, AuditId, IdSequence, Secret, Timestamp};

/// Connections that are kept open between reads.
const KEPT: usize = 4;
/// How long a query may take (`spec/limits.md`, store).
const DEADLINE: Duration = Duration::from_secs(5);
/// After so many steps of SQLite the clock is looked at: some tens of microseconds.
const OPERATIONS: i32 = 10_000;
/// Records that are verified in one read transaction: a longer one would keep the log from being folded in.
const CHUNK: i64 = 2_000;

/// Reads the trail of a database.
pub(in crate::storage) struct Reader {
    database: PathBuf,
    /// Connections that nobody uses just now.
    idle: Mutex<Vec<Connection>>,
    actions: IdSequence,
    records: IdSequence,
    cursors: Cursors,
}

impl Reader {
    pub(in crate::storage) fn open(database: &Path, key: &Secret) -> Result<Self, StoreError> {
        let first = connect_read_only(database)?;
        Ok(Self {
            database: database.to_owned(),
            idle: Mutex::new(vec![first]),
            actions: action_sequence(key),
            records: record_sequence(key),
            cursors: Cursors::new(key),
        })
    }

    /// Reads for as long as it takes.
    fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, QueryError> {
        self.read(None, read)
    }

    /// Reads what somebody waits for: it ends with the deadline.
    fn within_deadline<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, QueryError> {
        let end = Instant::now() + DEADLINE;
        self.read(Some(end), read).map_err(|fault| match fault {
            QueryError::Unavailable(_) if Instant::now() > end => QueryError::Late(DEADLINE),
            QueryError::Cursor(_) | QueryError::Late(_) | QueryError::Unavailable(_) => fault,
        })
    }

    fn read<T>(
        &self,
        end: Option<Instant>,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, QueryError> {
        let idle = self.lock().pop();
        let reading = || {
            let mut connection = match idle {
                Some(connection) => connection,
                None => connect_read_only(&self.database)?,
            };
            let late = end.map(|end| move || Instant::now() > end);
            connection.progress_handler(OPERATIONS, late)?;
            let result = read(&connection);
            let mut idle = self.lock();
            if idle.len() < KEPT {
                idle.push(connection);
            }
            result
        };
        reading().map_err(|error| QueryError::Unavailable(error.to_string()))
    }

    /// The records of these kinds that belong to these attempts.
    fn of_attempts(
        &self,
        ids: &[ActionId],
        kinds: &[RecordKind],
    ) -> Result<Vec<AuditRecord>, QueryError> {
        let kinds: Vec<String> = kinds
            .iter()
            .map(|&kind| kind_code(kind).to_string())
            .collect();
        let sql = format!(
            "SELECT text FROM records WHERE action = ?1 AND kind IN ({}) ORDER BY seq",
            kinds.join(", ")
        );
        self.within_deadline(|connection| {
            let mut found = Vec::with_capacity(ids.len());
            for &id in ids {
                found.extend(records(
                    connection,
                    &sql,
                    &[action_code(id, &self.actions)],
                )?);
            }
            Ok(found)
        })
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
        self.within_deadline(|connection| {
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
        self.of_attempts(ids, &[RecordKind::Outcome, RecordKind::Change])
    }

    fn decisions(&self, ids: &[ActionId]) -> Result<Vec<AuditRecord>, QueryError> {
        self.of_attempts(ids, &[RecordKind::Decision])
    }

    fn place(&self, id: AuditId) -> u64 {
        self.records.counter(id.bits())
    }

    fn name(&self, seq: u64) -> AuditId {
        record_id(&self.records, seq)
    }

    fn cursor(&self, seq: u64, filter: &Filter) -> String {
        self.cursors.write(seq, filter)
    }

    fn counts(&self, since: Timestamp, agent: Option<&str>) -> Result<Counts, QueryError> {
        self.within_deadline(|connection| tallies::counts(connection, since, agent))
    }

    fn range(&self, from: u64, limit: usize) -> Result<Vec<AuditRecord>, QueryError> {
        self.within_deadline(|connection| {
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

    fn verify_after(&self, verified: Head) -> Result<Report, QueryError> {
        let head = self.head()?;
        let mut verifier = Verifier::after(self.actions.clone(), verified);
        let more = self.with(|connection| verify_chunk(connection, &mut verifier, head, CHUNK))?;
        let head = if more { verifier.verified() } else { head };
        Ok(verifier.finish(head))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::open_temporary;

    #[test]
    fn a_query_without_end_ends_with_the_deadline_and_the_next_one_is_answered() {
        let store = open_temporary().unwrap();
        let reader = Reader::open(store.database(), store.key()).unwrap();
        let begun = Instant::now();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";
        let found = reader.within_deadline(|connection| {
            let count: i64 = connection.query_row(endless, (), |row| row.get(0))?;
            Ok(count)
        });
        assert!(matches!(found, Err(QueryError::Late(_))), "{found:?}");
        assert!(begun.elapsed() >= DEADLINE);
        assert_eq!(reader.range(1, 10).unwrap().len(), 0);
    }
}
