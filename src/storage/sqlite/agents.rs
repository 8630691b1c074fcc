//! The registry of agents.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::error::StoreError;
use super::state::{States, decode, json};
use crate::audit::Conflict;
use crate::domain::{Agent, AgentId, PrincipalStatus, TrustLevel};

/// Keeps the agent if its revision follows the stored one.
pub(super) fn put(
    connection: &Connection,
    agent: &Agent,
) -> rusqlite::Result<Result<(), Conflict>> {
    let stored = revision(connection, &agent.agent_id)?;
    if stored.checked_add(1) != Some(agent.revision) {
        return Ok(Err(conflict(agent.revision, stored)));
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO agents VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((
            agent.agent_id.as_str(),
            agent.revision.cast_signed(),
            agent.trust_level as i64,
            agent.status == PrincipalStatus::Suspended,
            agent.auto_registered,
            json(agent)?,
        ))?;
    Ok(Ok(()))
}

/// Forgets the agent if this is its stored revision.
pub(super) fn remove(
    connection: &Connection,
    agent_id: &AgentId,
    wanted: u64,
) -> rusqlite::Result<Result<(), Conflict>> {
    let stored = revision(connection, agent_id)?;
    if stored != wanted {
        return Ok(Err(conflict(wanted, stored)));
    }
    connection
        .prepare_cached("DELETE FROM agents WHERE agent_id = ?1")?
        .execute([agent_id.as_str()])?;
    Ok(Ok(()))
}

fn revision(connection: &Connection, agent_id: &AgentId) -> rusqlite::Result<u64> {
    let stored: Option<i64> = connection
        .prepare_cached("SELECT revision FROM agents WHERE agent_id = ?1")?
        .query_row([agent_id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(stored.unwrap_or(0).cast_unsigned())
}

const fn conflict(wanted: u64, stored: u64) -> Conflict {
    Conflict {
        what: "agent",
        wanted,
        stored,
    }
}

impl States {
    /// Hands over every agent, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn each_agent(&self, mut take: impl FnMut(Agent)) -> Result<(), StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT state FROM agents ORDER BY agent_id")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            take(decode(
                "agent",
                row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
            )?);
        }
        Ok(())
    }

    /// The agent, if it is registered.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn agent(&self, agent_id: &AgentId) -> Result<Option<Agent>, StoreError> {
        let state: Option<String> = self
            .connection()
            .prepare_cached("SELECT state FROM agents WHERE agent_id = ?1")?
            .query_row([agent_id.as_str()], |row| row.get(0))
            .optional()?;
        state.map(|state| decode("agent", &state)).transpose()
    }

    /// Agents of this trust and status behind this id, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn agents_after(
        &self,
        after: &str,
        trust: Option<TrustLevel>,
        status: Option<PrincipalStatus>,
        limit: usize,
    ) -> Result<Vec<Agent>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT state FROM agents WHERE agent_id > ?1 AND (?2 IS NULL OR trust = ?2) \
             AND (?3 IS NULL OR suspended = ?3) ORDER BY agent_id LIMIT ?4",
        )?;
        let rows = statement.query_map(
            (
                after,
                trust.map(|trust| trust as i64),
                status.map(|status| status == PrincipalStatus::Suspended),
                i64::try_from(limit).unwrap_or(i64::MAX),
            ),
            |row| row.get::<_, String>(0),
        )?;
        rows.map(|row| decode("agent", &row?)).collect()
    }
}
