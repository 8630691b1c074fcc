//! Output schemas of the tools that read the trail.

use serde_json::{Value, json};

use crate::tools::schema::{answer, count, flag, instant, list, one_of, or_null, text};

/// The first record that is wrong.
fn fault() -> Value {
    answer(
        &json!({
            "seq": count("The first record that is wrong"),
            "how": one_of(&["changed", "missing", "reordered", "cut", "replaced"]),
        }),
        &[],
    )
}

/// A record's place in the chain.
fn head() -> Value {
    answer(
        &json!({ "seq": count("The last record"), "hash": text("Its hash") }),
        &[],
    )
}

/// What a verification of the chain found.
pub(super) fn verification() -> Value {
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

/// A record as it is chained.
fn record() -> Value {
    json!({ "type": "object", "description": "A record as it is chained" })
}

/// One attempt, and what became of it.
fn entry() -> Value {
    let maybe = |about: &str| or_null(&text(about));
    let action = answer(
        &json!({
            "type": maybe("tool_call, another type of act, or the operation of a change"),
            "target": text("The tool, or what it is about"),
            "parameters": or_null(&json!({ "type": "object", "description": "Redacted" })),
            "parameters_digest": maybe("Keyed digest"),
            "context": { "type": "object", "description": "What the caller said besides" },
        }),
        &[],
    );
    let evaluation = answer(
        &json!({
            "allowed": flag("Whether it was allowed"),
            "require_approval": flag("Whether it waits for a person"),
            "code": maybe("Why; null for what the gateway did by itself"),
            "reason": text("Why, in words"),
            "policy": maybe("The policy that decided"),
            "rule": maybe("Its rule, by name or number"),
            "policy_version": or_null(&count("The version of the policy")),
            "mode": maybe("The mode"),
        }),
        &[],
    );
    let outcome = answer(
        &json!({
            "status": one_of(&["ok", "failed", "denied", "timeout", "unknown", "cancelled"]),
            "duration_ms": or_null(&json!({ "type": "number", "minimum": 0 })),
            "result_digest": maybe("Keyed digest"),
            "error": text("What went wrong"),
        }),
        &["error"],
    );
    answer(
        &json!({
            "entry_id": text("Names the entry"),
            "seq": count("Its place in the chain"),
            "action_id": maybe("The attempt"),
            "timestamp": instant(),
            "agent_id": maybe("The agent, or gateway"),
            "acted_by": maybe("The caller, when it acted for the agent"),
            "door": text("Through which door"),
            "action": action,
            "evaluation": evaluation,
            "outcome": or_null(&outcome),
            "correlation_id": maybe("The caller's own name for the work"),
            "asked_by": text("Who asked, when it was a question"),
            "simulated": flag("Whether it was a dry run"),
        }),
        &["asked_by", "simulated"],
    )
}

/// A page of the trail.
pub(super) fn audit_log() -> Value {
    let chain = answer(
        &json!({
            "state": one_of(&["intact", "broken"]),
            "verified_to": count("The last record that was verified, and with it all before"),
            "head": head(),
            "first_fault": fault(),
        }),
        &["first_fault"],
    );
    answer(
        &json!({
            "entries": list(&json!({ "anyOf": [entry(), record()] })),
            "count": count("Entries of this page"),
            "total": count("Entries that fit the filters"),
            "next_cursor": or_null(&text("Leads to the next page")),
            "time_range": or_null(&text("The span that was looked at; null where since says it")),
            "filters_applied": list(&text("name=value, or none")),
            "scope": one_of(&["own", "all"]),
            "chain": chain,
        }),
        &[],
    )
}

/// One entry with its records.
pub(super) fn audit_entry() -> Value {
    answer(
        &json!({ "entry": or_null(&entry()), "records": list(&record()) }),
        &[],
    )
}

/// A piece of the stream.
pub(super) fn audit_stream() -> Value {
    answer(
        &json!({
            "records": list(&record()),
            "position": text("Where to go on"),
            "behind": count("Records behind the position"),
            "scope": one_of(&["own", "all"]),
        }),
        &[],
    )
}

/// A share in percent.
fn percent() -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": 100 })
}

/// Counts under these names.
fn sums(names: &[&str]) -> Value {
    let members: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), count(name)))
        .collect();
    answer(&Value::Object(members), &[])
}

/// What agents did.
fn metrics() -> Value {
    let offender = answer(
        &json!({ "agent_id": text("An agent"), "violations": count("Its denials") }),
        &[],
    );
    answer(
        &json!({
            "total_actions": count("Decisions"),
            "allowed_actions": count("Allowed"),
            "denied_actions": count("Denied"),
            "pending_actions": count("Waiting for a person"),
            "denial_rate": percent(),
            "top_offenders": list(&offender),
            "action_breakdown": { "type": "object", "additionalProperties": sums(&["allowed", "denied", "pending"]) },
            "unique_agents": count("Agents that did anything"),
        }),
        &[],
    )
}

/// The policies in force.
fn policies() -> Value {
    let policy = answer(
        &json!({
            "policy_id": text("Names it"),
            "name": text("For people"),
            "priority": { "type": "integer" },
            "enabled": flag("Whether it takes part"),
            "enforcement": one_of(&["enforce", "shadow"]),
            "rules_count": count("Its rules"),
        }),
        &[],
    );
    answer(
        &json!({
            "total": count("All"),
            "enabled": count("Enabled"),
            "disabled": count("Disabled"),
            "shadow": count("Enabled ones that only watch"),
            "list": list(&policy),
        }),
        &[],
    )
}

/// Incidents in numbers.
fn incidents() -> Value {
    let severities = sums(&["low", "medium", "high", "critical"]);
    answer(
        &json!({
            "total": count("Opened in the window"),
            "open": count("Not resolved"),
            "open_critical": count("Critical ones of these"),
            "by_severity": severities,
            "recent": list(&json!({ "type": "object", "description": "An incident" })),
        }),
        &[],
    )
}

/// How agents comply.
pub(super) fn compliance() -> Value {
    let audit = answer(
        &json!({
            "chain": one_of(&["intact", "broken"]),
            "first_fault": or_null(&fault()),
            "damage": or_null(&text("What is wrong with the file besides")),
            "verified_to": count("The last record that was verified"),
            "records": count("Records of the chain"),
            "last_checkpoint_at": or_null(&instant()),
        }),
        &[],
    );
    answer(
        &json!({
            "status": one_of(&["healthy", "warning", "critical"]),
            "status_message": text("Why"),
            "compliance_score": percent(),
            "denial_rate": percent(),
            "total_agents": count("Registered agents"),
            "active_agents": count("Those that may act"),
            "suspended_agents": count("Those that may not"),
            "total_policies": count("Policies"),
            "recent_violations": count("Denials in the window"),
            "time_range": one_of(&["1h", "24h", "7d", "30d"]),
            "generated_at": instant(),
            "scope": one_of(&["own", "all"]),
            "metrics": metrics(),
            "agents": answer(&json!({ "by_trust_level": sums(&["low", "medium", "high", "admin"]) }), &[]),
            "overrides": sums(&["active", "used"]),
            "approvals": sums(&["pending", "approved", "denied", "expired"]),
            "audit": audit,
            "incidents": incidents(),
            "policies": policies(),
            "posture": list(&text("What is weak")),
            "recommendations": list(&text("What to do next")),
        }),
        &["incidents", "policies"],
    )
}
