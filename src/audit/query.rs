//! How the trail is read back.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::chain::{Head, Report};
use super::compliance::Counts;
use super::record::{AuditRecord, RecordKind, Status};
use super::redact::derive;
use crate::domain::{ActionId, AuditId, Secret, Timestamp};

/// Which records are wanted; an empty filter wants all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<RecordKind>,
    /// About this agent.
    pub agent_id: Option<String>,
    /// About this tool or target.
    pub tool: Option<String>,
    /// Of this type of act, or this operation of a change.
    pub action_type: Option<String>,
    /// Decisions that went this way.
    pub status: Option<Status>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// One record for each attempt ([`AuditRecord::is_listed`]), and not the others.
    pub listed: bool,
    /// Not what was allowed.
    pub without_allowed: bool,
    /// With this text in reason or target, whatever its case.
    pub text: Option<String>,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The records, newest first.
    pub records: Vec<AuditRecord>,
    /// How many fit the filter in all.
    pub total: u64,
    /// Where the next page starts, if there is one.
    pub next_cursor: Option<String>,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The cursor is not one of ours, or of another query.
    #[error("`{0}` is not a cursor of this query; start again without one")]
    Cursor(String),
    /// The answer took longer than anybody is to wait.
    #[error("the trail gave no answer within {0:?}: ask for a shorter time, or without `text`")]
    Late(Duration),
    /// The store cannot be read.
    #[error("the audit trail cannot be read: {0}")]
    Unavailable(String),
}

/// Reads the trail; never in the way of its writer.
pub trait TrailReader: Send + Sync {
    /// A page of what fits the filter, newest first.
    ///
    /// # Errors
    /// When the cursor does not fit or the store cannot be read.
    fn query(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, QueryError>;

    /// The record with this number.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, seq: u64) -> Result<Option<AuditRecord>, QueryError>;

    /// The record of this name, whatever number it has.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn named(&self, id: AuditId) -> Result<Option<AuditRecord>, QueryError> {
        let record = self.get(self.place(id))?;
        Ok(record.filter(|record| record.id == id))
    }

    /// The number that a record of this name has, if there is one.
    fn place(&self, id: AuditId) -> u64;

    /// The name of the record with this number, written or not.
    fn name(&self, seq: u64) -> AuditId;

    /// The cursor behind the record with this number.
    fn cursor(&self, seq: u64, filter: &Filter) -> String;

    /// Every record of an attempt, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn action(&self, id: ActionId) -> Result<Vec<AuditRecord>, QueryError>;

    /// What closed these attempts, in any order: outcomes, and changes that are outcomes.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn outcomes(&self, ids: &[ActionId]) -> Result<Vec<AuditRecord>, QueryError>;

    /// The decisions of these attempts, in any order; one that was overtaken by a change has several.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn decisions(&self, ids: &[ActionId]) -> Result<Vec<AuditRecord>, QueryError>;

    /// What was decided since the beginning of the minute of this instant, about this agent or about all.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(&self, since: Timestamp, agent: Option<&str>) -> Result<Counts, QueryError>;

    /// Records from this number on, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn range(&self, from: u64, limit: usize) -> Result<Vec<AuditRecord>, QueryError>;

    /// When the newest record about this agent was written.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn last_seen(&self, agent_id: &str) -> Result<Option<Timestamp>, QueryError>;

    /// The last record of the chain, as the store noted it.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self) -> Result<Head, QueryError>;

    /// The chain's name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn chain(&self) -> Result<Arc<str>, QueryError>;

    /// Checks every record; `progress` hears how many are checked.
    ///
    /// # Errors
    /// When the store cannot be read at all. Records that cannot be read are a finding.
    fn verify_with(&self, progress: &mut dyn FnMut(u64)) -> Result<Report, QueryError>;

    /// Checks some of the records behind this one, which is known to be sealed; its head is then the next to go on
    /// from, and once nothing follows it is the store's own.
    ///
    /// # Errors
    /// As [`TrailReader::verify_with`].
    fn verify_after(&self, verified: Head) -> Result<Report, QueryError>;

    /// Checks every record.
    ///
    /// # Errors
    /// As [`TrailReader::verify_with`].
    fn verify(&self) -> Result<Report, QueryError> {
        self.verify_with(&mut |_| {})
    }
}

/// Makes and reads cursors: a place in the chain, bound to its filter and to the store.
#[derive(Clone)]
pub struct Cursors {
    mac: Hmac<Sha256>,
}

impl Cursors {
    /// The cursors of the store with this key.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic")]
    pub fn new(store_key: &Secret) -> Self {
        let key = derive(store_key, "cursors");
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mac = Hmac::new_from_slice(&key).expect("HMAC takes keys of every length");
        Self { mac }
    }

    /// The cursor behind the record, or whatever else is counted, with this number.
    ///
    /// Filters are told apart by how they print, which begins with the name of their type.
    #[must_use]
    pub fn write(&self, seq: u64, filter: &impl Debug) -> String {
        format!("{seq:x}-{:016x}", self.tag(seq, filter))
    }

    /// The number of the record behind which the next page starts.
    ///
    /// # Errors
    /// When the cursor was not written for this filter.
    pub fn read(&self, cursor: &str, filter: &impl Debug) -> Result<u64, QueryError> {
        let place = cursor
            .split_once('-')
            .and_then(|(seq, _)| u64::from_str_radix(seq, 16).ok())
            .filter(|&seq| self.write(seq, filter) == cursor);
        place.ok_or_else(|| QueryError::Cursor(cursor.chars().take(64).collect()))
    }

    /// The cursor behind the entry of this name, in a list of this scope.
    #[must_use]
    pub fn write_text(&self, name: &str, scope: &str) -> String {
        let tag = self.tag_of(name.as_bytes(), scope);
        format!("{tag:016x}.{name}")
    }

    /// The name of the entry behind which the next page starts.
    ///
    /// # Errors
    /// When the cursor was not written for a list of this scope.
    pub fn read_text(&self, cursor: &str, scope: &str) -> Result<String, QueryError> {
        let name = cursor
            .split_once('.')
            .map(|(_, name)| name)
            .filter(|name| self.write_text(name, scope) == cursor)
            .map(str::to_owned);
        name.ok_or_else(|| QueryError::Cursor(cursor.chars().take(64).collect()))
    }

    fn tag(&self, seq: u64, filter: &impl Debug) -> u64 {
        self.tag_of(&seq.to_be_bytes(), &format!("{filter:?}"))
    }

    fn tag_of(&self, place: &[u8], scope: &str) -> u64 {
        let mut mac = self.mac.clone();
        mac.update(place);
        mac.update(scope.as_bytes());
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        let start: Option<&[u8; 8]> = tag.first_chunk();
        start.map_or(0, |start| u64::from_be_bytes(*start))
    }
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors(..)")
    }
}
