//! What a store keeps of a record beside its text, to search by.

use super::record::{AuditRecord, RecordKind, Status};
use crate::domain::{ActionId, IdSequence};

/// What stands for a status or an attempt that a record does not have.
///
/// Never NULL: SQLite reads several encodings as NULL, and a changed byte among them would not show.
pub const NONE: i64 = -1;

/// The searchable parts of a record. All of them are in its text too, and are checked against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns<'a> {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Its kind, by its place in [`RecordKind::ALL`].
    pub kind: i64,
    /// How a decision went, by its place in [`Status::ALL`], or [`NONE`].
    pub status: i64,
    /// The agent, or nothing.
    pub agent: &'a str,
    /// The tool or target, or nothing.
    pub tool: &'a str,
    /// The type of act, or the operation of a change, or nothing.
    pub action_type: &'a str,
    /// The counter behind the attempt's name, or [`NONE`]: neighbours in time are neighbours in the index.
    pub action: i64,
    /// 1 if the record stands for its attempt in lists, else 0.
    pub listed: i64,
}

impl<'a> Columns<'a> {
    /// The columns of the record.
    #[must_use]
    pub fn of(record: &'a AuditRecord, actions: &IdSequence) -> Self {
        Self {
            at: record.at.as_millis(),
            kind: kind_code(record.kind),
            status: record.status().map_or(NONE, status_code),
            agent: record
                .principal
                .as_ref()
                .map_or("", |actor| &*actor.agent_id),
            tool: record.resource.as_deref().unwrap_or_default(),
            action_type: record.action.as_deref().unwrap_or_default(),
            action: record.action_id.map_or(NONE, |id| action_code(id, actions)),
            listed: i64::from(record.is_listed()),
        }
    }
}

/// The number that stands for the attempt.
#[must_use]
pub fn action_code(id: ActionId, actions: &IdSequence) -> i64 {
    actions.counter(id.bits()).cast_signed()
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
