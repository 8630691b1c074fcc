//! Questions.

use serde_json::{Value, json};

use super::{action_id, effect, mode, trust};
use crate::policy::Code;
use crate::tools::schema::{answer, count, flag, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "validate_action" => answer(&decision(), &[]),
        "simulate_action" => {
            json!({ "type": "object", "anyOf": [simulation(), parameters_alone()] })
        }
        "list_allowed_tools" => allowed(),
        _ => return None,
    })
}

fn code() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    one_of(&codes)
}

fn decision() -> Value {
    let remedy = answer(
        &json!({ "kind": text("The kind of change"), "text": text("The change in words") }),
        &[],
    );
    json!({
        "action_id": action_id(),
        "allowed": flag("Whether it would be allowed"),
        "require_approval": flag("Whether a person must say yes first"),
        "reason": text("Why, in words"),
        "code": code(),
        "warnings": list(&text("What to know")),
        "matched_policy": or_null(&text("The policy that decided")),
        "matched_rule": or_null(&text("The rule that decided; not told to agents of low trust")),
        "mode": mode(),
        "policy_version": count("The version that decided"),
        "remedy": or_null(&remedy),
    })
}

fn problems() -> Value {
    list(&text("What is wrong with an argument"))
}

fn simulation() -> Value {
    let rule = answer(
        &json!({
            "policy": text("The policy"),
            "rule": or_null(&text("Its rule by name or number; not told to agents of low trust")),
            "at": or_null(&text("Where it is written")),
            "priority": { "type": "integer" },
            "applies": one_of(&["yes", "no", "undecidable"]),
            "effect": effect(),
            "why": text("Why, or why not"),
            "decided": flag("Whether it decided"),
        }),
        &[],
    );
    let stage = answer(
        &json!({
            "stage": text("Its number in the order"),
            "about": text("What it looks at"),
            "outcome": one_of(&["passed", "decided"]),
            "lifted": list(&code()),
        }),
        &["lifted"],
    );
    let fact = answer(
        &json!({ "name": text("Which"), "value": text("What it is") }),
        &[],
    );
    let shadow = answer(
        &json!({
            "policy": text("The policy"),
            "effect": effect(),
            "code": code(),
            "reason": text("The reason with it"),
            "flips": flag("Whether the effect is another than without it"),
        }),
        &[],
    );
    let mut members = decision();
    let more = json!({
        "applicable_rules": list(&rule),
        "near_misses": list(&rule),
        "stages": list(&stage),
        "facts": list(&fact),
        "shadow": list(&shadow),
        "parameter_problems": problems(),
    });
    if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
        members.extend(more);
    }
    answer(&members, &[])
}

fn parameters_alone() -> Value {
    answer(
        &json!({
            "action_id": action_id(),
            "valid": flag("Whether the arguments fit"),
            "parameter_problems": problems(),
        }),
        &[],
    )
}

fn allowed() -> Value {
    let tool = answer(
        &json!({ "name": text("The tool"), "server": text("Who answers it") }),
        &[],
    );
    answer(
        &json!({
            "agent_id": text("The agent"),
            "trust_level": trust(),
            "status": one_of(&["active", "suspended"]),
            "mode": mode(),
            "policy_version": count("The live version"),
            "allowed": list(&tool),
            "require_approval": list(&tool),
            "count": count("Tools that are allowed"),
        }),
        &[],
    )
}
