//! What compliance counts: sums of decisions by hour and minute, which follow the records in steps.
//!
//! A step for each record would cost the road two more pages a commit. So the writer counts in memory and writes
//! the sums every thousand records, in the transaction of a batch, together with the number of the first record
//! that is not in them. Readers add the records from there on, of which there are few; so does the next start.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params_from_iter};

use super::super::error::StoreError;
use super::audit::parse;
use crate::audit::{AuditRecord, Counts, Status, counted, status_code};
use crate::domain::Timestamp;

/// So many records are counted before the sums are written.
const STEP: u64 = 1_000;
const MINUTE: i64 = 60_000;
/// Minutes of an hour.
const HOUR: i64 = 60;

/// What is counted together.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    minute: i64,
    agent: Arc<str>,
    action_type: Arc<str>,
    status: i64,
}

impl Key {
    fn of(record: &AuditRecord) -> Option<Self> {
        let status = counted(record)?;
        Some(Self {
            minute: minute_of(record.at),
            agent: Arc::clone(&record.principal.as_ref()?.agent_id),
            action_type: Arc::clone(record.action.as_ref()?),
            status: status_code(status),
        })
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MINUTE)
}

/// The writer's counts that are not in the tables yet.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pending: HashMap<Key, i64>,
    /// Every record before this one is in the tables.
    before: u64,
}

impl Tallies {
    /// The counts as an earlier run left them.
    pub(super) fn open(connection: &Connection) -> Result<Self, StoreError> {
        let mut tallies = Self {
            pending: HashMap::new(),
            before: mark(connection)?,
        };
        each_after(connection, tallies.before, |record| tallies.note(record))?;
        Ok(tallies)
    }

    /// Counts a record that is committed.
    pub(super) fn note(&mut self, record: &AuditRecord) {
        if let Some(key) = Key::of(record) {
            *self.pending.entry(key).or_default() += record.attempts().cast_signed();
        }
    }

    /// Whether the sums should be written with the next batch, behind this record.
    pub(super) const fn due(&self, last: u64) -> bool {
        last >= self.before + STEP
    }

    /// Writes the sums of everything up to the record `last`.
    pub(super) fn write(&self, connection: &Connection, last: u64) -> rusqlite::Result<()> {
        for (table, unit) in [("tallies_by_minute", 1), ("tallies_by_hour", HOUR)] {
            let sql = format!(
                "INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT DO UPDATE SET n = n + excluded.n"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            for (key, count) in &self.pending {
                statement.execute((
                    key.minute.div_euclid(unit),
                    &*key.agent,
                    &*key.action_type,
                    key.status,
                    count,
                ))?;
            }
        }
        connection
            .prepare_cached("UPDATE head SET tallied_before = ?1")?
            .execute([last.cast_signed() + 1])?;
        Ok(())
    }

    /// Notes that the sums up to the record `last` are committed.
    pub(super) fn written(&mut self, last: u64) {
        self.pending.clear();
        self.before = last + 1;
    }
}

/// What was decided since the beginning of the minute of this instant, about this agent or about all.
pub(super) fn counts(
    connection: &Connection,
    since: Timestamp,
    agent: Option<&str>,
) -> Result<Counts, StoreError> {
    // One transaction, so that the sums and the records behind them are of one moment.
    let transaction = connection.unchecked_transaction()?;
    let mut counts = Counts::default();
    let from = minute_of(since);
    let first_hour = from.div_euclid(HOUR) + i64::from(from.rem_euclid(HOUR) != 0);
    let minutes = ("tallies_by_minute", from, first_hour * HOUR);
    let hours = ("tallies_by_hour", first_hour, i64::MAX);
    for (table, from, to) in [minutes, hours] {
        sum(&transaction, table, from..to, agent, &mut counts)?;
    }
    each_after(&transaction, mark(&transaction)?, |record| {
        let Some(key) = Key::of(record) else { return };
        let wanted = agent.is_none_or(|agent| agent == &*key.agent);
        if wanted && key.minute >= from {
            let attempts = record.attempts().cast_signed();
            add(
                &mut counts,
                &key.agent,
                &key.action_type,
                (key.status, attempts),
            );
        }
    })?;
    Ok(counts)
}

/// Adds the rows of a table in this span.
fn sum(
    connection: &Connection,
    table: &str,
    span: std::ops::Range<i64>,
    agent: Option<&str>,
    counts: &mut Counts,
) -> rusqlite::Result<()> {
    let of_agent = if agent.is_some() {
        "AND agent = ?3"
    } else {
        ""
    };
    let sql = format!(
        "SELECT agent, action_type, status, n FROM {table} WHERE at >= ?1 AND at < ?2 {of_agent}"
    );
    let mut values: Vec<rusqlite::types::Value> = vec![span.start.into(), span.end.into()];
    values.extend(agent.map(|agent| agent.to_owned().into()));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let (agent, action_type) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        add(counts, agent, action_type, (row.get(2)?, row.get(3)?));
    }
    Ok(())
}

fn add(counts: &mut Counts, agent: &str, action_type: &str, (status, n): (i64, i64)) {
    let status = Status::ALL
        .iter()
        .find(|&&known| status_code(known) == status);
    if let Some(&status) = status {
        counts.add(agent, action_type, status, n.cast_unsigned());
    }
}

/// The first record that is not in the tables.
fn mark(connection: &Connection) -> rusqlite::Result<u64> {
    let mark: i64 = connection
        .prepare_cached("SELECT tallied_before FROM head")?
        .query_row((), |row| row.get(0))?;
    Ok(mark.cast_unsigned())
}

/// Hands over the decisions from this record on. One that cannot be read is for the verification to name.
fn each_after(
    connection: &Connection,
    from: u64,
    mut take: impl FnMut(&AuditRecord),
) -> Result<(), StoreError> {
    let sql = "SELECT text FROM records WHERE rowid >= ?1 AND kind = 0 ORDER BY rowid";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([from.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().unwrap_or_default();
        if let Ok(record) = parse(text) {
            take(&record);
        }
    }
    Ok(())
}
