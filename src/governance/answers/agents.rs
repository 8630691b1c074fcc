//! Agents.

use serde_json::{Value, json};

use super::{object, trust};
use crate::tools::schema::{answer, count, done_and, flag, instant, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "register_agent" => answer(
            &done_and(json!({ "agent_id": id(), "warnings": list(&text("What it leaves open")) })),
            &[],
        ),
        "list_agents" => answer(
            &json!({
                "agents": list(&agent()),
                "count": count("Agents of this page"),
                "total": count("Agents that fit"),
                "next_cursor": or_null(&text("Leads to the next page")),
            }),
            &[],
        ),
        "get_agent" => agent(),
        "suspend_agent" | "reinstate_agent" => answer(
            &done_and(json!({ "agent_id": id(), "status": status() })),
            &[],
        ),
        "remove_agent" => answer(&done_and(json!({ "agent_id": id() })), &[]),
        _ => return None,
    })
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$" })
}

fn status() -> Value {
    one_of(&["active", "suspended"])
}

fn agent() -> Value {
    let patterns = list(&text("A pattern of tools"));
    answer(
        &json!({
            "agent_id": id(),
            "name": text("Its name for people"),
            "description": or_null(&text("What it is for")),
            "trust_level": trust(),
            "allowed_tools": patterns,
            "denied_tools": patterns,
            "metadata": object("What its owner wants to remember of it"),
            "status": status(),
            "registered_at": instant(),
            "updated_at": instant(),
            "registered_by": text("Who registered it"),
            "owner": or_null(&text("Who answers for it")),
            "auto_registered": flag("Whether it registered itself by its first call"),
            "last_seen_at": or_null(&instant()),
            "suspended_at": or_null(&instant()),
            "suspension_reason": or_null(&text("Why it is suspended")),
            "incident_id": or_null(&text("The incident for which it was suspended")),
        }),
        &[],
    )
}
