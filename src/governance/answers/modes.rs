//! Modes, grants, lockdown, and the catalogue.

use serde_json::{Value, json};

use super::{effect, mode, object};
use crate::tools::schema::{answer, count, done_and, flag, instant, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "set_mode" => set_mode(),
        "grant_temporary" | "extend_temporary" | "revoke_temporary" => grant(),
        "set_incident_scope" | "clear_incident_scope" => incident_scope(),
        "set_lockdown" => lockdown(),
        "drill_lockdown" => drill(),
        "get_policy_status" => policy_status(),
        "list_tools" => list_tools(),
        "get_mode" => mode_now(),
        "list_mode_changes" => mode_changes(),
        "get_lockdown" => answer(&lockdown_state(), &[]),
        _ => return None,
    })
}

/// A tool's name.
fn tool() -> Value {
    text("A tool")
}

/// `{success, new_mode, allowed_tools[], expires_at, warnings[]?}`
fn set_mode() -> Value {
    answer(
        &json!({
            "success": { "type": "boolean", "const": true },
            "new_mode": mode(),
            "allowed_tools": list(&tool()),
            "expires_at": or_null(&instant()),
            "warnings": list(&text("What to know")),
        }),
        &["warnings"],
    )
}

/// What stands after a change of a temporary grant.
fn grant() -> Value {
    answer(
        &done_and(json!({
            "duration_seconds": count("How long the grant is in all"),
            "reason": text("Why"),
            "current_mode": mode(),
            "base_mode": mode(),
            "expires_at": or_null(&instant()),
            "remaining_seconds": count("What is left of it"),
        })),
        &[],
    )
}

/// The services to which an incident confines repairs.
fn scope() -> Value {
    answer(
        &json!({
            "affected_services": list(&text("A service")),
            "incident_type": text("What kind of incident"),
            "reason": text("Why"),
        }),
        &[],
    )
}

/// What stands after a change of the incident scope.
fn incident_scope() -> Value {
    answer(
        &done_and(json!({ "incident_scope": or_null(&scope()), "current_mode": mode() })),
        &[],
    )
}

/// What stands after a change of lockdown.
fn lockdown() -> Value {
    answer(&done_and(lockdown_state()), &[])
}

/// What a drill found.
fn drill() -> Value {
    answer(
        &done_and(json!({
            "probe_denied": { "type": "boolean", "const": true },
            "earlier_decision_turned_away": { "type": "boolean", "const": true },
            "duration_ms": { "type": "number", "minimum": 0, "description": "How long it took" },
        })),
        &[],
    )
}

/// `GET /policy/status`
fn policy_status() -> Value {
    answer(
        &json!({
            "current_mode": mode(),
            "base_mode": mode(),
            "mode_since": instant(),
            "mode_by": text("Who switched"),
            "mode_reason": text("Why"),
            "mode_expires_at": or_null(&instant()),
            "remaining_seconds": or_null(&count("What is left of the mode")),
            "allowed_tools": list(&tool()),
            "blocked_tools": list(&tool()),
            "modes": list(&mode()),
            "policy_name": text("The bundle's name"),
            "policy_version": count("The live version"),
            "bundle_digest": text("What the version is made of"),
            "auth": text("How callers prove who they are"),
            "mcp_role": one_of(&["agent", "operator", "admin"]),
            "default_decision": one_of(&["deny", "allow"]),
            "lockdown": flag("Whether it is on"),
            "lockdown_reason": or_null(&text("Why it is on")),
            "incident_scope": or_null(&scope()),
            "unhealthy_services": list(&text("A service")),
            "summary": text("A few lines for people"),
            "warnings": list(&text("What to know")),
        }),
        &[],
    )
}

/// `GET /tools/catalog`
fn list_tools() -> Value {
    let hint = || json!({ "type": "boolean" });
    let tool_entry = answer(
        &json!({
            "name": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" },
            "description": text("What it does"),
            "server": text("Who answers it"),
            "category": one_of(&["read-only", "active", "destructive"]),
            "parameters": object("The properties of input_schema"),
            "input_schema": object("JSON Schema of its arguments"),
            "annotations": answer(
                &json!({
                    "readOnlyHint": hint(),
                    "destructiveHint": hint(),
                    "idempotentHint": hint(),
                    "openWorldHint": hint(),
                }),
                &[],
            ),
            "allowed": effect(),
        }),
        &[],
    );
    answer(
        &json!({
            "tools": list(&tool_entry),
            "current_mode": mode(),
            "allowed_in_current_mode": list(&tool()),
        }),
        &[],
    )
}

fn lockdown_state() -> Value {
    json!({
        "lockdown": flag("Whether it is on"),
        "since": instant(),
        "by": text("Who switched"),
        "reason": text("Why"),
    })
}

/// The mode that holds.
fn mode_now() -> Value {
    answer(
        &json!({
            "mode": mode(),
            "base_mode": mode(),
            "since": instant(),
            "by": text("Who switched"),
            "reason": text("Why"),
            "expires_at": or_null(&instant()),
            "remaining_seconds": or_null(&count("What is left of the mode")),
            "temporary": flag("Whether a temporary grant made it"),
            "incident_scope": or_null(&scope()),
        }),
        &[],
    )
}

/// The modes that held.
fn mode_changes() -> Value {
    let change = answer(
        &json!({
            "revision": count("Counts changes"),
            "mode": mode(),
            "base_mode": mode(),
            "since": instant(),
            "by": text("Who switched"),
            "reason": text("Why"),
            "expires_at": or_null(&instant()),
            "temporary": flag("Whether a temporary grant made it"),
            "incident_scope": or_null(&scope()),
        }),
        &[],
    );
    answer(
        &json!({
            "changes": list(&change),
            "count": count("Changes of this page"),
            "next_cursor": or_null(&text("Leads to the next page")),
        }),
        &[],
    )
}
