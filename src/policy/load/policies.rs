//! Policies and their rules, from files and from calls.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{AgentId, Digest, PolicyId, Role, Severity};
use crate::policy::bundle::{Enforcement, Origin};
use crate::policy::document::{APPROVAL, POLICY, REQUIRE, RULE};
use crate::policy::normal;
use crate::policy::rule::{ApprovalTerms, Policy, Rule, RuleAction};
use crate::policy::text::{Fields, Node, Report, Span};

use super::sections::Documents;
use super::tools::Groups;
use super::{conditions, constraints};

/// The priority of a policy that names none.
const DEFAULT_PRIORITY: i64 = 100;
/// What to do about a rule that would always fire.
const CONDITION_HINT: &str = "say when it fires; `tool_pattern: \"*\"` for every tool";
/// The most approvers that one rule may ask for.
const MAX_QUORUM: i64 = 100;

/// The policies of every file, each id once.
pub(super) fn read(
    report: &mut Report<'_>,
    documents: &Documents<'_>,
    groups: &Groups,
) -> Vec<Policy> {
    let mut nodes: Vec<&Node> = Vec::new();
    for list in documents.values("policies") {
        nodes.extend(report.list(list, "policies").unwrap_or_default());
    }
    nodes.extend(&documents.policies);
    let mut first: HashMap<PolicyId, Span> = HashMap::new();
    let mut policies = Vec::new();
    for node in nodes {
        let Some(policy) = policy(report, node, groups, Origin::File) else {
            continue;
        };
        if let Some(&before) = first.get(&policy.id) {
            report.twice(
                id_span(node),
                before,
                &format!("the policy `{}`", policy.id),
            );
        } else {
            first.insert(policy.id.clone(), id_span(node));
            policies.push(policy);
        }
    }
    policies
}

/// The policy of a call: its rules may use the groups of no file.
pub(in crate::policy) fn read_call(report: &mut Report<'_>, node: &Node) -> Option<Policy> {
    policy(report, node, &Groups::default(), Origin::Runtime)
}

fn id_span(node: &Node) -> Span {
    node.get("id")
        .or_else(|| node.get("policy_id"))
        .map_or(node.at, |id| id.at)
}

fn policy(report: &mut Report<'_>, node: &Node, groups: &Groups, origin: Origin) -> Option<Policy> {
    let fields = report.fields(node, &POLICY)?;
    let id = id(report, fields);
    let rules = rules(report, fields, groups);
    let mut text = |key: &str| {
        fields
            .get(key)
            .and_then(|node| report.text(node, key))
            .map(str::to_owned)
    };
    let (name, description) = (text("name"), text("description").unwrap_or_default());
    let words = [
        ("enforce", Enforcement::Enforce),
        ("shadow", Enforcement::Shadow),
    ];
    let enforcement = fields
        .get("enforcement")
        .and_then(|node| report.word(node, "enforcement", &words));
    let priority = fields
        .get("priority")
        .and_then(|node| report.integer(node, "priority"));
    let enabled = fields
        .get("enabled")
        .and_then(|node| report.flag(node, "enabled"));
    let mut instant = |key: &str| fields.get(key).and_then(|node| report.instant(node, key));
    let (effective_from, expires_at) = (instant("effective_from"), instant("expires_at"));
    let id = id?;
    Some(Policy {
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        description,
        priority: priority.unwrap_or(DEFAULT_PRIORITY),
        enabled: enabled.unwrap_or(true),
        enforcement: enforcement.unwrap_or_default(),
        effective_from,
        expires_at,
        rules,
        origin,
        at: report.place(fields.at),
    })
}

fn id(report: &mut Report<'_>, fields: Fields<'_>) -> Option<PolicyId> {
    let node = match (fields.get("id"), fields.get("policy_id")) {
        (Some(_), Some(second)) => {
            report
                .syntax(second.at, "a policy has `id` or `policy_id`, not both")
                .hint("keep `id`");
            return None;
        }
        (Some(node), None) | (None, Some(node)) => node,
        (None, None) => {
            report
                .syntax(fields.at, "the policy has no id")
                .hint("give it one: records name it");
            return None;
        }
    };
    let text = report.text(node, "id")?;
    match PolicyId::parse(text) {
        Ok(id) => Some(id),
        Err(fault) => {
            report
                .syntax(node.at, &fault.to_string())
                .hint("an id holds A-Z a-z 0-9 . _ : - and starts with a letter or digit");
            None
        }
    }
}

fn rules(report: &mut Report<'_>, fields: Fields<'_>, groups: &Groups) -> Vec<Rule> {
    let items = fields
        .get("rules")
        .map(|node| (node.at, report.list(node, "rules")));
    let (at, items) = items.unwrap_or((fields.at, Some(&[])));
    let Some(items) = items else {
        return Vec::new();
    };
    if items.is_empty() {
        report
            .syntax(at, "policy must have at least one rule")
            .hint("add a rule, or take the policy out");
    }
    let mut rules = Vec::new();
    for (index, item) in items.iter().enumerate() {
        report.in_rule(Some(index));
        rules.extend(rule(report, index, item, groups));
        report.in_rule(None);
    }
    rules
}

fn rule(report: &mut Report<'_>, index: usize, node: &Node, groups: &Groups) -> Option<Rule> {
    let fields = report.fields(node, &RULE)?;
    let written = fields.get("condition");
    if written.is_none() {
        report
            .syntax(fields.at, "the rule has no condition")
            .hint(CONDITION_HINT);
    }
    let condition = written.and_then(|node| conditions::read(report, node, groups));
    let action = action(report, fields);
    let mut text = |key: &str| -> Option<Arc<str>> {
        fields
            .get(key)
            .and_then(|node| report.text(node, key))
            .map(Arc::from)
    };
    let (name, message) = (text("name"), text("message"));
    let require = fields
        .get("require")
        .and_then(|node| report.fields(node, &REQUIRE));
    let arguments = require.and_then(|require| require.get("arguments"));
    let require = arguments
        .map(|node| constraints::parameters(report, node))
        .unwrap_or_default();
    let overridable = fields
        .get("overridable")
        .and_then(|node| report.flag(node, "overridable"));
    let severity = severity(report, fields);
    let approval = approval(report, fields, action);
    let mut rule = Rule {
        index,
        name,
        condition: condition?,
        require,
        action: action?,
        message,
        overridable: overridable.unwrap_or(true),
        severity,
        approval,
        digest: Digest::ZERO,
        at: report.place(fields.at),
    };
    rule.digest = normal::digest(&normal::rule(&rule));
    Some(rule)
}

fn action(report: &mut Report<'_>, fields: Fields<'_>) -> Option<RuleAction> {
    let words = [
        ("allow", RuleAction::Allow),
        ("deny", RuleAction::Deny),
        ("require_approval", RuleAction::RequireApproval),
    ];
    let Some(node) = fields.get("action") else {
        report
            .syntax(fields.at, "the rule has no action")
            .hint("must be one of: allow, deny, require_approval");
        return None;
    };
    report.word(node, "action", &words)
}

fn severity(report: &mut Report<'_>, fields: Fields<'_>) -> Severity {
    let words = [
        ("low", Severity::Low),
        ("medium", Severity::Medium),
        ("high", Severity::High),
        ("critical", Severity::Critical),
    ];
    let given = fields
        .get("severity")
        .and_then(|node| report.word(node, "severity", &words));
    given.unwrap_or(Severity::Medium)
}

fn approval(
    report: &mut Report<'_>,
    fields: Fields<'_>,
    action: Option<RuleAction>,
) -> ApprovalTerms {
    let mut terms = ApprovalTerms::default();
    let Some(entry) = fields.entry("approval") else {
        return terms;
    };
    if matches!(action, Some(RuleAction::Allow | RuleAction::Deny)) {
        let message = "`approval` has no effect without `action: require_approval`";
        report
            .syntax(entry.key_at, message)
            .hint("change the action, or take it out");
    }
    let Some(inner) = report.fields(&entry.value, &APPROVAL) else {
        return terms;
    };
    let mut duration = |key: &str| inner.get(key).and_then(|node| report.duration(node, key));
    let (timeout, valid_for) = (duration("timeout"), duration("valid_for"));
    terms.timeout = timeout.unwrap_or(terms.timeout);
    terms.valid_for = valid_for.unwrap_or(terms.valid_for);
    if let Some(node) = inner.get("quorum")
        && let Some(quorum) = report.integer(node, "quorum")
    {
        match u32::try_from(quorum)
            .ok()
            .filter(|_| (1..=MAX_QUORUM).contains(&quorum))
        {
            Some(quorum) => terms.quorum = quorum,
            None => report
                .syntax(node.at, &format!("a quorum of {quorum} is not possible"))
                .hint("write 1 to 100"),
        }
    }
    if let Some(node) = inner.get("approvers") {
        let items = report.one_or_more(node, "approvers").unwrap_or_default();
        terms.approvers = items
            .iter()
            .filter_map(|item| approver(report, item))
            .collect();
    }
    terms
}

fn approver(report: &mut Report<'_>, node: &Node) -> Option<String> {
    let text = report.text(node, "an approver")?;
    let known = match text.strip_prefix("role:") {
        Some(role) => Role::ALL.iter().any(|known| known.as_str() == role),
        None => AgentId::parse(text).is_ok(),
    };
    if !known {
        report
            .syntax(node.at, &format!("`{text}` is nobody who could approve"))
            .hint("write `role:approver`, another role, or an agent's id");
        return None;
    }
    Some(text.to_owned())
}
