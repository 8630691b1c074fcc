//! The gateway's own state: written with its record, read from here.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::error::StoreError;
use super::{agents, connect_read_only, incidents, keys, policies, sessions, totps};
use crate::audit::{Conflict, StateChange};
use crate::domain::{Health, LockdownState, ModeState, Timestamp};
use crate::modes::{ModeStore, ModesUnread};

/// Applies the changes of one entry, all or none.
pub(super) fn apply_all(
    connection: &Connection,
    changes: &[StateChange],
) -> rusqlite::Result<Result<(), Conflict>> {
    if changes.is_empty() {
        return Ok(Ok(()));
    }
    connection.prepare_cached("SAVEPOINT entry")?.execute(())?;
    for change in changes {
        if let Err(conflict) = apply(connection, change)? {
            connection
                .prepare_cached("ROLLBACK TO entry")?
                .execute(())?;
            connection.prepare_cached("RELEASE entry")?.execute(())?;
            return Ok(Err(conflict));
        }
    }
    connection.prepare_cached("RELEASE entry")?.execute(())?;
    Ok(Ok(()))
}

fn apply(connection: &Connection, change: &StateChange) -> rusqlite::Result<Result<(), Conflict>> {
    match change {
        StateChange::SetMode(state) => {
            let table = Table {
                what: "mode",
                latest: "SELECT max(revision) FROM modes",
                insert: "INSERT INTO modes VALUES (?1, ?2)",
            };
            table.follow(connection, state.revision, &json(state)?)
        }
        StateChange::SetLockdown(state) => {
            let table = Table {
                what: "lockdown",
                latest: "SELECT max(revision) FROM lockdowns",
                insert: "INSERT INTO lockdowns VALUES (?1, ?2)",
            };
            table.follow(connection, state.revision, &json(state)?)
        }
        StateChange::PutCloud { revision, state } => {
            connection
                .prepare_cached(
                    "INSERT INTO cloud VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE \
                     SET revision = excluded.revision, state = excluded.state \
                     WHERE excluded.revision > revision",
                )?
                .execute((revision.cast_signed(), state.to_string()))?;
            Ok(Ok(()))
        }
        StateChange::ObserveHealth {
            service,
            health,
            at,
        } => {
            connection
                .prepare_cached(
                    "INSERT INTO health VALUES (?1, ?2, ?3) ON CONFLICT (service) DO UPDATE \
                     SET health = excluded.health, at = excluded.at WHERE excluded.at >= at",
                )?
                .execute((service, health.as_str(), at.as_millis()))?;
            Ok(Ok(()))
        }
        StateChange::ActivateRelease(release) => policies::activate(connection, release),
        StateChange::PutPolicy(version) => policies::put(connection, version),
        StateChange::PutAgent(agent) => agents::put(connection, agent),
        StateChange::RemoveAgent { agent_id, revision } => {
            agents::remove(connection, agent_id, *revision)
        }
        StateChange::PutIncident(incident) => incidents::put(connection, incident),
        StateChange::PutKey(key) => keys::put_key(connection, key),
        StateChange::PutUser(user) => keys::put_user(connection, user),
        StateChange::UseKeys(used) => keys::note_uses(connection, used).map(Ok),
        StateChange::PutTotp(totp) => totps::put(connection, totp),
        StateChange::UseTotpStep { user_id, step } => totps::use_step(connection, user_id, *step),
        StateChange::RemoveTotp { user_id, revision } => {
            totps::remove(connection, user_id, *revision)
        }
        StateChange::OpenSession(session) => sessions::open(connection, session).map(Ok),
        StateChange::CloseSession(id) => sessions::close(connection, id).map(Ok),
    }
}

/// A table that keeps every revision.
struct Table {
    what: &'static str,
    latest: &'static str,
    insert: &'static str,
}

impl Table {
    /// Adds the revision if it follows the latest one.
    fn follow(
        &self,
        connection: &Connection,
        wanted: u64,
        state: &str,
    ) -> rusqlite::Result<Result<(), Conflict>> {
        if let Err(conflict) = follows(connection, self.what, self.latest, wanted)? {
            return Ok(Err(conflict));
        }
        connection
            .prepare_cached(self.insert)?
            .execute((wanted.cast_signed(), state))?;
        Ok(Ok(()))
    }
}

pub(super) fn follows(
    connection: &Connection,
    what: &'static str,
    latest: &str,
    wanted: u64,
) -> rusqlite::Result<Result<(), Conflict>> {
    let stored: Option<i64> = connection
        .prepare_cached(latest)?
        .query_row((), |row| row.get(0))?;
    let stored = stored.unwrap_or(0).cast_unsigned();
    Ok(if stored.checked_add(1) == Some(wanted) {
        Ok(())
    } else {
        Err(Conflict {
            what,
            wanted,
            stored,
        })
    })
}

pub(super) fn json(state: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(state)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Reads the gateway's own state.
#[derive(Debug)]
pub struct States {
    /// One connection is enough: it is read at start and after a change.
    connection: Mutex<Connection>,
}

impl States {
    pub(in crate::storage) fn open(database: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            connection: Mutex::new(connect_read_only(database)?),
        })
    }

    /// The mode, if one was ever set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load_mode(&self) -> Result<Option<ModeState>, StoreError> {
        Ok(self.modes_before(i64::MAX, 1)?.pop())
    }

    fn modes_before(&self, revision: i64, limit: usize) -> Result<Vec<ModeState>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT state FROM modes WHERE revision < ?1 ORDER BY revision DESC LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map((revision, limit), |row| row.get::<_, String>(0))?;
        rows.map(|row| decode("mode", &row?)).collect()
    }

    /// Lockdown, if it was ever set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load_lockdown(&self) -> Result<Option<LockdownState>, StoreError> {
        let sql = "SELECT state FROM lockdowns ORDER BY revision DESC LIMIT 1";
        let state: Option<String> = self
            .connection()
            .query_row(sql, (), |row| row.get(0))
            .optional()?;
        state.map(|state| decode("lockdown", &state)).transpose()
    }

    /// The simulated cloud and its revision, if it was ever kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load_cloud(&self) -> Result<Option<(u64, Value)>, StoreError> {
        let stored: Option<(i64, String)> = self
            .connection()
            .query_row("SELECT revision, state FROM cloud", (), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        stored
            .map(|(revision, state)| Ok((revision.cast_unsigned(), decode("cloud", &state)?)))
            .transpose()
    }

    /// What was last seen of each service's health, and when.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load_health(&self) -> Result<Vec<(String, Health, Timestamp)>, StoreError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT service, health, at FROM health ORDER BY service")?;
        let rows = statement.query_map((), |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
            ))
        })?;
        rows.map(|row| {
            let (service, health, at) = row?;
            let health = Health::parse(&health).ok_or_else(|| StoreError::Corrupt {
                what: "health",
                why: format!("`{health}` is no health"),
            })?;
            Ok((service, health, Timestamp::from_millis(at)))
        })
        .collect()
    }

    pub(super) fn connection(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModeStore for States {
    fn before(&self, revision: u64, limit: usize) -> Result<Vec<ModeState>, ModesUnread> {
        let revision = i64::try_from(revision).unwrap_or(i64::MAX);
        self.modes_before(revision, limit)
            .map_err(|fault| ModesUnread(fault.to_string()))
    }
}

pub(super) fn decode<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt {
        what,
        why: error.to_string(),
    })
}
