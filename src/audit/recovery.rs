//! What an earlier run left behind.

use serde_json::{Map, Value};

use super::entry::Entry;
use super::error::AuditError;
use super::ids::Ids;
use super::record::OutcomeStatus;
use super::scribe::{ChangeNote, Scribe};
use super::store::{Marks, StoreFault, Trail};
use crate::domain::{ActionId, Timestamp};

/// What was found at start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Attempts that were decided but whose end nobody saw; closed as `unknown`.
    pub closed: Vec<ActionId>,
    /// When the last record was written; a clock that is behind cannot be trusted with expiries.
    pub last_at: Option<Timestamp>,
    /// Whether the last run ended with a `stop` record, or there was none.
    pub clean: bool,
    /// Whether it ended in the middle of a commit, whose beginning was cut off; nobody was told of it.
    pub torn: bool,
}

/// Closes what an earlier run left open, and reserves the first ids.
pub(super) fn recover(
    trail: &mut Trail,
    scribe: &Scribe,
    ids: &Ids,
) -> Result<Recovery, AuditError> {
    let last = trail.store.last_record().map_err(fault)?;
    let clean = last
        .as_ref()
        .is_none_or(|record| record.action.as_deref() == Some("stop"))
        && !trail.torn;
    let intents = trail.store.open_intents().map_err(fault)?;
    let closed: Vec<ActionId> = intents
        .iter()
        .filter_map(|intent| intent.action_id)
        .collect();
    let mut entries: Vec<Entry> = intents
        .iter()
        .map(|intent| {
            let record = scribe.closing(
                intent,
                OutcomeStatus::Unknown,
                "the gateway ended before the outcome was recorded",
            );
            Entry::new(record, Vec::new())
        })
        .collect();
    if !clean {
        let mut details = Map::new();
        details.insert("torn_tail".to_owned(), Value::from(trail.torn));
        details.insert("unknown_outcomes".to_owned(), Value::from(closed.len()));
        let note = ChangeNote {
            operation: "recovery",
            by: "gateway".to_owned(),
            details,
        };
        entries.push(Entry::new(scribe.change(&note, None), Vec::new()));
    }
    let reserved = ids.wanted();
    let marks = Marks {
        settled_before: trail.store.marks().settled_before,
        actions_reserved: reserved,
    };
    trail.store.append(&mut entries, marks).map_err(fault)?;
    let synced = trail.sync.sync();
    synced.map_err(|error| AuditError::Broken(error.to_string()))?;
    ids.written(reserved);
    Ok(Recovery {
        closed,
        last_at: last.map(|record| record.at),
        clean,
        torn: trail.torn,
    })
}

fn fault(fault: StoreFault) -> AuditError {
    match fault {
        StoreFault::Refused(why) => AuditError::Unavailable(why),
        StoreFault::Broken(why) => AuditError::Broken(why),
    }
}
