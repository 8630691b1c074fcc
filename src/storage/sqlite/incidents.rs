//! Incidents: their changes, and port `IncidentStore`.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::super::error::StoreError;
use super::audit::parse;
use super::connect_read_only;
use super::reader::count;
use super::state::{decode, json};
use crate::audit::{AuditRecord, Conflict, Cursors, QueryError, Status, status_code};
use crate::domain::{AgentId, Incident, IncidentStatus, Secret, Severity, Timestamp};
use crate::incidents::{
    AGENT_REINSTATEMENT, AGENT_SUSPENSION, Filter, IncidentStore, Page, StoreFailure, Summary,
};

/// How many of the newest incidents a summary names.
const RECENT: usize = 10;

/// Keeps the incident if its revision follows the stored one.
pub(super) fn put(
    connection: &Connection,
    incident: &Incident,
) -> rusqlite::Result<Result<(), Conflict>> {
    let stored: Option<i64> = connection
        .prepare_cached("SELECT revision FROM incidents WHERE number = ?1")?
        .query_row([incident.number.cast_signed()], |row| row.get(0))
        .optional()?;
    let stored = stored.unwrap_or(0).cast_unsigned();
    if stored.checked_add(1) != Some(incident.revision) {
        return Ok(Err(Conflict {
            what: "incident",
            wanted: incident.revision,
            stored,
        }));
    }
    let agent = incident
        .agent_id
        .as_ref()
        .map_or("", |agent| agent.as_str());
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO incidents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            incident.number.cast_signed(),
            incident.revision.cast_signed(),
            incident.status as i64,
            incident.severity as i64,
            incident.kind.as_str(),
            agent,
            incident.reported_by.as_str(),
            incident.created_at.as_millis(),
            incident.updated_at.as_millis(),
            json(incident)?,
        ))?;
    Ok(Ok(()))
}

/// Reads incidents.
pub(in crate::storage) struct IncidentReader {
    /// One connection is enough: what is read is short and stands in indexes.
    connection: Mutex<Connection>,
    cursors: Cursors,
}

impl IncidentReader {
    pub(in crate::storage) fn open(database: &Path, key: &Secret) -> Result<Self, StoreError> {
        Ok(Self {
            connection: Mutex::new(connect_read_only(database)?),
            cursors: Cursors::new(key),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn integer(&self, sql: &str, values: &[Value]) -> Result<i64, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql)?;
        Ok(statement.query_row(params_from_iter(values), |row| row.get(0))?)
    }

    fn incidents(&self, sql: &str, values: &[Value]) -> Result<Vec<Incident>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(0))?;
        rows.map(|row| decode("incident", &row?)).collect()
    }

    fn find(
        &self,
        filter: &Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(u64, Vec<Incident>), StoreError> {
        let mut test = Test::of(filter);
        let all = format!("SELECT count(*) FROM incidents {}", test.clause());
        let total = self.integer(&all, &test.values)?.cast_unsigned();
        test.and(
            "number <",
            before.map(|number| Value::from(number.cast_signed())),
        );
        // Which ones, by an index that holds all that is tested; only these are then read whole.
        let sql = format!(
            "SELECT state FROM incidents WHERE number IN \
             (SELECT number FROM incidents {} ORDER BY number DESC LIMIT {}) ORDER BY number DESC",
            test.clause(),
            count(limit),
        );
        Ok((total, self.incidents(&sql, &test.values)?))
    }

    fn sum_up(
        &self,
        visible_to: Option<&AgentId>,
        since: Option<Timestamp>,
    ) -> Result<Summary, StoreError> {
        let filter = Filter {
            visible_to: visible_to.cloned(),
            ..Filter::default()
        };
        let mut summary = Summary {
            by_severity: Severity::ALL.map(|severity| (severity, 0)).into(),
            ..Summary::default()
        };
        let mut open = Test::of(&filter);
        open.and(
            if visible_to.is_some() {
                "+status <"
            } else {
                "status <"
            },
            Some(Value::from(IncidentStatus::Resolved as i64)),
        );
        for (severity, count) in self.by_severity(&open)? {
            summary.open += count;
            if severity == Severity::Critical {
                summary.open_critical += count;
            }
        }
        let mut opened = Test::of(&filter);
        opened.and(
            "created_at >=",
            since.map(|since| Value::from(since.as_millis())),
        );
        for (severity, count) in self.by_severity(&opened)? {
            summary.total += count;
            summary.by_severity.insert(severity, count);
        }
        let mut newest = self.find(&filter, None, RECENT)?.1;
        newest.retain(|incident| since.is_none_or(|since| incident.created_at >= since));
        summary.recent = newest;
        Ok(summary)
    }

    fn by_severity(&self, test: &Test) -> Result<Vec<(Severity, u64)>, StoreError> {
        let sql = format!(
            "SELECT severity, count(*) FROM incidents {} GROUP BY severity",
            test.clause()
        );
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(&test.values), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let mut counts = Vec::new();
        for row in rows {
            let (code, count) = row?;
            let known = Severity::ALL
                .into_iter()
                .find(|severity| *severity as i64 == code);
            counts.extend(known.map(|severity| (severity, count.cast_unsigned())));
        }
        Ok(counts)
    }

    fn records(&self, from: u64, to: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        let connection = self.lock();
        let sql = format!(
            "SELECT text FROM {} AND seq BETWEEN ?1 AND ?2 ORDER BY seq LIMIT ?3",
            telling()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let values = (from.cast_signed(), to.cast_signed(), count(limit));
        let rows = statement.query_map(values, |row| row.get::<_, String>(0))?;
        rows.map(|row| parse(&row?)).collect()
    }
}

impl IncidentStore for IncidentReader {
    fn get(&self, number: u64) -> Result<Option<Incident>, StoreFailure> {
        let number = [Value::from(number.cast_signed())];
        let found = self.incidents("SELECT state FROM incidents WHERE number = ?1", &number);
        Ok(found.map_err(unavailable)?.pop())
    }

    fn last_number(&self) -> Result<u64, StoreFailure> {
        let last = self.integer("SELECT coalesce(max(number), 0) FROM incidents", &[]);
        Ok(last.map_err(unavailable)?.cast_unsigned())
    }

    fn page(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreFailure> {
        let before = cursor
            .map(|cursor| self.cursors.read(cursor, filter))
            .transpose()
            .map_err(|fault| match fault {
                QueryError::Cursor(cursor) => StoreFailure::Cursor(cursor),
                other @ (QueryError::Late(_) | QueryError::Unavailable(_)) => {
                    StoreFailure::Unavailable(other.to_string())
                }
            })?;
        let found = self.find(filter, before, limit.saturating_add(1));
        let (total, mut incidents) = found.map_err(unavailable)?;
        let more = incidents.len() > limit;
        incidents.truncate(limit);
        let last = incidents.last().filter(|_| more);
        let next_cursor = last.map(|last| self.cursors.write(last.number, filter));
        Ok(Page {
            incidents,
            total,
            next_cursor,
        })
    }

    fn summary(
        &self,
        visible_to: Option<&AgentId>,
        since: Option<Timestamp>,
    ) -> Result<Summary, StoreFailure> {
        self.sum_up(visible_to, since).map_err(unavailable)
    }

    fn open(&self) -> Result<[u64; 4], StoreFailure> {
        let mut open = [0; 4];
        for (count, severity) in open.iter_mut().zip(Severity::ALL) {
            let sql = "SELECT count(*) FROM incidents WHERE status <> ?1 AND severity = ?2";
            let values = [IncidentStatus::Resolved as i64, severity as i64].map(Value::from);
            let found = self.integer(sql, &values).map_err(unavailable)?;
            *count = found.cast_unsigned();
        }
        Ok(open)
    }

    fn touched_since(&self, since: Timestamp) -> Result<Vec<Incident>, StoreFailure> {
        let sql = "SELECT state FROM incidents WHERE updated_at >= ?1 ORDER BY number";
        self.incidents(sql, &[Value::from(since.as_millis())])
            .map_err(unavailable)
    }

    fn first_record_since(&self, since: Timestamp) -> Result<u64, StoreFailure> {
        // Backwards from the newest: what is older than the first one that is too old is not looked at.
        let sql = format!(
            "SELECT coalesce((SELECT seq FROM {} AND at < ?1 ORDER BY seq DESC LIMIT 1), 0) + 1",
            telling()
        );
        let first = self.integer(&sql, &[Value::from(since.as_millis())]);
        Ok(first.map_err(unavailable)?.cast_unsigned())
    }

    fn telling(&self, from: u64, to: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreFailure> {
        self.records(from, to, limit).map_err(unavailable)
    }
}

/// The records that incidents are counted from; in the very words of their index, or SQLite would not use it.
fn telling() -> String {
    format!(
        "records INDEXED BY records_that_tell \
         WHERE (status = {} OR action_type IN ('{AGENT_SUSPENSION}', '{AGENT_REINSTATEMENT}'))",
        status_code(Status::Denied)
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unavailable(error: StoreError) -> StoreFailure {
    StoreFailure::Unavailable(error.to_string())
}

/// What an incident must be, as SQL.
struct Test {
    condition: String,
    values: Vec<Value>,
}

impl Test {
    fn of(filter: &Filter) -> Self {
        let mut test = Self {
            condition: String::from("1"),
            values: Vec::new(),
        };
        let text = |agent: &AgentId| Value::from(agent.as_str().to_owned());
        // An agent's incidents are few: the plus keeps SQLite from going through all of a status instead.
        let of_agent = filter.agent_id.is_some() || filter.visible_to.is_some();
        test.and(
            if of_agent { "+status =" } else { "status =" },
            filter.status.map(|status| Value::from(status as i64)),
        );
        test.and(
            "severity =",
            filter.severity.map(|severity| Value::from(severity as i64)),
        );
        let kind = filter
            .kind
            .map(|kind| Value::from(kind.as_str().to_owned()));
        test.and("kind =", kind);
        test.and("agent =", filter.agent_id.as_ref().map(text));
        if let Some(agent) = &filter.visible_to {
            test.values.push(text(agent));
            let place = test.values.len();
            let own = format!(" AND (agent = ?{place} OR reporter = ?{place})");
            test.condition.push_str(&own);
        }
        test
    }

    fn and(&mut self, test: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            let test = format!(" AND {test} ?{}", self.values.len());
            self.condition.push_str(&test);
        }
    }

    fn clause(&self) -> String {
        format!("WHERE {}", self.condition)
    }
}
