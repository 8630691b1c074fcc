//! Tool `get_audit_entry`, and the shape of an entry: one for each attempt, whatever became of it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::audit::{AuditRecord, QueryError, RecordKind, Status, TrailReader};
use crate::domain::{ActionId, AuditId, ToolClass};
use crate::tools::{Fault, Output, Permit, ToolDefinition, ToolError};

use super::reading::{Scope, apart};
use super::{Governance, mendable, schemas, text};

/// What changes are about that name nothing else.
const GATEWAY: &str = "gateway";

pub(super) fn definition() -> ToolDefinition {
    let schema = schemas::object(
        &json!({ "entry_id": { "type": "string", "maxLength": 64, "description": "The entry, aud_ and 12 hex digits" } }),
        &["entry_id"],
    );
    ToolDefinition::gateway("get_audit_entry", ToolClass::Read, "Reads one entry of the audit trail with the records that it is made of. Agents read their own.", schema).safe()
}

pub(super) async fn get(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let given = text(permit, "entry_id").unwrap_or_default();
    let id = AuditId::parse(given).map_err(|fault| {
        mendable(
            Fault::Value,
            "invalid_entry_id",
            fault.to_string(),
            "take it from a list",
        )
    })?;
    let scope = Scope::of(permit);
    let reader = governance.reader();
    let found = apart(move || find(&*reader, id, &scope)).await?;
    found.map(Output::of).ok_or_else(|| {
        mendable(
            Fault::Missing,
            "entry_not_found",
            format!("there is no entry `{id}`"),
            "take it from a list; agents see their own entries only",
        )
    })
}

/// The entry of this name with its records, if it is there to be seen.
fn find(reader: &dyn TrailReader, id: AuditId, scope: &Scope) -> Result<Option<Value>, QueryError> {
    let Some(record) = reader.named(id)?.filter(|record| scope.shows(record)) else {
        return Ok(None);
    };
    let mut records = match record.action_id {
        Some(action) => reader.action(action)?,
        None => vec![record.clone()],
    };
    records.retain(|record| scope.shows(record));
    let listed = if record.is_listed() {
        Some(&record)
    } else {
        records.iter().find(|record| record.is_listed())
    };
    let entry = listed.map(|record| {
        let others: Vec<&AuditRecord> = records.iter().collect();
        entry(record, companion(record, &others))
    });
    Ok(Some(json!({ "entry": entry, "records": records })))
}

/// The entries of listed records, each with what belongs to it.
pub(super) fn entries(
    reader: &dyn TrailReader,
    listed: &[AuditRecord],
) -> Result<Vec<Value>, QueryError> {
    let ids = |kinds: &[RecordKind]| -> Vec<ActionId> {
        let wanted = listed
            .iter()
            .filter(|record| kinds.contains(&record.kind) && has_companion(record));
        wanted.filter_map(|record| record.action_id).collect()
    };
    let mut found = reader.outcomes(&ids(&[RecordKind::Decision]))?;
    found.extend(reader.decisions(&ids(&[RecordKind::Change, RecordKind::Outcome]))?);
    let mut of_action: HashMap<ActionId, Vec<&AuditRecord>> = HashMap::new();
    for record in &found {
        if let Some(action) = record.action_id {
            of_action.entry(action).or_default().push(record);
        }
    }
    let entry = |record: &AuditRecord| {
        let others = record.action_id.and_then(|action| of_action.get(&action));
        entry(record, others.and_then(|others| companion(record, others)))
    };
    Ok(listed.iter().map(entry).collect())
}

/// Whether something else of the same attempt belongs into the entry.
fn has_companion(record: &AuditRecord) -> bool {
    record.kind != RecordKind::Decision || record.is_intent()
}

/// What belongs to the record: what closed the decision, or the decision that led to what came of it.
///
/// An attempt that a change overtook was decided again, so the nearest one is meant.
fn companion<'a>(record: &AuditRecord, others: &[&'a AuditRecord]) -> Option<&'a AuditRecord> {
    let mut others = others.iter().copied();
    match record.kind {
        RecordKind::Decision => others
            .filter(|other| other.closes_intent() && other.seq > record.seq)
            .min_by_key(|other| other.seq),
        RecordKind::Outcome | RecordKind::Change => {
            others.rfind(|other| other.kind == RecordKind::Decision && other.seq < record.seq)
        }
        RecordKind::Access | RecordKind::Refused => None,
    }
}

/// The entry that stands for an attempt (`spec/governance.md`, 4).
fn entry(record: &AuditRecord, companion: Option<&AuditRecord>) -> Value {
    let (decision, closing) = match record.kind {
        RecordKind::Decision => (Some(record), companion),
        RecordKind::Outcome | RecordKind::Change | RecordKind::Access | RecordKind::Refused => {
            (companion, Some(record))
        }
    };
    // The outcome of a call says nothing of its arguments; a change says more than they do.
    let said = if record.arguments.is_some() {
        record
    } else {
        decision.unwrap_or(record)
    };
    let actor = record.principal.as_ref();
    let ruling = decision.and_then(|decision| decision.decision.as_ref());
    let mut entry = json!({
        "entry_id": record.id,
        "seq": record.seq,
        "action_id": record.action_id,
        "timestamp": record.at,
        "agent_id": actor.map(|actor| &actor.agent_id),
        "acted_by": actor.and_then(|actor| actor.acted_by.as_ref()),
        "door": record.door,
        "action": {
            "type": record.action,
            "target": record.resource.as_deref().unwrap_or(GATEWAY),
            "parameters": said.arguments,
            "parameters_digest": said.arguments_digest,
            "context": ruling.and_then(|ruling| ruling.stated.clone()).unwrap_or_default(),
        },
        "evaluation": evaluation(record, decision),
        "outcome": closing.map(outcome),
        "correlation_id": record.correlation_id,
    });
    if let (Some(ruling), Value::Object(entry)) = (ruling, &mut entry) {
        if let Some(asked_by) = &ruling.asked_by {
            entry.insert("asked_by".to_owned(), json!(asked_by));
        }
        if let Some(count) = ruling.count {
            entry.insert("count".to_owned(), json!(count));
        }
        if ruling.simulated {
            entry.insert("simulated".to_owned(), json!(true));
        }
    }
    entry
}

/// What was decided. What the gateway did by itself was decided by nobody, and is shown as what it is: done.
fn evaluation(record: &AuditRecord, decision: Option<&AuditRecord>) -> Value {
    let ruling = decision.and_then(|decision| Some((decision, decision.decision.as_ref()?)));
    let Some((decision, ruling)) = ruling else {
        let given = record
            .arguments
            .as_ref()
            .and_then(|details| details.get("reason")?.as_str());
        return json!({
            "allowed": true,
            "require_approval": false,
            "code": null,
            "reason": given.unwrap_or("done by the gateway itself"),
            "policy": null,
            "rule": null,
            "policy_version": record.policy_version,
            "mode": record.mode,
        });
    };
    let rule = ruling.determined_by.as_ref();
    let number = || rule.map(|rule| rule.rule.to_string());
    json!({
        "allowed": decision.status() == Some(Status::Allowed),
        "require_approval": decision.status() == Some(Status::Pending),
        "code": ruling.code,
        "reason": ruling.reason,
        "policy": rule.map(|rule| &rule.policy),
        "rule": rule.and_then(|rule| rule.name.as_deref().map(str::to_owned)).or_else(number),
        "policy_version": decision.policy_version,
        "mode": decision.mode,
    })
}

/// What came of it. A change without an outcome of its own was made, or there were no record of it.
fn outcome(closing: &AuditRecord) -> Value {
    let Some(outcome) = &closing.outcome else {
        return json!({ "status": "ok", "duration_ms": null, "result_digest": null });
    };
    let mut shown = Map::new();
    shown.insert("status".to_owned(), json!(outcome.status));
    shown.insert("duration_ms".to_owned(), json!(outcome.duration_ms));
    shown.insert("result_digest".to_owned(), json!(outcome.result_digest));
    if let Some(error) = &outcome.error {
        shown.insert("error".to_owned(), json!(error));
    }
    Value::Object(shown)
}
