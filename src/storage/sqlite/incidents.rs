//! Incidents.

use rusqlite::{Connection, OptionalExtension as _};

use super::state::json;
use crate::audit::Conflict;
use crate::domain::Incident;

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
        .prepare_cached("INSERT OR REPLACE INTO incidents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute((
            incident.number.cast_signed(),
            incident.revision.cast_signed(),
            incident.status as i64,
            incident.severity as i64,
            incident.kind.as_str(),
            agent,
            incident.created_at.as_millis(),
            json(incident)?,
        ))?;
    Ok(Ok(()))
}
