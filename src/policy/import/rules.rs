//! The rules dialect: a list of policies, one policy, or the object given to `create_policy`.

use serde_json::Value;

use crate::policy::error::Finding;
use crate::policy::load::read_call;
use crate::policy::rule::Policy;
use crate::policy::text::{Data, Node, Report, Source, Span};

use super::{has_native_key, has_one, is_list};

/// Whether the file is a list, or a map with rules and nothing of the native form.
pub(super) fn is_it(tree: &Node) -> bool {
    is_list(tree) || (has_one(tree, &["rules"]) && !has_native_key(tree))
}

/// The policies of such a file.
pub(super) fn policies(tree: &Node) -> &[Node] {
    if let Data::List(items) = &tree.data {
        items
    } else {
        std::slice::from_ref(tree)
    }
}

/// Reads the object given to `create_policy`: `{policy_id | id, name, rules, description?, priority?, enabled?, enforcement?}`.
///
/// `door` names where it came from, as files are named elsewhere.
///
/// # Errors
/// Every mistake; [`call_problems`] says them as the caller reads them.
pub fn parse_rules(value: &Value, door: &str) -> Result<Policy, Vec<Finding>> {
    let sources = [Source::new(door, "")];
    let mut report = Report::new(&sources);
    let node = Node::of_value(value, Span::file(0));
    let policy = read_call(&mut report, &node);
    match policy {
        Some(policy) if !report.has_errors() => Ok(policy),
        Some(_) | None => Err(report.into_findings()),
    }
}

/// The mistakes of a call in one line, each with its rule, counted from 1 as people count.
#[must_use]
pub fn call_problems(findings: &[Finding]) -> String {
    let problems: Vec<String> = findings.iter().map(call_problem).collect();
    problems.join("; ")
}

fn call_problem(finding: &Finding) -> String {
    let message = finding.message.replace('`', "'");
    let choices = finding
        .hint
        .as_deref()
        .and_then(|hint| hint.strip_prefix("must be one of: "));
    let mut text = match (finding.rule, choices) {
        (Some(rule), Some(_)) => format!("Rule {} has {message}", rule + 1),
        (Some(rule), None) => format!("Rule {}: {message}", rule + 1),
        (None, _) => capitalized(&message),
    };
    if let Some(choices) = choices {
        text.push_str(". Must be one of: ");
        text.push_str(choices);
    }
    text
}

fn capitalized(message: &str) -> String {
    let mut chars = message.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(chars)
        .collect()
}
