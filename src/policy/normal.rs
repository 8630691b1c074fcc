//! The normalized form of a bundle as JSON: what is hashed, and what two bundles that say the same have in common.

use serde_json::{Map, Value, json};

use crate::domain::{Digest, Pattern, TrustLevel, canonical_json};

use super::bundle::{
    Additional, Bundle, DefaultDecision, Enforcement, ModeRules, NamePatterns, ResourceName,
    ToolConstraints,
};
use super::parameter::{Format, Parameter, ParameterType, WholeRegex};
use super::rule::{ArgumentTest, Condition, Policy, Rule, RuleAction, TestOperator};

/// The digest of a normalized form.
pub(super) fn digest(value: &Value) -> Digest {
    Digest::of(&canonical_json(value))
}

/// The bundle without places and without its digest; lists whose order means nothing are sorted.
pub(super) fn bundle(bundle: &Bundle) -> Value {
    let mut sections = sections(bundle);
    if let Value::Object(members) = &mut sections {
        let policies = sorted(bundle.policies.iter().map(policy));
        members.insert("policies".to_owned(), policies);
    }
    sections
}

/// Everything that the bundle says beside its policies.
pub(super) fn sections(bundle: &Bundle) -> Value {
    let modes: Map<String, Value> = bundle
        .modes
        .iter()
        .map(|(name, rules)| (name.to_string(), mode(rules)))
        .collect();
    let hours = bundle.time_restrictions.iter().map(|window| {
        json!({ "tools": names(&window.tools), "hours": window.hours, "timezone": window.timezone })
    });
    let resources = bundle.resource_policies.iter().map(|policy| {
        json!({
            "resources": policy.resources.as_str(),
            "allowed_operations": policy.allowed_operations,
            "blocked_operations": policy.blocked_operations,
            "require_approval": policy.require_approval,
        })
    });
    let operations: Map<String, Value> = bundle
        .operations
        .iter()
        .map(|(tool, map)| {
            let resource = match &map.resource {
                ResourceName::Argument(name) => format!("args.{name}"),
                ResourceName::Fixed(name) => name.clone(),
            };
            (
                tool.clone(),
                json!({ "resource": resource, "operation": map.operation }),
            )
        })
        .collect();
    json!({
        "policy_name": bundle.name,
        "version": bundle.version,
        "description": bundle.description,
        "default_mode": bundle.default_mode,
        "default_decision": match bundle.default_decision {
            DefaultDecision::Deny => "deny",
            DefaultDecision::Allow => "allow",
        },
        "modes": modes,
        "global_rules": {
            "always_blocked": names(&bundle.always_blocked),
            "description": bundle.always_blocked_because,
        },
        "time_restrictions": sorted(hours),
        "operations": operations,
        "resource_policies": sorted(resources),
        "parameter_constraints": sorted(bundle.constraints.iter().map(constraints)),
        "protected": {
            "paths": patterns(&bundle.protected_paths),
            "allow_read": bundle.protected_allow_read,
        },
    })
}

/// The policy without its place; the order of rules is kept, as records name them by it. Each rule stands by the
/// digest of its own normalized form, so that a further policy does not make all the others be written out again.
fn policy(policy: &Policy) -> Value {
    json!({
        "id": policy.id,
        "name": policy.name,
        "description": policy.description,
        "priority": policy.priority,
        "enabled": policy.enabled,
        "enforcement": match policy.enforcement {
            Enforcement::Enforce => "enforce",
            Enforcement::Shadow => "shadow",
        },
        "effective_from": policy.effective_from,
        "expires_at": policy.expires_at,
        "rules": policy.rules.iter().map(|rule| rule.digest).collect::<Vec<_>>(),
    })
}

/// The rule without its place in file and policy: moving a rule changes nothing that it says.
pub(super) fn rule(rule: &Rule) -> Value {
    json!({
        "name": rule.name,
        "condition": condition(&rule.condition),
        "require": parameters(&rule.require),
        "action": match rule.action {
            RuleAction::Allow => "allow",
            RuleAction::RequireApproval => "require_approval",
            RuleAction::Deny => "deny",
        },
        "message": rule.message,
        "overridable": rule.overridable,
        "severity": rule.severity,
        "approval": {
            "timeout": rule.approval.timeout.as_secs(),
            "valid_for": rule.approval.valid_for.as_secs(),
            "approvers": rule.approval.approvers,
            "quorum": rule.approval.quorum,
        },
    })
}

fn condition(condition: &Condition) -> Value {
    let levels = TrustLevel::ALL
        .into_iter()
        .filter(|&level| condition.trust.has(level));
    json!({
        "tools": condition.tools.as_ref().map(names),
        "action_types": condition.action_types.as_deref().map(patterns),
        "trust": levels.collect::<Vec<_>>(),
        "trust_needs": condition.trust.needs,
        "agents": condition.agents.as_deref().map(patterns),
        "modes": condition.modes,
        "arguments": condition.arguments.iter().map(test).collect::<Vec<_>>(),
    })
}

fn test(test: &ArgumentTest) -> Value {
    let (name, value) = operator(&test.operator);
    json!([test.name, name, value])
}

/// The test by its name, and what it compares with.
pub(super) fn operator(operator: &TestOperator) -> (&'static str, Value) {
    match operator {
        TestOperator::Eq(value) => ("eq", value.clone()),
        TestOperator::Ne(value) => ("ne", value.clone()),
        TestOperator::In(values) => ("in", json!(values)),
        TestOperator::NotIn(values) => ("not_in", json!(values)),
        TestOperator::Gt(bound) => ("gt", json!(bound)),
        TestOperator::Gte(bound) => ("gte", json!(bound)),
        TestOperator::Lt(bound) => ("lt", json!(bound)),
        TestOperator::Lte(bound) => ("lte", json!(bound)),
        TestOperator::Matches(regex) => ("matches", json!(regex.source)),
        TestOperator::Glob(pattern) => ("glob", json!(pattern.as_str())),
    }
}

fn mode(rules: &ModeRules) -> Value {
    let mut said = json!({
        "description": rules.description,
        "rationale": rules.rationale,
        "allowed_tools": rules.allowed_tools.as_ref().map(names),
        "blocked_tools": rules.blocked_tools.as_ref().map(names),
        "reachable_tools": rules.reachable_tools.as_ref().map(names),
        "max_duration": rules.max_duration.map(|duration| duration.as_secs()),
        "service_restrictions": rules.service_restrictions,
    });
    // Said only where it holds: a bundle from before there was such a key keeps its digest.
    if let (true, Some(map)) = (rules.requires_totp, said.as_object_mut()) {
        map.insert("requires_totp".to_owned(), json!(true));
    }
    said
}

fn names(list: &NamePatterns) -> Value {
    let include = list
        .include
        .iter()
        .map(|entry| json!([entry.pattern.as_str(), entry.group]));
    json!({ "include": sorted(include), "exclude": patterns(&list.exclude) })
}

fn patterns(list: &[Pattern]) -> Value {
    sorted(list.iter().map(|pattern| json!(pattern.as_str())))
}

/// The constraints without their place.
pub(super) fn constraints(constraints: &ToolConstraints) -> Value {
    json!({
        "tools": names(&constraints.tools),
        "parameters": parameters(&constraints.parameters),
        "additional": match constraints.additional {
            Additional::Deny => "deny",
            Additional::Allow => "allow",
        },
    })
}

fn parameters(parameters: &std::collections::BTreeMap<String, Parameter>) -> Value {
    let one = |(name, it): (&String, &Parameter)| (name.clone(), parameter(it));
    Value::Object(parameters.iter().map(one).collect())
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "kind": kind(&parameter.kind),
        "required": parameter.required,
        "default": parameter.default,
        "allowlist_source": parameter.allowlist_source,
    })
}

/// The type with its bounds; those that are not given are `null`.
pub(super) fn kind(kind: &ParameterType) -> Value {
    match kind {
        ParameterType::String {
            min_length,
            max_length,
            pattern,
            allowed_values,
            format,
        } => json!({
            "type": "string",
            "min_length": min_length,
            "max_length": max_length,
            "pattern": pattern.as_ref().map(|WholeRegex { source, .. }| source),
            "allowed_values": allowed_values,
            "format": format.map(format_name),
        }),
        ParameterType::Int {
            min,
            max,
            allowed_values,
        } => {
            json!({ "type": "int", "min": min, "max": max, "allowed_values": allowed_values })
        }
        ParameterType::Number { min, max } => json!({ "type": "number", "min": min, "max": max }),
        ParameterType::Bool => json!({ "type": "bool" }),
        ParameterType::List { max_items, items } => {
            json!({ "type": "list", "max_items": max_items, "items": items.as_deref().map(parameter) })
        }
        ParameterType::Object { max_keys } => json!({ "type": "object", "max_keys": max_keys }),
        ParameterType::Path { under, max_length } => {
            json!({ "type": "path", "under": under, "max_length": max_length })
        }
        ParameterType::Port => json!({ "type": "port" }),
        ParameterType::Duration => json!({ "type": "duration" }),
    }
}

const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Hostname => "hostname",
        Format::Ipv4 => "ipv4",
        Format::Email => "email",
        Format::Uuid => "uuid",
        Format::SafeFilename => "safe_filename",
        Format::Url => "url",
    }
}

/// The values in the order of their canonical form.
fn sorted(values: impl Iterator<Item = Value>) -> Value {
    let mut values: Vec<Value> = values.collect();
    if values.len() > 1 {
        values.sort_by_cached_key(canonical_json);
    }
    Value::Array(values)
}
