//! How agents do.

use serde_json::{Value, json};

use super::{fault, object};
use crate::domain::{Severity, TrustLevel};
use crate::tools::schema::{answer, count, flag, instant, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    (tool == "get_compliance_status").then(status)
}

fn percent(about: &str) -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": 100, "description": about })
}

/// A count for each word of a closed set.
fn counts<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    let members = words.map(|word| (word.to_owned(), count("How many")));
    answer(&Value::Object(members.collect()), &[])
}

fn status() -> Value {
    let levels = counts(TrustLevel::ALL.iter().map(|level| level.as_str()));
    answer(
        &json!({
            "status": one_of(&["healthy", "warning", "critical"]),
            "status_message": text("Why"),
            "compliance_score": percent("Allowed, of what was allowed or denied"),
            "denial_rate": percent("Denied, of what was allowed or denied"),
            "total_agents": count("Registered agents"),
            "active_agents": count("Those that may act"),
            "suspended_agents": count("Those that may not"),
            "total_policies": count("Policies"),
            "recent_violations": count("Denied in the time range"),
            "time_range": one_of(&["1h", "24h", "7d", "30d"]),
            "generated_at": instant(),
            "scope": one_of(&["own", "all"]),
            "metrics": metrics(),
            "agents": answer(&json!({ "by_trust_level": levels }), &[]),
            "overrides": counts(["active", "used"].into_iter()),
            "approvals": counts(["pending", "approved", "denied", "expired"].into_iter()),
            "audit": audit(),
            "incidents": incidents(),
            "policies": policies(),
            "posture": list(&text("What is weak")),
            "recommendations": list(&text("What to do")),
        }),
        &["incidents", "policies"],
    )
}

fn metrics() -> Value {
    let offender = answer(
        &json!({ "agent_id": text("The agent"), "violations": count("Its denials") }),
        &[],
    );
    let sums = counts(["allowed", "denied", "pending"].into_iter());
    answer(
        &json!({
            "total_actions": count("Actions"),
            "allowed_actions": count("Allowed ones"),
            "denied_actions": count("Denied ones"),
            "pending_actions": count("Those that wait for a person"),
            "denial_rate": percent("Denied, of what was allowed or denied"),
            "top_offenders": { "type": "array", "maxItems": 5, "items": offender },
            "action_breakdown": { "type": "object", "additionalProperties": sums },
            "unique_agents": count("Agents that acted"),
        }),
        &[],
    )
}

fn audit() -> Value {
    answer(
        &json!({
            "chain": text("What is known of the chain"),
            "first_fault": or_null(&fault()),
            "damage": or_null(&text("What is wrong with the file besides")),
            "verified_to": count("The last record that was verified"),
            "records": count("Records there are"),
            "last_checkpoint_at": or_null(&instant()),
        }),
        &[],
    )
}

fn incidents() -> Value {
    answer(
        &json!({
            "total": count("Incidents"),
            "open": count("Those that are not resolved"),
            "open_critical": count("Critical ones among them"),
            "by_severity": counts(Severity::ALL.iter().map(|severity| severity.as_str())),
            "recent": { "type": "array", "maxItems": 10, "items": object("An incident") },
        }),
        &[],
    )
}

fn policies() -> Value {
    let line = answer(
        &json!({
            "policy_id": text("The policy"),
            "name": text("Its name for people"),
            "priority": { "type": "integer" },
            "enabled": flag("Whether it takes part"),
            "enforcement": one_of(&["enforce", "shadow"]),
            "rules_count": count("Its rules"),
        }),
        &[],
    );
    answer(
        &json!({
            "total": count("Policies"),
            "enabled": count("Those that take part"),
            "disabled": count("Those that do not"),
            "shadow": count("Those that only watch"),
            "list": list(&line),
        }),
        &[],
    )
}
