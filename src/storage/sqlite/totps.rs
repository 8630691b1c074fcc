//! Second factors of people: port `TotpStore`.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::super::error::StoreError;
use super::keys::stale;
use super::state::States;
use crate::audit::Conflict;
use crate::domain::{AgentId, Timestamp, Totp};
use crate::identity::{TotpStore, TotpUnread};

/// The columns in the order in which [`read`] takes them.
const COLUMNS: &str = "user_id, revision, sealed, enrolled_at, confirmed_at, last_step, \
                       wrong_before, wrong_last, locked_until";
const REVISION: &str = "SELECT revision FROM totps WHERE user_id = ?1";

/// Keeps the factor if its revision follows the stored one.
pub(super) fn put(connection: &Connection, totp: &Totp) -> rusqlite::Result<Result<(), Conflict>> {
    let id = totp.user_id.as_str();
    if let Some(conflict) = stale(connection, "totp", REVISION, id, totp.revision)? {
        return Ok(Err(conflict));
    }
    let [before, last] = totp.wrong.map(millis);
    connection
        .prepare_cached("INSERT OR REPLACE INTO totps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute((
            id,
            totp.revision.cast_signed(),
            &totp.sealed,
            totp.enrolled_at.as_millis(),
            millis(totp.confirmed_at),
            totp.last_step.cast_signed(),
            before,
            last,
            millis(totp.locked_until),
        ))?;
    Ok(Ok(()))
}

/// Uses up the step if no later one was used and the factor counts; wrong tries before it are forgiven.
pub(super) fn use_step(
    connection: &Connection,
    user_id: &AgentId,
    step: u64,
) -> rusqlite::Result<Result<(), Conflict>> {
    let used = connection
        .prepare_cached(
            "UPDATE totps SET last_step = ?2, revision = revision + 1, wrong_before = 0, wrong_last = 0 \
             WHERE user_id = ?1 AND last_step < ?2 AND confirmed_at > 0",
        )?
        .execute((user_id.as_str(), step.cast_signed()))?;
    if used == 1 {
        return Ok(Ok(()));
    }
    let stored: Option<i64> = connection
        .prepare_cached("SELECT last_step FROM totps WHERE user_id = ?1")?
        .query_row([user_id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(Err(Conflict {
        what: "totp step",
        wanted: step,
        stored: stored.unwrap_or(0).cast_unsigned(),
    }))
}

/// Forgets the factor if this is its stored revision.
pub(super) fn remove(
    connection: &Connection,
    user_id: &AgentId,
    revision: u64,
) -> rusqlite::Result<Result<(), Conflict>> {
    let next = revision.saturating_add(1);
    if let Some(conflict) = stale(connection, "totp", REVISION, user_id.as_str(), next)? {
        return Ok(Err(conflict));
    }
    connection
        .prepare_cached("DELETE FROM totps WHERE user_id = ?1")?
        .execute([user_id.as_str()])?;
    Ok(Ok(()))
}

impl TotpStore for States {
    fn totp(&self, user_id: &AgentId) -> Result<Option<Totp>, TotpUnread> {
        let sql = format!("SELECT {COLUMNS} FROM totps WHERE user_id = ?1");
        let found = self
            .connection()
            .query_row(&sql, [user_id.as_str()], |row| Ok(read(row)))
            .optional();
        let found = found.map_err(|fault| unread(&fault.into()))?;
        found.transpose().map_err(|fault| unread(&fault))
    }

    fn totps(&self) -> Result<Vec<Totp>, TotpUnread> {
        self.all_totps().map_err(|fault| unread(&fault))
    }
}

impl States {
    fn all_totps(&self) -> Result<Vec<Totp>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM totps"))?;
        let rows = statement.query_map((), |row| Ok(read(row)))?;
        rows.map(|row| row?).collect()
    }
}

fn read(row: &Row<'_>) -> Result<Totp, StoreError> {
    let user_id: String = row.get(0)?;
    let instant = |column: usize| Ok::<_, StoreError>(Timestamp::from_millis(row.get(column)?));
    let perhaps = |column: usize| {
        let at: i64 = row.get(column)?;
        Ok::<_, StoreError>((at != 0).then(|| Timestamp::from_millis(at)))
    };
    Ok(Totp {
        user_id: AgentId::parse(&user_id).map_err(|fault| StoreError::Corrupt {
            what: "totp",
            why: fault.to_string(),
        })?,
        revision: row.get::<_, i64>(1)?.cast_unsigned(),
        sealed: row.get(2)?,
        enrolled_at: instant(3)?,
        confirmed_at: perhaps(4)?,
        last_step: row.get::<_, i64>(5)?.cast_unsigned(),
        wrong: [perhaps(6)?, perhaps(7)?],
        locked_until: perhaps(8)?,
    })
}

fn millis(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::as_millis)
}

fn unread(fault: &StoreError) -> TotpUnread {
    TotpUnread(fault.to_string())
}
