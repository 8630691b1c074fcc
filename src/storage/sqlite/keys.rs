//! API keys and people: port `KeyStore`.

use rusqlite::{Connection, OptionalExtension as _};

use super::super::error::StoreError;
use super::state::{States, decode, json};
use crate::audit::Conflict;
use crate::domain::{ApiKey, KeyId, Timestamp, User};
use crate::identity::{BookUnread, KeyStore};

/// Keeps the key if its revision follows the stored one.
pub(super) fn put_key(
    connection: &Connection,
    key: &ApiKey,
) -> rusqlite::Result<Result<(), Conflict>> {
    let stored = "SELECT revision FROM keys WHERE key_id = ?1";
    if let Some(conflict) = stale(connection, "key", stored, key.key_id.as_str(), key.revision)? {
        return Ok(Err(conflict));
    }
    connection
        .prepare_cached(
            "INSERT INTO keys VALUES (?1, ?2, 0, ?3) ON CONFLICT (key_id) DO UPDATE \
             SET revision = excluded.revision, state = excluded.state",
        )?
        .execute((key.key_id.as_str(), key.revision.cast_signed(), json(key)?))?;
    Ok(Ok(()))
}

/// Keeps the person if its revision follows the stored one.
pub(super) fn put_user(
    connection: &Connection,
    user: &User,
) -> rusqlite::Result<Result<(), Conflict>> {
    let stored = "SELECT revision FROM users WHERE user_id = ?1";
    let id = user.user_id.as_str();
    if let Some(conflict) = stale(connection, "user", stored, id, user.revision)? {
        return Ok(Err(conflict));
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO users VALUES (?1, ?2, ?3)")?
        .execute((id, user.revision.cast_signed(), json(user)?))?;
    Ok(Ok(()))
}

/// Keeps when keys were last used.
pub(super) fn note_uses(
    connection: &Connection,
    used: &[(KeyId, Timestamp)],
) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached("UPDATE keys SET used_at = ?2 WHERE key_id = ?1 AND used_at < ?2")?;
    for (key_id, at) in used {
        statement.execute((key_id.as_str(), at.as_millis()))?;
    }
    Ok(())
}

/// The conflict of a revision that does not follow the stored one.
pub(super) fn stale(
    connection: &Connection,
    what: &'static str,
    sql: &str,
    id: &str,
    wanted: u64,
) -> rusqlite::Result<Option<Conflict>> {
    let stored: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let stored = stored.unwrap_or(0).cast_unsigned();
    Ok((stored.checked_add(1) != Some(wanted)).then_some(Conflict {
        what,
        wanted,
        stored,
    }))
}

impl KeyStore for States {
    fn keys(&self) -> Result<Vec<(ApiKey, Option<Timestamp>)>, BookUnread> {
        self.all_keys().map_err(unread)
    }

    fn users(&self) -> Result<Vec<User>, BookUnread> {
        self.all_users().map_err(unread)
    }
}

impl States {
    fn all_keys(&self) -> Result<Vec<(ApiKey, Option<Timestamp>)>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT state, used_at FROM keys")?;
        let rows = statement.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (state, used): (String, i64) = row?;
            let used = (used > 0).then(|| Timestamp::from_millis(used));
            Ok((decode("key", &state)?, used))
        })
        .collect()
    }

    fn all_users(&self) -> Result<Vec<User>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT state FROM users")?;
        let rows = statement.query_map((), |row| row.get::<_, String>(0))?;
        rows.map(|row| decode("user", &row?)).collect()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unread(fault: StoreError) -> BookUnread {
    BookUnread(fault.to_string())
}
