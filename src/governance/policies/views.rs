//! Tools `list_policies`, `get_policy`.

use serde_json::{Value, json};

use crate::domain::PolicyId;
use crate::policy::{self, Enforcement, Explanation, Origin, Policy};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, count, cursor, mendable, text};
use super::unknown;

/// The id that the call names.
pub(super) fn policy_id(permit: &Permit) -> Result<PolicyId, ToolError> {
    PolicyId::parse(text(permit, "policy_id").unwrap_or_default()).map_err(|fault| {
        mendable(
            Fault::Value,
            "policy_id",
            fault.to_string(),
            "list_policies names those there are",
        )
    })
}

pub(in crate::governance) fn list(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let origin = text(permit, "origin");
    let enforcement = text(permit, "enforcement");
    let enabled = permit.arguments().get("enabled").and_then(Value::as_bool);
    let scope = format!("policies {origin:?} {enforcement:?} {enabled:?}");
    let after = match text(permit, "cursor") {
        None => String::new(),
        Some(given) => governance
            .cursors
            .read_text(given, &scope)
            .map_err(cursor)?,
    };
    let situation = governance.gate().situation();
    let open = is_open(permit);
    let fits = |policy: &&Policy| {
        origin.is_none_or(|wanted| wanted == origin_name(policy.origin))
            && enforcement.is_none_or(|wanted| wanted == enforcement_name(policy.enforcement))
            && enabled.is_none_or(|wanted| wanted == policy.enabled)
    };
    let policies = &situation.engine.bundle().policies;
    let mut fitting: Vec<&Policy> = policies.iter().filter(fits).collect();
    fitting.sort_by(|a, b| a.id.cmp(&b.id));
    let total = fitting.len();
    let limit = count(permit, "limit")
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(100);
    let start = fitting.partition_point(|policy| policy.id.as_str() <= after.as_str());
    let page: Vec<&Policy> = fitting.into_iter().skip(start).take(limit).collect();
    let more = start + page.len() < total;
    let next_cursor = page
        .last()
        .filter(|_| more)
        .map(|last| governance.cursors.write_text(last.id.as_str(), &scope));
    let shown: Vec<Value> = page.iter().map(|policy| shown(policy, open)).collect();
    Ok(Output::of(json!({
        "count": shown.len(),
        "policies": shown,
        "total": total,
        "next_cursor": next_cursor,
        "policy_version": situation.engine.version(),
    })))
}

pub(in crate::governance) fn get(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let id = policy_id(permit)?;
    let situation = governance.gate().situation();
    let policies = &situation.engine.bundle().policies;
    let policy = policies.iter().find(|policy| policy.id == id);
    let policy = policy.ok_or_else(|| unknown(&id))?;
    let open = is_open(permit);
    let mut answer = shown(policy, open);
    if let Value::Object(members) = &mut answer {
        if open && let Value::Object(written) = policy::written(policy) {
            members.extend(written);
        }
        members.insert(
            "policy_version".to_owned(),
            json!(situation.engine.version()),
        );
    }
    Ok(Output::of(answer))
}

/// Whether the caller sees rules and their places, as in explanations.
fn is_open(permit: &Permit) -> bool {
    let principal = &permit.request().principal;
    Explanation::is_open_to(principal.roles, principal.trust)
}

/// The policy without its rules.
fn shown(policy: &Policy, open: bool) -> Value {
    let mut shown = json!({
        "policy_id": policy.id,
        "name": policy.name,
        "description": policy.description,
        "priority": policy.priority,
        "enabled": policy.enabled,
        "enforcement": enforcement_name(policy.enforcement),
        "rules_count": policy.rules.len(),
        "origin": origin_name(policy.origin),
    });
    if let (true, Value::Object(members)) = (open, &mut shown) {
        members.insert("place".to_owned(), json!(policy.at.to_string()));
    }
    shown
}

const fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "file",
        Origin::Runtime => "runtime",
    }
}

const fn enforcement_name(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Enforce => "enforce",
        Enforcement::Shadow => "shadow",
    }
}
