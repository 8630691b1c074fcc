//! What a store keeps of a record beside its text, to search by.

use super::record::{AuditRecord, RecordKind, Status};
use crate::domain::IdSequence;

/// The searchable parts of a record. All of them are in its text too, and are checked against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns<'a> {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Its kind, by its place in [`RecordKind::ALL`].
    pub kind: i64,
    /// How a decision went, by its place in [`Status::ALL`].
    pub status: Option<i64>,
    /// The agent.
    pub agent: Option<&'a str>,
    /// The tool or target.
    pub tool: Option<&'a str>,
    /// The type of act, or the operation of a change.
    pub action_type: Option<&'a str>,
    /// The counter behind the attempt's name: neighbours in time are neighbours in the index.
    pub action: Option<i64>,
}

impl<'a> Columns<'a> {
    /// The columns of the record.
    #[must_use]
    pub fn of(record: &'a AuditRecord, actions: &IdSequence) -> Self {
        Self {
            at: record.at.as_millis(),
            kind: kind_code(record.kind),
            status: record.status().map(status_code),
            agent: record.principal.as_ref().map(|actor| &*actor.agent_id),
            tool: record.resource.as_deref(),
            action_type: record.action.as_deref(),
            action: record
                .action_id
                .map(|id| actions.counter(id.bits()).cast_signed()),
        }
    }
}

/// The number that stands for the kind.
#[must_use]
pub const fn kind_code(kind: RecordKind) -> i64 {
    kind as i64
}

/// The number that stands for the status.
#[must_use]
pub const fn status_code(status: Status) -> i64 {
    status as i64
}
