//! Sessions of clients: port `SessionStore`.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::error::StoreError;
use super::state::States;
use crate::domain::{AgentId, Session, Timestamp};
use crate::identity::{SessionStore, SessionsUnread};

/// Keeps the session.
pub(super) fn open(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO sessions VALUES (?1, ?2, ?3, ?4)")?
        .execute((
            &*session.id,
            session.agent_id.as_str(),
            session.opened_at.as_millis(),
            &*session.state,
        ))?;
    Ok(())
}

/// Forgets the session.
pub(super) fn close(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

impl SessionStore for States {
    fn sessions(&self) -> Result<Vec<Session>, SessionsUnread> {
        self.all_sessions()
            .map_err(|fault| SessionsUnread(fault.to_string()))
    }
}

impl States {
    fn all_sessions(&self) -> Result<Vec<Session>, StoreError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare("SELECT id, agent, opened_at, state FROM sessions ORDER BY id")?;
        let mut rows = statement.query(())?;
        let mut sessions = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, agent): (String, String) = (row.get(0)?, row.get(1)?);
            let agent_id = AgentId::parse(&agent).map_err(|fault| StoreError::Corrupt {
                what: "session",
                why: fault.to_string(),
            })?;
            sessions.push(Session {
                id: Arc::from(id),
                agent_id,
                opened_at: Timestamp::from_millis(row.get(2)?),
                state: Arc::from(row.get::<_, String>(3)?),
            });
        }
        Ok(sessions)
    }
}
