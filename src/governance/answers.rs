//! Output schemas of the gateway's tools, said once.

use serde_json::{Value, json};

use crate::tools::schema::{answer, count, done_and, flag, instant, list, one_of, or_null, text};

/// A mode's name.
fn mode() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,31}$" })
}

/// A tool's name.
fn tool() -> Value {
    text("A tool")
}

/// `{success, new_mode, allowed_tools[], expires_at, warnings[]?}`
pub(super) fn set_mode() -> Value {
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
pub(super) fn grant() -> Value {
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
pub(super) fn incident_scope() -> Value {
    answer(
        &done_and(json!({ "incident_scope": or_null(&scope()), "current_mode": mode() })),
        &[],
    )
}

/// What stands after a change of lockdown.
pub(super) fn lockdown() -> Value {
    answer(
        &done_and(json!({
            "lockdown": flag("Whether it is on"),
            "since": instant(),
            "by": text("Who switched"),
            "reason": text("Why"),
        })),
        &[],
    )
}

/// What a drill found.
pub(super) fn drill() -> Value {
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
pub(super) fn policy_status() -> Value {
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
pub(super) fn list_tools() -> Value {
    let hint = || json!({ "type": "boolean" });
    let tool_entry = answer(
        &json!({
            "name": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" },
            "description": text("What it does"),
            "server": text("Who answers it"),
            "category": one_of(&["read-only", "active", "destructive"]),
            "parameters": { "type": "object", "description": "The properties of input_schema" },
            "input_schema": { "type": "object", "description": "JSON Schema of its arguments" },
            "annotations": answer(
                &json!({
                    "readOnlyHint": hint(),
                    "destructiveHint": hint(),
                    "idempotentHint": hint(),
                    "openWorldHint": hint(),
                }),
                &[],
            ),
            "allowed": one_of(&["allow", "deny", "require_approval"]),
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
