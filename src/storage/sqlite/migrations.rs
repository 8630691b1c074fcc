//! The tables, as numbered steps.
//!
//! SQLite's own `user_version` counts them; a migration library would add tables of its own for nothing more.

use rusqlite::Connection;

/// The steps, first to last. A step that was released is never edited.
const STEPS: &[&str] = &["
    CREATE TABLE store (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        chain TEXT NOT NULL,
        key_check TEXT NOT NULL
    );
    CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL,
        settled_before INTEGER NOT NULL,
        actions_reserved INTEGER NOT NULL
    );
    -- Stored under its number as rowid too, and not as INTEGER PRIMARY KEY: that would leave a byte in
    -- each row that nothing reads, so that nothing would notice its change. No column is NULL, likewise.
    CREATE TABLE records (
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        status INTEGER NOT NULL,
        agent TEXT NOT NULL,
        tool TEXT NOT NULL,
        action_type TEXT NOT NULL,
        action INTEGER NOT NULL,
        text TEXT NOT NULL
    );
    CREATE INDEX records_by_agent ON records (agent, seq, at, kind, status, tool, action_type);
    CREATE INDEX records_by_tool ON records (tool, seq, at, kind, status, agent, action_type);
    CREATE INDEX records_by_action ON records (action, seq);
    CREATE TABLE modes (revision INTEGER PRIMARY KEY, state TEXT NOT NULL);
    CREATE TABLE lockdowns (revision INTEGER PRIMARY KEY, state TEXT NOT NULL);
    CREATE TABLE cloud (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,
        state TEXT NOT NULL
    );
    CREATE TABLE health (
        service TEXT PRIMARY KEY,
        health TEXT NOT NULL,
        at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE releases (
        version INTEGER PRIMARY KEY,
        digest TEXT NOT NULL,
        name TEXT NOT NULL,
        author TEXT NOT NULL,
        reason TEXT NOT NULL,
        parent INTEGER,
        content TEXT NOT NULL
    );
", "
    CREATE TABLE agents (
        agent_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        trust INTEGER NOT NULL,
        suspended INTEGER NOT NULL,
        auto_registered INTEGER NOT NULL,
        state TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX agents_of_their_own ON agents (agent_id) WHERE auto_registered = 1;
    CREATE TABLE incidents (
        -- The counter behind the incident's name.
        number INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        status INTEGER NOT NULL,
        severity INTEGER NOT NULL,
        kind TEXT NOT NULL,
        agent TEXT NOT NULL,
        reporter TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        state TEXT NOT NULL
    );
    CREATE INDEX incidents_by_status ON incidents (status, number, severity, kind, agent, created_at);
    CREATE INDEX incidents_by_agent ON incidents (agent, number, status, severity, kind);
    CREATE INDEX incidents_by_reporter ON incidents (reporter, number, status, severity, kind);
    CREATE INDEX incidents_by_update ON incidents (updated_at);
    CREATE TABLE policy_versions (
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        document TEXT,
        PRIMARY KEY (id, version)
    ) WITHOUT ROWID;
    CREATE INDEX policy_versions_by_version ON policy_versions (version);
", "
    -- 1: the record stands for its attempt in lists. Records of the steps before know no management calls.
    ALTER TABLE records ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;
    UPDATE records SET listed = 0 WHERE kind NOT IN (0, 2);
    DROP INDEX records_by_agent;
    DROP INDEX records_by_tool;
    CREATE INDEX records_by_agent ON records (agent, seq, at, kind, status, tool, action_type, listed);
    CREATE INDEX records_by_tool ON records (tool, seq, at, kind, status, agent, action_type, listed);
    -- What compliance counts. Every record before head.tallied_before is in both tables; the rest is few.
    ALTER TABLE head ADD COLUMN tallied_before INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE tallies_by_hour (
        at INTEGER NOT NULL,
        agent TEXT NOT NULL,
        action_type TEXT NOT NULL,
        status INTEGER NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (at, agent, action_type, status)
    ) WITHOUT ROWID;
    CREATE TABLE tallies_by_minute (
        at INTEGER NOT NULL,
        agent TEXT NOT NULL,
        action_type TEXT NOT NULL,
        status INTEGER NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (at, agent, action_type, status)
    ) WITHOUT ROWID;
", "
    -- Changes (kind 2) are few among calls; the last drill is one that every start looks for.
    CREATE INDEX records_of_changes ON records (action_type, seq) WHERE kind = 2;
    -- What incidents are counted from: denials (status 1), and who was suspended.
    CREATE INDEX records_that_tell ON records (seq, at)
        WHERE status = 1 OR action_type IN ('agent_suspension', 'agent_reinstatement');
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        agent TEXT NOT NULL,
        opened_at INTEGER NOT NULL,
        state TEXT NOT NULL
    ) WITHOUT ROWID;
", "
    CREATE TABLE keys (
        key_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        -- 0: never.
        used_at INTEGER NOT NULL,
        state TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE users (
        user_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        state TEXT NOT NULL
    ) WITHOUT ROWID;
", "
    -- Instants in milliseconds; 0: never.
    CREATE TABLE totps (
        user_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        -- The secret under a key of the store.
        sealed BLOB NOT NULL,
        enrolled_at INTEGER NOT NULL,
        confirmed_at INTEGER NOT NULL,
        -- The last step whose code was used.
        last_step INTEGER NOT NULL,
        wrong_before INTEGER NOT NULL,
        wrong_last INTEGER NOT NULL,
        locked_until INTEGER NOT NULL
    ) WITHOUT ROWID;
"];

/// The version that this program writes.
pub(super) const LATEST: i64 = 6;

/// Brings the database to [`LATEST`] from the version it has.
pub(super) fn apply(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let from = usize::try_from(found).unwrap_or(0);
    for (step, sql) in (1..=LATEST).zip(STEPS).skip(from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", step)?;
        transaction.commit()?;
    }
    Ok(())
}
