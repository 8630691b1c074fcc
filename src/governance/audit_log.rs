//! Tools `get_audit_log`, `verify_audit`: the trail, read and verified.

use std::sync::Arc;

use serde_json::json;

use crate::audit::{Filter, RecordKind, Status};
use crate::domain::{Role, Roles, Timestamp, ToolClass};
use crate::tools::{Fault, Output, Permit, ToolDefinition, ToolError};

use super::{Governance, count, cursor, mendable, schemas, text};

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let auditor = Roles::any_of(&[Role::Auditor]);
    let name = |about: &str| json!({ "type": "string", "maxLength": 512, "description": about });
    let schema = schemas::object(
        &json!({
            "agent_id": name("Only this agent"),
            "action_type": name("Only this type: tool_call, mode_change, …"),
            "tool": name("Only this tool or target"),
            "kind": { "type": "string", "enum": ["decision", "outcome", "change", "access", "refused"], "description": "Only this kind of record" },
            "status": { "type": "string", "enum": ["allowed", "denied", "pending"], "description": "Only decisions that went so" },
            "since": name("RFC 3339 instant, inclusive"),
            "until": name("RFC 3339 instant, exclusive"),
            "text": name("Part of the reason or the target"),
            "limit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "How many, newest first" },
            "cursor": name("next_cursor of the page before"),
        }),
        &[],
    );
    vec![
        ToolDefinition::gateway("get_audit_log", ToolClass::Read, "Reads the audit trail, newest first: who asked for what, what was decided by which rule, what came of it.", schema).needs(auditor).safe(),
        ToolDefinition::gateway("verify_audit", ToolClass::Read, "Verifies the whole audit chain and names the first record that is wrong.", schemas::nothing()).needs(auditor).safe(),
    ]
}

pub(super) async fn query(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let filter = filter(permit)?;
    let limit = count(permit, "limit")
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(100);
    let start = text(permit, "cursor").map(str::to_owned);
    let reader = Arc::clone(&governance.reader);
    let page = apart(move || reader.query(&filter, start.as_deref(), limit))
        .await?
        .map_err(cursor)?;
    let entries = &page.records;
    Ok(Output::of(json!({
        "entries": entries,
        "count": entries.len(),
        "total": page.total,
        "next_cursor": page.next_cursor,
    })))
}

pub(super) async fn verify(governance: &Governance) -> Result<Output, ToolError> {
    let reader = Arc::clone(&governance.reader);
    let report = apart(move || reader.verify()).await?.map_err(cursor)?;
    Ok(Output::of(json!(report)))
}

/// Runs what reads much from disk on a thread of its own kind, so that calls go on.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ToolError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|fault| ToolError::Unavailable(fault.to_string()))
}

fn filter(permit: &Permit) -> Result<Filter, ToolError> {
    let own = |name| text(permit, name).map(str::to_owned);
    let instant = |name: &'static str| match text(permit, name) {
        None => Ok(None),
        Some(given) => Timestamp::parse(given).map(Some).ok_or_else(|| {
            mendable(
                Fault::Value,
                name,
                format!("`{name}` is not an instant: {given}"),
                "write 2026-01-31T09:00:00Z",
            )
        }),
    };
    Ok(Filter {
        kind: text(permit, "kind").and_then(RecordKind::parse),
        agent_id: own("agent_id"),
        action_type: own("action_type"),
        tool: own("tool"),
        status: text(permit, "status").and_then(Status::parse),
        since: instant("since")?,
        until: instant("until")?,
        text: own("text"),
    })
}
