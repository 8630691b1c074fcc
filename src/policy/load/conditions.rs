//! When a rule fires.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::domain::{ModeName, Pattern, TrustLevel};
use crate::policy::document::{ARGUMENT_TEST, CONDITION};
use crate::policy::rule::{ArgumentTest, Condition, TestOperator, TrustSet};
use crate::policy::text::{Data, Entry, Node, Report};

use super::constraints::regex;
use super::tools::Groups;

/// The four levels, for [`Report::word`].
pub(in crate::policy) const TRUST_LEVELS: [(&str, TrustLevel); 4] = [
    ("low", TrustLevel::Low),
    ("medium", TrustLevel::Medium),
    ("high", TrustLevel::High),
    ("admin", TrustLevel::Admin),
];

/// What a bound of trust lets through.
type Bound = fn(TrustLevel) -> TrustSet;

/// Reads a condition, which must say something.
pub(super) fn read(report: &mut Report<'_>, node: &Node, groups: &Groups) -> Option<Condition> {
    let fields = report.fields(node, &CONDITION)?;
    if fields.entries().is_empty() {
        report
            .syntax(node.at, "an empty condition")
            .hint("say when the rule fires; `tool_pattern: \"*\"` for every tool");
        return None;
    }
    let mut condition = Condition {
        tools: fields
            .get("tool_pattern")
            .map(|node| groups.patterns(report, node, "tool_pattern")),
        action_types: fields
            .get("action_type")
            .map(|node| patterns(report, node, "action_type")),
        agents: fields
            .get("agents")
            .map(|node| patterns(report, node, "agents")),
        modes: fields.get("modes").map(|node| modes(report, node)),
        ..Condition::default()
    };
    let bounds: [(&str, Bound); 2] = [
        ("trust_level_below", TrustSet::below),
        ("trust_level_at_least", TrustSet::at_least),
    ];
    for (key, bound) in bounds {
        let level = fields
            .get(key)
            .and_then(|node| report.word(node, "trust level", &TRUST_LEVELS));
        if let Some(level) = level {
            condition.trust = condition.trust.and(bound(level));
        }
    }
    if let Some(node) = fields.get("trust_level") {
        let items = report.one_or_more(node, "trust_level").unwrap_or_default();
        let levels: Vec<TrustLevel> = items
            .iter()
            .filter_map(|item| report.word(item, "trust level", &TRUST_LEVELS))
            .collect();
        condition.trust = condition.trust.and(TrustSet::of(&levels));
    }
    if let Some(node) = fields.get("arguments") {
        for entry in report.map(node, "arguments")? {
            argument(report, entry, &mut condition.arguments);
        }
        if node.entries().is_empty() {
            report
                .syntax(node.at, "`arguments` tests nothing")
                .hint("name an argument, or take it out");
        }
    }
    Some(condition)
}

fn patterns(report: &mut Report<'_>, node: &Node, what: &str) -> Vec<Pattern> {
    let mut found = Vec::new();
    for item in report.one_or_more(node, what).unwrap_or_default() {
        let text = report.text(item, &format!("an entry of {what}"));
        found.extend(text.and_then(|text| report.pattern(item.at, text)));
    }
    found
}

fn modes(report: &mut Report<'_>, node: &Node) -> BTreeSet<ModeName> {
    let mut found = BTreeSet::new();
    for item in report.one_or_more(node, "modes").unwrap_or_default() {
        let Some(text) = report.text(item, "a mode") else {
            continue;
        };
        match ModeName::parse(text) {
            Ok(name) => {
                found.insert(name);
            }
            Err(fault) => report
                .syntax(item.at, &fault.to_string())
                .hint("write the mode as under `modes`"),
        }
    }
    found
}

/// One line of `arguments`: a bare value to be equal to, or a map of tests.
fn argument(report: &mut Report<'_>, entry: &Entry, tests: &mut Vec<ArgumentTest>) {
    let mut push = |operator| {
        tests.push(ArgumentTest {
            name: entry.key.clone(),
            operator,
        });
    };
    match &entry.value.data {
        Data::Bool(_) | Data::Number(_) | Data::Text(_) => {
            push(TestOperator::Eq(entry.value.to_value()));
        }
        Data::List(_) => {
            report
                .syntax(entry.value.at, "a list is no test")
                .hint("write `{ in: [...] }` for one of several values");
        }
        Data::Null => {
            report
                .syntax(
                    entry.key_at,
                    &format!("the argument `{}` is tested for nothing", entry.key),
                )
                .hint("write a value, or a map of tests");
        }
        Data::Map(_) => {
            let Some(fields) = report.fields(&entry.value, &ARGUMENT_TEST) else {
                return;
            };
            if fields.entries().is_empty() {
                report
                    .syntax(entry.value.at, "an empty test")
                    .hint("write one: eq, ne, in, not_in, gt, gte, lt, lte, matches or glob");
            }
            for line in fields.entries() {
                if let Some(operator) = operator(report, line) {
                    push(operator);
                }
            }
        }
    }
}

fn operator(report: &mut Report<'_>, line: &Entry) -> Option<TestOperator> {
    let node = &line.value;
    match line.key.as_str() {
        "eq" => scalar(report, node).map(TestOperator::Eq),
        "ne" => scalar(report, node).map(TestOperator::Ne),
        "in" => scalars(report, node).map(TestOperator::In),
        "not_in" => scalars(report, node).map(TestOperator::NotIn),
        "gt" => report.number(node, "gt").map(TestOperator::Gt),
        "gte" => report.number(node, "gte").map(TestOperator::Gte),
        "lt" => report.number(node, "lt").map(TestOperator::Lt),
        "lte" => report.number(node, "lte").map(TestOperator::Lte),
        "matches" => {
            let text = report.text(node, "matches")?;
            regex(report, node.at, text).map(TestOperator::Matches)
        }
        "glob" => {
            let text = report.text(node, "glob")?;
            report.pattern(node.at, text).map(TestOperator::Glob)
        }
        _ => None, // noted as unknown already
    }
}

fn scalar(report: &mut Report<'_>, node: &Node) -> Option<Value> {
    if matches!(node.data, Data::Bool(_) | Data::Number(_) | Data::Text(_)) {
        return Some(node.to_value());
    }
    let message = format!(
        "a test compares with a text, a number, true or false, not with {}",
        node.described()
    );
    report.syntax(node.at, &message).hint("write one value");
    None
}

fn scalars(report: &mut Report<'_>, node: &Node) -> Option<Vec<Value>> {
    let items = report.list(node, "the values of in and not_in")?;
    Some(
        items
            .iter()
            .filter_map(|item| scalar(report, item))
            .collect(),
    )
}
