//! What incidents there are, counted.

use rusqlite::Connection;

use super::super::error::StoreError;
use super::state::decode;
use crate::audit::Census;
use crate::domain::{IncidentStatus, Severity};

/// How many incidents are shown whole.
const RECENT: i64 = 10;

/// Counts them; of this agent or of all.
pub(super) fn count(connection: &Connection, agent: Option<&str>) -> Result<Census, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let mut census = Census::default();
    let (index, of_agent) = match agent {
        None => ("incidents_by_status", "?1 IS NULL"),
        Some(_) => ("incidents_by_agent", "agent = ?1"),
    };
    let sql = format!(
        "SELECT severity, status, count(*) FROM incidents INDEXED BY {index} WHERE {of_agent} \
         GROUP BY severity, status"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut rows = statement.query([agent])?;
    while let Some(row) = rows.next()? {
        let (severity, status): (i64, i64) = (row.get(0)?, row.get(1)?);
        if let Some(severity) = Severity::ALL
            .into_iter()
            .find(|&known| known as i64 == severity)
        {
            let open = status != IncidentStatus::Resolved as i64;
            let count: i64 = row.get(2)?;
            *census.counts.entry((severity, open)).or_default() += count.cast_unsigned();
        }
    }
    let sql = format!("SELECT state FROM incidents WHERE {of_agent} ORDER BY number DESC LIMIT ?2");
    let mut statement = transaction.prepare_cached(&sql)?;
    let rows = statement.query_map((agent, RECENT), |row| row.get::<_, String>(0))?;
    for state in rows {
        census.recent.push(decode("incident", &state?)?);
    }
    Ok(census)
}
