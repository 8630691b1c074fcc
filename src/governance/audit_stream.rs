//! Tool `stream_audit`: what was recorded behind a record, a piece at a time.
//!
//! A stream is made of such calls (`transport/rest/stream.rs`), each with its own decision: whoever loses the right
//! to read loses the stream with it.

use serde_json::{Value, json};

use crate::audit::{AuditRecord, QueryError, TrailReader};
use crate::domain::{AuditId, ToolClass};
use crate::tools::{Fault, Output, Permit, ToolDefinition, ToolError};

use super::reading::{Scope, apart};
use super::{Governance, count, mendable, schemas, text};

/// The most records of a piece.
const PIECE: u64 = 500;
/// What of an answer may be records, in bytes of JSON.
const ROOM: usize = 512 * 1024;

pub(super) fn definition() -> ToolDefinition {
    let schema = schemas::object(
        &json!({
            "after": { "type": "string", "maxLength": 64, "description": "The id of the record to go on behind; only what is recorded from now on if absent" },
            "limit": { "type": "integer", "minimum": 0, "maximum": PIECE, "description": "How many records to look at; 0 tells how far behind the reader is" },
        }),
        &[],
    );
    ToolDefinition::gateway("stream_audit", ToolClass::Read, "Reads what was recorded behind a record, oldest first; `position` is where to go on. Agents see their own records, auditors all.", schema).safe()
}

pub(super) async fn read(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let after = text(permit, "after").map(AuditId::parse).transpose();
    let after = after.map_err(|fault| {
        mendable(
            Fault::Value,
            "invalid_entry_id",
            fault.to_string(),
            "send the id of the last record that came, or none",
        )
    })?;
    let limit = count(permit, "limit").unwrap_or(PIECE);
    let limit = usize::try_from(limit).unwrap_or(0);
    let scope = Scope::of(permit);
    let reader = governance.reader();
    let piece = apart(move || piece(&*reader, after, limit, &scope)).await?;
    piece.map(Output::of).ok_or_else(|| {
        mendable(
            Fault::Missing,
            "entry_not_found",
            "there is no such record to go on behind",
            "leave the id out to begin with what is recorded from now on",
        )
    })
}

/// The records behind this one that are to be seen, and where to go on; `None` when the record was never written.
fn piece(
    reader: &dyn TrailReader,
    after: Option<AuditId>,
    limit: usize,
    scope: &Scope,
) -> Result<Option<Value>, QueryError> {
    let head = reader.head()?.seq;
    let begin = after.map_or(head, |id| reader.place(id));
    if begin > head {
        return Ok(None);
    }
    let records = match limit {
        0 => Vec::new(),
        limit => reader.range(begin + 1, limit)?,
    };
    let mut room = ROOM;
    let mut position = begin;
    let mut shown: Vec<&AuditRecord> = Vec::new();
    for record in &records {
        if scope.shows(record) {
            let size = json!(record).to_string().len();
            match room.checked_sub(size) {
                Some(left) => room = left,
                None if shown.is_empty() => room = 0,
                None => break,
            }
            shown.push(record);
        }
        position = record.seq;
    }
    Ok(Some(json!({
        "records": shown,
        "position": reader.name(position),
        "behind": head.saturating_sub(position),
        "scope": scope.as_str(),
    })))
}
