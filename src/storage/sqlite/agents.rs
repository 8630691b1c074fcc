//! The registry of agents: port `AgentStore`.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::error::StoreError;
use super::state::{States, decode, json};
use crate::audit::Conflict;
use crate::domain::{Agent, AgentId, PrincipalStatus};
use crate::registry::{AgentFilter, AgentStore, RegistryUnread};

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

impl AgentStore for States {
    fn get(&self, agent_id: &AgentId) -> Result<Option<Agent>, RegistryUnread> {
        self.agent(agent_id).map_err(unread)
    }

    fn list(
        &self,
        filter: AgentFilter,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Agent>, RegistryUnread> {
        self.agents_after(filter, after, limit).map_err(unread)
    }

    fn each(&self, take: &mut dyn FnMut(Agent)) -> Result<(), RegistryUnread> {
        self.each_agent(take).map_err(unread)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unread(fault: StoreError) -> RegistryUnread {
    RegistryUnread(fault.to_string())
}

impl States {
    fn each_agent(&self, take: &mut dyn FnMut(Agent)) -> Result<(), StoreError> {
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

    fn agent(&self, agent_id: &AgentId) -> Result<Option<Agent>, StoreError> {
        let state: Option<String> = self
            .connection()
            .prepare_cached("SELECT state FROM agents WHERE agent_id = ?1")?
            .query_row([agent_id.as_str()], |row| row.get(0))
            .optional()?;
        state.map(|state| decode("agent", &state)).transpose()
    }

    fn agents_after(
        &self,
        filter: AgentFilter,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Agent>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT state FROM agents WHERE agent_id > ?1 AND (?2 IS NULL OR trust = ?2) \
             AND (?3 IS NULL OR suspended = ?3) AND (NOT ?4 OR auto_registered) \
             ORDER BY agent_id LIMIT ?5",
        )?;
        let rows = statement.query_map(
            (
                after,
                filter.trust_level.map(|trust| trust as i64),
                filter
                    .status
                    .map(|status| status == PrincipalStatus::Suspended),
                filter.auto_registered,
                i64::try_from(limit).unwrap_or(i64::MAX),
            ),
            |row| row.get::<_, String>(0),
        )?;
        rows.map(|row| decode("agent", &row?)).collect()
    }
}
