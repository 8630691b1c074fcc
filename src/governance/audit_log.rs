//! Tools `get_audit_log`, `verify_audit`: the trail, read and verified (`spec/governance.md`, 4).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit::{Filter, RecordKind, Status, TrailReader};
use crate::decision_point::Ask;
use crate::domain::{Role, Roles, Timestamp, ToolClass};
use crate::tools::{Fault, Output, Permit, ToolDefinition, ToolError};

use super::audit_entry::entries;
use super::reading::{self, Scope, apart, no_span, span};
use super::{Governance, count, mendable, schemas, text};

/// How far back a list reaches that does not say how far.
const SPAN: &str = "24h";
/// What of an answer may be entries, in bytes of JSON: an answer beyond 1 MiB would be withheld whole.
const ROOM: usize = 900 * 1024;

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let auditor = Roles::any_of(&[Role::Auditor]);
    let name = |about: &str| json!({ "type": "string", "maxLength": 512, "description": about });
    let schema = schemas::object(
        &json!({
            "agent_id": name("Only this agent"),
            "action_type": name("Only this type: tool_call, mode_change, …"),
            "tool": name("Only this tool or target"),
            "status": { "type": "string", "enum": ["allowed", "denied", "pending"], "description": "Only what was decided so" },
            "include_allowed": { "type": "boolean", "default": true, "description": "false: only what was denied or waits" },
            "time_range": name("How far back, as 30m, 24h or 7d; 24h if absent. Not with since"),
            "since": name("RFC 3339 instant, inclusive; instead of time_range"),
            "until": name("RFC 3339 instant, exclusive"),
            "text": name("Part of the reason or the target"),
            "limit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "How many, newest first; fewer if they are long" },
            "cursor": name("next_cursor of the page before"),
            "view": { "type": "string", "enum": ["entries", "records"], "description": "entries, one for each attempt; or, for auditors, the records as they are chained" },
            "kind": { "type": "string", "enum": ["decision", "outcome", "change", "access", "refused"], "description": "Only this kind of record; with view=records" },
        }),
        &[],
    );
    vec![
        ToolDefinition::gateway("get_audit_log", ToolClass::Read, "Reads the audit trail, newest first: who asked for what, what was decided by which rule, what came of it. Agents see their own lines, auditors all.", schema).safe(),
        ToolDefinition::gateway("verify_audit", ToolClass::Read, "Verifies the whole audit chain and names the first record that is wrong.", schemas::nothing()).needs(auditor).safe(),
    ]
}

/// What a call asks for.
struct Asked {
    filter: Filter,
    view: View,
    limit: usize,
    cursor: Option<String>,
    /// The span that `since` was reckoned from, if it was.
    time_range: Option<String>,
    applied: Vec<String>,
}

/// What a list is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Entries,
    Records,
}

pub(super) async fn query(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let scope = Scope::of(permit);
    let asked = asked(permit, &scope, governance.gate().clock().now())?;
    governance.decision_point.write_repeats();
    let inspector = Arc::clone(&governance.inspector);
    let (named, own) = (text(permit, "agent_id"), scope.agent());
    let nothing = own.is_some_and(|own| named.is_some_and(|named| named != own));
    let answer = apart(move || {
        let reader = &**inspector.reader();
        let mut answer = if nothing {
            json!({ "entries": [], "count": 0, "total": 0, "next_cursor": null })
        } else {
            page(reader, &asked)?
        };
        if let Value::Object(members) = &mut answer {
            let mut set = |name: &str, value| drop(members.insert(name.to_owned(), value));
            set("time_range", json!(asked.time_range));
            set("filters_applied", json!(asked.applied));
            set("scope", json!(scope.as_str()));
            set("chain", reading::chain(&inspector)?);
        }
        Ok(answer)
    });
    Ok(Output::of(answer.await?))
}

/// A page of what was asked for.
fn page(reader: &dyn TrailReader, asked: &Asked) -> Result<Value, crate::audit::QueryError> {
    let filter = &asked.filter;
    let page = reader.query(filter, asked.cursor.as_deref(), asked.limit)?;
    let mut shown: Vec<Value> = match asked.view {
        View::Entries => entries(reader, &page.records)?,
        View::Records => page.records.iter().map(|record| json!(record)).collect(),
    };
    let fitting = fitting(&shown);
    let next = match page.records.get(fitting.saturating_sub(1)) {
        Some(last) if fitting < shown.len() => Some(reader.cursor(last.seq, filter)),
        Some(_) | None => page.next_cursor,
    };
    shown.truncate(fitting);
    Ok(json!({
        "entries": shown,
        "count": shown.len(),
        "total": page.total,
        "next_cursor": next.map(|cursor| outer_cursor(&cursor, asked)),
    }))
}

/// How many of them fit into an answer; always one, which is never too long.
fn fitting(shown: &[Value]) -> usize {
    let mut room = ROOM;
    let fits = |entry: &&Value| {
        let left = room.checked_sub(entry.to_string().len());
        room = left.unwrap_or(0);
        left.is_some()
    };
    shown
        .iter()
        .take_while(fits)
        .count()
        .max(1)
        .min(shown.len())
}

pub(super) async fn verify(governance: &Governance) -> Result<Output, ToolError> {
    let inspector = Arc::clone(&governance.inspector);
    let report = apart(move || inspector.verify()).await?;
    Ok(Output::of(json!(report)))
}

fn asked(permit: &Permit, scope: &Scope, now: Timestamp) -> Result<Asked, ToolError> {
    let view = match text(permit, "view") {
        Some("records") => View::Records,
        Some(_) | None => View::Entries,
    };
    if view == View::Entries && text(permit, "kind").is_some() {
        return Err(mendable(
            Fault::Value,
            "invalid_kind",
            "kind: entries are of no kind, records are",
            "leave it out, or ask with view=records",
        ));
    }
    let own = |name| text(permit, name).map(str::to_owned);
    let mut filter = Filter {
        kind: text(permit, "kind").and_then(RecordKind::parse),
        agent_id: scope.agent().map(str::to_owned).or_else(|| own("agent_id")),
        action_type: own("action_type"),
        tool: own("tool"),
        status: text(permit, "status").and_then(Status::parse),
        since: instant(permit, "since")?,
        until: instant(permit, "until")?,
        listed: view == View::Entries,
        without_allowed: permit.arguments().get("include_allowed") == Some(&Value::Bool(false)),
        text: own("text"),
    };
    let applied = applied(permit, scope);
    let mut cursor = own("cursor");
    let mut time_range = own("time_range");
    if filter.since.is_none() {
        if view == View::Entries {
            time_range.get_or_insert_with(|| SPAN.to_owned());
        }
        if let Some(given) = &time_range {
            let span = span(given)
                .ok_or_else(|| no_span(given, "write minutes, hours or days: 30m, 24h, 7d"))?;
            let end = filter.until.unwrap_or(now);
            filter.since = Some(end.minus(span));
            if let Some((since, inner)) = cursor.as_deref().and_then(inner_cursor) {
                filter.since = Some(since);
                cursor = Some(inner);
            }
        }
    } else if time_range.take().is_some() {
        return Err(mendable(
            Fault::Value,
            "invalid_time_range",
            "time_range and since both say where to begin",
            "give one of them",
        ));
    }
    Ok(Asked {
        filter,
        view,
        limit: count(permit, "limit")
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(100),
        cursor,
        time_range,
        applied,
    })
}

/// The roles that a call needs for what it asks to see: whole records are for those who may read everything.
pub(super) fn needs_to_read(ask: &Ask) -> Roles {
    match ask.arguments.0.get("view") {
        Some(view) if view == "records" => Roles::of(&[Role::Auditor]),
        Some(_) | None => Roles::NONE,
    }
}

fn instant(permit: &Permit, name: &'static str) -> Result<Option<Timestamp>, ToolError> {
    let Some(given) = text(permit, name) else {
        return Ok(None);
    };
    Timestamp::parse(given).map(Some).ok_or_else(|| {
        let message = format!("{name}: `{}` is not an instant", given.escape_debug());
        mendable(Fault::Value, name, message, "write 2026-01-31T09:00:00Z")
    })
}

/// The filters in force, in words.
fn applied(permit: &Permit, scope: &Scope) -> Vec<String> {
    const NAMES: [&str; 7] = [
        "action_type",
        "tool",
        "kind",
        "status",
        "since",
        "until",
        "text",
    ];
    let mut applied = Vec::new();
    if let Some(agent) = text(permit, "agent_id").or(scope.agent()) {
        applied.push(format!("agent_id={agent}"));
    }
    let given = |name: &&str| Some(format!("{name}={}", text(permit, name)?));
    applied.extend(NAMES.iter().filter_map(given));
    if permit.arguments().get("include_allowed") == Some(&Value::Bool(false)) {
        applied.push("include_allowed=false".to_owned());
    }
    if applied.is_empty() {
        applied.push("none".to_owned());
    }
    applied
}

/// A cursor keeps where a span began: the pages of one list are of one window, though time goes on.
fn outer_cursor(inner: &str, asked: &Asked) -> String {
    let since = asked.filter.since.filter(|_| asked.time_range.is_some());
    since.map_or_else(
        || inner.to_owned(),
        |since| format!("{:x}.{inner}", since.as_millis()),
    )
}

/// Where the span began, and the cursor within it. Whether they belong together shows when the cursor is read.
fn inner_cursor(cursor: &str) -> Option<(Timestamp, String)> {
    let (since, inner) = cursor.split_once('.')?;
    let since = i64::from_str_radix(since, 16).ok()?;
    Some((Timestamp::from_millis(since), inner.to_owned()))
}
