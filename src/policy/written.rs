//! A policy in the form in which authors write it: what `get_policy` shows of a file's.

use serde_json::{Map, Value, json};

use crate::domain::{Pattern, TrustLevel};

use super::bundle::{Enforcement, NamePatterns};
use super::normal;
use super::parameter::Parameter;
use super::rule::{ApprovalTerms, ArgumentTest, Condition, Policy, Rule, RuleAction, TrustSet};

/// The policy as JSON in the native form; read again it says the same.
#[must_use]
pub fn written(policy: &Policy) -> Value {
    let rules: Vec<Value> = policy.rules.iter().map(rule).collect();
    sparse(json!({
        "policy_id": policy.id,
        "name": policy.name,
        "description": Some(&policy.description).filter(|text| !text.is_empty()),
        "priority": policy.priority,
        "enabled": policy.enabled,
        "enforcement": match policy.enforcement {
            Enforcement::Enforce => "enforce",
            Enforcement::Shadow => "shadow",
        },
        "effective_from": policy.effective_from,
        "expires_at": policy.expires_at,
        "rules": rules,
    }))
}

fn rule(rule: &Rule) -> Value {
    let require = (!rule.require.is_empty()).then(|| {
        let one = |(name, it): (&String, &Parameter)| (name.clone(), parameter(it));
        json!({ "arguments": rule.require.iter().map(one).collect::<Map<_, _>>() })
    });
    let approval = (rule.action == RuleAction::RequireApproval
        && rule.approval != ApprovalTerms::default())
    .then(|| approval(&rule.approval));
    sparse(json!({
        "name": rule.name,
        "condition": condition(&rule.condition),
        "require": require,
        "action": match rule.action {
            RuleAction::Allow => "allow",
            RuleAction::RequireApproval => "require_approval",
            RuleAction::Deny => "deny",
        },
        "message": rule.message,
        "overridable": (!rule.overridable).then_some(false),
        "severity": Some(rule.severity).filter(|severity| *severity != crate::domain::Severity::Medium),
        "approval": approval,
    }))
}

fn approval(terms: &ApprovalTerms) -> Value {
    json!({
        "timeout": format!("{}s", terms.timeout.as_secs()),
        "valid_for": format!("{}s", terms.valid_for.as_secs()),
        "approvers": terms.approvers,
        "quorum": terms.quorum,
    })
}

fn condition(condition: &Condition) -> Value {
    let trust = condition.trust;
    let below = trust.needs;
    let told = below.map_or(TrustSet::ANY, TrustSet::below);
    let untold = trust.bits() != told.bits() || *condition == Condition::default();
    let least = TrustLevel::ALL.into_iter().find(|&level| trust.has(level));
    let at_least =
        least.filter(|&level| untold && told.and(TrustSet::at_least(level)).bits() == trust.bits());
    let levels = || -> Vec<TrustLevel> {
        let all = TrustLevel::ALL.into_iter();
        all.filter(|&level| trust.has(level)).collect()
    };
    sparse(json!({
        "tool_pattern": condition.tools.as_ref().map(names),
        "action_type": condition.action_types.as_deref().map(patterns),
        "trust_level_below": below,
        "trust_level_at_least": at_least,
        "trust_level": (untold && at_least.is_none()).then(levels),
        "agents": condition.agents.as_deref().map(patterns),
        "modes": condition.modes,
        "arguments": tests(&condition.arguments),
    }))
}

/// The list as it was written: groups by their names, exclusions with `!`.
fn names(list: &NamePatterns) -> Value {
    let mut entries: Vec<String> = Vec::new();
    for entry in &list.include {
        let Some(group) = &entry.group else {
            entries.push(entry.pattern.to_string());
            continue;
        };
        // A group stands in the list once for each of its patterns.
        let text = format!("@{group}");
        if !entries.contains(&text) {
            entries.push(text);
        }
    }
    entries.extend(list.exclude.iter().map(|out| format!("!{out}")));
    one_or_more(entries)
}

fn patterns(list: &[Pattern]) -> Value {
    one_or_more(list.iter().map(Pattern::to_string).collect())
}

fn one_or_more(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 {
        return texts.pop().map_or(Value::Null, Value::String);
    }
    json!(texts)
}

fn tests(tests: &[ArgumentTest]) -> Value {
    let mut by_name = Map::new();
    for test in tests {
        let (operator, value) = normal::operator(&test.operator);
        let entry = by_name
            .entry(test.name.clone())
            .or_insert_with(|| json!({}));
        if let Value::Object(all) = entry {
            all.insert(operator.to_owned(), value);
        }
    }
    if by_name.is_empty() {
        return Value::Null;
    }
    Value::Object(by_name)
}

fn parameter(parameter: &Parameter) -> Value {
    let Value::Object(mut members) = sparse(normal::kind(&parameter.kind)) else {
        return Value::Null;
    };
    if let super::parameter::ParameterType::List {
        items: Some(items), ..
    } = &parameter.kind
    {
        members.insert("items".to_owned(), self::parameter(items));
    }
    if !parameter.required {
        members.insert("required".to_owned(), json!(false));
    }
    if let Some(default) = &parameter.default {
        members.insert("default".to_owned(), default.clone());
    }
    if let Some(source) = &parameter.allowlist_source {
        members.insert("allowlist_source".to_owned(), json!(source));
    }
    Value::Object(members)
}

/// The object without what it does not say.
fn sparse(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            members.retain(|_, value| !value.is_null());
            Value::Object(members)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            value
        }
    }
}
