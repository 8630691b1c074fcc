//! The trail.

use serde_json::{Value, json};

use super::{action_id, fault, head, mode, object};
use crate::tools::schema::{answer, count, flag, instant, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "get_audit_log" => log(),
        "get_audit_entry" => answer(
            &json!({
                "entry": or_null(&entry()),
                "records": list(&object("A record, as it is sealed")),
            }),
            &[],
        ),
        "stream_audit" => answer(
            &json!({
                "records": list(&object("A record, as it is sealed")),
                "position": or_null(&entry_id()),
                "behind": count("Records that are not looked at yet"),
                "scope": scope(),
            }),
            &[],
        ),
        "verify_audit" => verification(),
        _ => return None,
    })
}

fn entry_id() -> Value {
    json!({ "type": "string", "pattern": "^aud_[0-9a-f]{12}$" })
}

fn scope() -> Value {
    one_of(&["own", "all"])
}

fn log() -> Value {
    let chain = answer(
        &json!({
            "state": text("What is known of the chain"),
            "verified_to": count("The last record that was verified"),
            "head": head(),
            "first_fault": fault(),
        }),
        &["first_fault"],
    );
    let records = object("A record, as it is sealed (view=records)");
    answer(
        &json!({
            "entries": list(&json!({ "anyOf": [entry(), records] })),
            "count": count("Entries of this page"),
            "total": count("Entries that fit"),
            "next_cursor": or_null(&text("Leads to the next page")),
            "time_range": or_null(&text("How far back")),
            "filters_applied": list(&text("A filter, or none")),
            "scope": scope(),
            "chain": chain,
        }),
        &[],
    )
}

/// One attempt, whatever became of it.
fn entry() -> Value {
    let action = answer(
        &json!({
            "type": or_null(&text("The kind of act")),
            "target": text("The tool, or what it was done to"),
            "parameters": or_null(&object("Its arguments, redacted")),
            "parameters_digest": or_null(&text("A keyed digest of them")),
            "context": object("What the caller said besides"),
        }),
        &[],
    );
    let evaluation = answer(
        &json!({
            "allowed": flag("Whether it was allowed"),
            "require_approval": flag("Whether it waits for a person"),
            "code": or_null(&text("Why, as a code")),
            "reason": text("Why, in words"),
            "policy": or_null(&text("The policy that decided")),
            "rule": or_null(&text("The rule that decided")),
            "policy_version": or_null(&count("The version that decided")),
            "mode": or_null(&mode()),
        }),
        &[],
    );
    let outcome = answer(
        &json!({
            "status": text("What came of it"),
            "duration_ms": or_null(&json!({ "type": "number", "minimum": 0 })),
            "result_digest": or_null(&text("A keyed digest of the result")),
            "error": text("What went wrong"),
        }),
        &["error"],
    );
    answer(
        &json!({
            "entry_id": entry_id(),
            "seq": count("Its record's number"),
            "action_id": or_null(&action_id()),
            "timestamp": instant(),
            "agent_id": or_null(&text("For whom it was decided")),
            "acted_by": or_null(&text("Who acted for the agent")),
            "door": text("Through which door it came"),
            "action": action,
            "evaluation": evaluation,
            "outcome": or_null(&outcome),
            "correlation_id": or_null(&text("The caller's own name for the work")),
            "asked_by": text("Who asked, when it was a question"),
            "simulated": flag("Whether it was a dry run"),
        }),
        &["asked_by", "simulated"],
    )
}

/// What a verification of the chain found.
fn verification() -> Value {
    answer(
        &json!({
            "intact": flag("Whether nothing is wrong"),
            "records": count("Records that are sealed as they should be"),
            "head": head(),
            "first_fault": fault(),
            "damage": text("What is wrong with the file though every record reads as sealed"),
        }),
        &["first_fault", "damage"],
    )
}
