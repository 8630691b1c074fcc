//! Versions of the policy: what was activated when, and which runtime policies each version has.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::super::error::StoreError;
use super::state::{States, follows};
use crate::audit::{Conflict, PolicyVersion, Release};
use crate::domain::{Digest, PolicyId};
use crate::policy_admin::{PastRelease, PolicyStep, ReleaseStore, ReleasesUnread};

/// What a release is read from.
const RELEASE: &str = "SELECT version, digest, name, author, reason, parent, content FROM releases";

pub(super) fn activate(
    connection: &Connection,
    release: &Release,
) -> rusqlite::Result<Result<(), Conflict>> {
    let latest = "SELECT max(version) FROM releases";
    if let Err(conflict) = follows(connection, "policy", latest, release.version)? {
        return Ok(Err(conflict));
    }
    connection
        .prepare_cached("INSERT INTO releases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute((
            release.version.cast_signed(),
            release.digest.to_string(),
            &release.name,
            &release.author,
            &release.reason,
            release.parent.map(u64::cast_signed),
            &release.content,
        ))?;
    Ok(Ok(()))
}

/// Keeps a runtime policy from its version on.
pub(super) fn put(
    connection: &Connection,
    policy: &PolicyVersion,
) -> rusqlite::Result<Result<(), Conflict>> {
    connection
        .prepare_cached("INSERT INTO policy_versions VALUES (?1, ?2, ?3)")?
        .execute((
            policy.id.as_str(),
            policy.version.cast_signed(),
            &policy.document,
        ))?;
    Ok(Ok(()))
}

impl States {
    /// The policy version in force, if one was ever activated.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn latest_release(&self) -> Result<Option<Release>, StoreError> {
        let sql = "SELECT version, digest, name, author, reason, parent, content FROM releases \
            ORDER BY version DESC LIMIT 1";
        let release = self.connection().query_row(sql, (), release).optional()?;
        release.transpose()
    }

    /// The activated versions before this one, newest first, without their texts.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn past_releases(&self, before: u64, limit: u32) -> Result<Vec<PastRelease>, StoreError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let releases: Vec<Release> = {
            let connection = self.connection();
            // Of the texts one character tells whether there are some.
            let sql = "SELECT version, digest, name, author, reason, parent, substr(content, 1, 1) \
                FROM releases WHERE version < ?1 ORDER BY version DESC LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map((before, limit), release)?;
            rows.map(|row| row?).collect::<Result<_, _>>()?
        };
        let past = |release: Release| {
            Ok(PastRelease {
                changed: self.steps(release.version)?,
                version: release.version,
                digest: release.digest,
                name: release.name,
                author: release.author,
                reason: release.reason,
                parent: release.parent,
                files_changed: !release.content.is_empty(),
            })
        };
        releases.into_iter().map(past).collect()
    }

    /// What became of runtime policies in this version, by id.
    fn steps(&self, version: u64) -> Result<Vec<(PolicyId, PolicyStep)>, StoreError> {
        let connection = self.connection();
        let sql = "SELECT id, document IS NOT NULL, \
            (SELECT before.document IS NOT NULL FROM policy_versions before WHERE before.id = this.id \
             AND before.version < this.version ORDER BY before.version DESC LIMIT 1) \
            FROM policy_versions this WHERE version = ?1 ORDER BY id";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([version.cast_signed()], |row| {
            let was = row.get::<_, Option<bool>>(2)?.unwrap_or(false);
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, was))
        })?;
        rows.map(|row| {
            let (id, is, was) = row?;
            let step = match (was, is) {
                (false, true) => PolicyStep::Created,
                (true, true) => PolicyStep::Updated,
                (_, false) => PolicyStep::Deleted,
            };
            Ok((policy_id(&id)?, step))
        })
        .collect()
    }

    /// The files of this version: those of the last version up to it that brought some.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn release_files(&self, version: u64) -> Result<Option<String>, StoreError> {
        let sql = "SELECT content FROM releases WHERE version <= ?1 AND content <> '' \
            ORDER BY version DESC LIMIT 1";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let found = statement.query_row([version.cast_signed()], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// This version, if it was activated.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn release(&self, version: u64) -> Result<Option<Release>, StoreError> {
        let sql = format!("{RELEASE} WHERE version = ?1");
        let row = self
            .connection()
            .query_row(&sql, [version.cast_signed()], release);
        row.optional()?.transpose()
    }

    /// The runtime policies that this version has, as they were given, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn runtime_policies(&self, version: u64) -> Result<Vec<(PolicyId, String)>, StoreError> {
        let connection = self.connection();
        // SQLite takes the other columns of the row that has the maximum.
        let sql = "SELECT id, max(version), document FROM policy_versions WHERE version <= ?1 \
            GROUP BY id HAVING document IS NOT NULL ORDER BY id";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([version.cast_signed()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?))
        })?;
        rows.map(|row| {
            let (id, document) = row?;
            Ok((policy_id(&id)?, document))
        })
        .collect()
    }
}

impl ReleaseStore for States {
    fn release(&self, version: u64) -> Result<Option<Release>, ReleasesUnread> {
        Self::release(self, version).map_err(unread)
    }

    fn history(&self, before: u64, limit: u32) -> Result<Vec<PastRelease>, ReleasesUnread> {
        self.past_releases(before, limit).map_err(unread)
    }

    fn files(&self, version: u64) -> Result<Option<String>, ReleasesUnread> {
        self.release_files(version).map_err(unread)
    }

    fn runtime_policies(&self, version: u64) -> Result<Vec<(PolicyId, String)>, ReleasesUnread> {
        Self::runtime_policies(self, version).map_err(unread)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unread(fault: StoreError) -> ReleasesUnread {
    ReleasesUnread(fault.to_string())
}

fn policy_id(text: &str) -> Result<PolicyId, StoreError> {
    PolicyId::parse(text).map_err(|fault| StoreError::Corrupt {
        what: "runtime policy",
        why: fault.to_string(),
    })
}

fn release(row: &Row<'_>) -> rusqlite::Result<Result<Release, StoreError>> {
    let digest: String = row.get(1)?;
    let Some(digest) = Digest::parse(&digest) else {
        return Ok(Err(StoreError::Corrupt {
            what: "policy version",
            why: format!("`{digest}` is no digest"),
        }));
    };
    Ok(Ok(Release {
        version: row.get::<_, i64>(0)?.cast_unsigned(),
        digest,
        name: row.get(2)?,
        author: row.get(3)?,
        reason: row.get(4)?,
        parent: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
        content: row.get(6)?,
    }))
}
