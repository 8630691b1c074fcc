//! Policies at run time.

use serde_json::{Value, json};

use super::{effect, mode, object};
use crate::tools::schema::{answer, count, done_and, flag, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "create_policy" | "delete_policy" => answer(
            &done_and(json!({ "policy_id": id(), "version": version(), "warnings": warnings() })),
            &[],
        ),
        "rollback_policy" => answer(
            &done_and(json!({
                "version": version(),
                "rolled_back_to": version(),
                "warnings": warnings(),
            })),
            &[],
        ),
        "list_policies" => answer(
            &json!({
                "policies": list(&answer(&policy(), &["place"])),
                "count": count("Policies of this page"),
                "total": count("Policies that fit"),
                "next_cursor": cursor(),
                "policy_version": version(),
            }),
            &[],
        ),
        "get_policy" => one(),
        "check_policies" => answer(
            &json!({
                "valid": flag("Whether nothing refuses it"),
                "errors": list(&text("What refuses it")),
                "warnings": warnings(),
                "findings": list(&object("An error or a warning with its code and place")),
                "policy_version": version(),
            }),
            &[],
        ),
        "diff_policies" => difference(),
        "simulate_policies" => trial(),
        "policy_history" => history(),
        _ => return None,
    })
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$" })
}

fn version() -> Value {
    count("A version of the policy")
}

fn warnings() -> Value {
    list(&text(
        "What is probably not meant, and what becomes callable",
    ))
}

fn cursor() -> Value {
    or_null(&text("Leads to the next page"))
}

fn policy() -> Value {
    json!({
        "policy_id": id(),
        "name": text("Its name for people"),
        "description": { "anyOf": [{ "type": "string" }, { "type": "null" }], "description": "What it is for" },
        "priority": { "type": "integer", "description": "Higher decides first" },
        "enabled": flag("Whether it takes part"),
        "enforcement": one_of(&["enforce", "shadow"]),
        "rules_count": count("Its rules"),
        "origin": one_of(&["file", "runtime"]),
        "place": text("Where it is written; not told to agents of low trust"),
    })
}

/// One policy; with its rules for whoever may see them.
fn one() -> Value {
    let mut members = policy();
    if let Value::Object(members) = &mut members {
        let rules = list(&object("A rule as create_policy takes it"));
        members.insert("rules".to_owned(), rules);
        members.insert("policy_version".to_owned(), version());
    }
    answer(&members, &["place", "rules"])
}

fn difference() -> Value {
    answer(
        &json!({
            "from": version(),
            "to": or_null(&version()),
            "added": list(&id()),
            "removed": list(&id()),
            "changed": list(&id()),
            "becomes_callable": list(&text("What")),
            "stops_being_callable": list(&text("What")),
            "access": object("The same by tool, mode and trust"),
        }),
        &[],
    )
}

fn trial() -> Value {
    let ruling = answer(
        &json!({
            "effect": effect(),
            "code": text("Why, as a code"),
            "reason": text("Why, in words"),
            "policy": or_null(&id()),
            "rule": or_null(&text("The rule that decided")),
        }),
        &[],
    );
    let call = answer(
        &json!({
            "tool": text("The tool"),
            "agent_id": text("The agent"),
            "mode": mode(),
            "before": ruling,
            "after": ruling,
            "changes": flag("Whether the answers differ"),
        }),
        &[],
    );
    answer(
        &json!({
            "calls": list(&call),
            "count": count("Calls"),
            "changed": count("Calls whose answers differ"),
            "warnings": warnings(),
            "policy_version": version(),
        }),
        &[],
    )
}

fn history() -> Value {
    let step = answer(
        &json!({ "policy_id": id(), "step": text("created, changed or deleted") }),
        &[],
    );
    let line = answer(
        &json!({
            "version": version(),
            "author": text("Who made it"),
            "reason": text("Why"),
            "parent": or_null(&version()),
            "digest": text("What it is made of"),
            "policy_name": text("The bundle's name"),
            "files_changed": flag("Whether its files are others than its parent's"),
            "policies": list(&step),
        }),
        &[],
    );
    answer(
        &json!({
            "versions": list(&line),
            "count": count("Versions of this page"),
            "next_cursor": cursor(),
            "policy_version": version(),
        }),
        &[],
    )
}
