//! What incidents need from a store. It only reads: every change rides with its record.

use std::collections::BTreeMap;

use super::StoreFailure;
use crate::audit::AuditRecord;
use crate::domain::{AgentId, Incident, IncidentStatus, IncidentType, Severity, Timestamp};

/// Which incidents are wanted; an empty filter wants all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Dealt with so far.
    pub status: Option<IncidentStatus>,
    /// So bad.
    pub severity: Option<Severity>,
    /// Of this type.
    pub kind: Option<IncidentType>,
    /// About this agent.
    pub agent_id: Option<AgentId>,
    /// Reported by this agent or about it; set for callers who see no others.
    pub visible_to: Option<AgentId>,
}

/// A page of incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The incidents, newest first.
    pub incidents: Vec<Incident>,
    /// How many fit the filter in all.
    pub total: u64,
    /// Where the next page starts, if there is one.
    pub next_cursor: Option<String>,
}

/// How things stand, for compliance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// How many were opened in the time that was asked for.
    pub total: u64,
    /// How many are not resolved, whenever they were opened.
    pub open: u64,
    /// How many of those are critical.
    pub open_critical: u64,
    /// How many of `total` are so bad; every severity is named.
    pub by_severity: BTreeMap<Severity, u64>,
    /// The newest of `total`, at most ten.
    pub recent: Vec<Incident>,
}

/// Reads incidents, and of the trail what they are counted from.
pub trait IncidentStore: Send + Sync {
    /// The incident with this number.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, number: u64) -> Result<Option<Incident>, StoreFailure>;

    /// The highest number that was given; 0 when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn last_number(&self) -> Result<u64, StoreFailure>;

    /// A page of what fits the filter, newest first.
    ///
    /// # Errors
    /// When the cursor does not fit or the store cannot be read.
    fn page(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreFailure>;

    /// How things stand for whom `visible_to` names, or for everybody.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn summary(
        &self,
        visible_to: Option<&AgentId>,
        since: Option<Timestamp>,
    ) -> Result<Summary, StoreFailure>;

    /// How many incidents are not resolved, by severity in the order of [`Severity::ALL`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn open(&self) -> Result<[u64; 4], StoreFailure>;

    /// The incidents that changed since then, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn touched_since(&self, since: Timestamp) -> Result<Vec<Incident>, StoreFailure>;

    /// Where the unbroken run of records since then begins, of those that [`IncidentStore::telling`] tells: one behind
    /// the last of them that is older.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn first_record_since(&self, since: Timestamp) -> Result<u64, StoreFailure>;

    /// Of these records the denials, and the suspensions and reinstatements of agents, oldest first; at most `limit` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn telling(&self, from: u64, to: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreFailure>;
}
