//! Patterns that match no tool of the catalogue (`PG020`).
//!
//! A name without wildcard that nobody has is a typo, wherever it stands. A list with wildcards may well speak of
//! tools to come where it denies; where it allows, it is told when nothing in it matches.

use std::collections::BTreeSet;

use crate::domain::{Pattern, ToolClass};
use crate::policy::bundle::{NamePattern, NamePatterns};
use crate::policy::error::FindingCode;
use crate::policy::parameter::Parameter;
use crate::policy::rule::{Condition, RuleAction};
use crate::policy::text::nearest;

use super::deciding;
use super::lint::{Lint, Subject, written};

/// The shortest start or end of a name for which a typo is guessed.
const SHORTEST_GUESSED: usize = 6;

/// Whether a list grants or guards.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Grants,
    Guards,
}

/// Checks every list of tools.
pub(super) fn check(lint: &mut Lint<'_>) {
    let bundle = lint.bundle;
    check_list(
        lint,
        &Subject::other(&bundle.always_blocked_at, ""),
        &bundle.always_blocked,
        Purpose::Guards,
    );
    for mode in bundle.modes.values() {
        let subject = Subject::other(&mode.at, "");
        let lists = [
            (&mode.allowed_tools, Purpose::Grants),
            (&mode.blocked_tools, Purpose::Guards),
            (&mode.reachable_tools, Purpose::Guards),
        ];
        for (list, purpose) in lists {
            if let Some(list) = list {
                check_list(lint, &subject, list, purpose);
            }
        }
    }
    for policy in deciding(bundle) {
        for rule in policy
            .rules
            .iter()
            .filter(|rule| is_about_tools(&rule.condition))
        {
            let purpose = if rule.action == RuleAction::Allow {
                Purpose::Grants
            } else {
                Purpose::Guards
            };
            if let Some(tools) = &rule.condition.tools {
                check_list(lint, &Subject::rule(rule, ""), tools, purpose);
            }
            rule.require
                .values()
                .for_each(|it| check_source(lint, &Subject::rule(rule, ""), it));
        }
    }
    for window in &bundle.time_restrictions {
        check_list(
            lint,
            &Subject::other(&window.at, ""),
            &window.tools,
            Purpose::Grants,
        );
    }
    for constraints in &bundle.constraints {
        let subject = Subject::other(&constraints.at, "");
        check_list(lint, &subject, &constraints.tools, Purpose::Grants);
        constraints
            .parameters
            .values()
            .for_each(|it| check_source(lint, &subject, it));
    }
}

/// Whether the condition speaks of tools, not of the targets of other action types.
fn is_about_tools(condition: &Condition) -> bool {
    let types = condition.action_types.as_deref();
    types.is_none_or(|types| types.iter().any(|pattern| pattern.matches("tool_call")))
}

fn check_list(lint: &mut Lint<'_>, subject: &Subject<'_>, tools: &NamePatterns, purpose: Purpose) {
    if lint.is_full() {
        return;
    }
    let matches = |pattern: &Pattern| matches_one(lint, pattern);
    let idle =
        purpose == Purpose::Grants && !tools.include.iter().any(|entry| matches(&entry.pattern));
    let strays: Vec<(&NamePattern, Option<String>)> = tools
        .include
        .iter()
        .filter(|entry| !matches(&entry.pattern))
        .map(|entry| (entry, suggestion(lint, tools, &entry.pattern)))
        .filter(|(entry, near)| entry.pattern.exact().is_some() || idle || near.is_some())
        .collect();
    for (entry, near) in strays {
        let guess = near
            .map(|near| format!(", did you mean `{near}`?"))
            .unwrap_or_default();
        let message = match entry.pattern.exact() {
            Some(_) => format!("there is no tool `{}`{guess}", entry.pattern),
            None => format!("`{}` matches no tool{guess}", entry.pattern),
        };
        let word = written(entry);
        let of_group = entry.group.is_some();
        if of_group && !lint.told.insert((word.clone(), entry.pattern.to_string())) {
            continue;
        }
        let subject = Subject {
            word: &word,
            at: subject.at,
            rule: subject.rule,
        };
        lint.note(
            FindingCode::MatchesNothing,
            &subject,
            &message,
            "names are compared as a whole; `policyguard policy explain` shows what matches",
        );
    }
}

/// Whether some tool's name fits. Most patterns are names or starts of names, which a sorted set answers.
fn matches_one(lint: &Lint<'_>, pattern: &Pattern) -> bool {
    if let Some(name) = pattern.exact() {
        return lint.names.contains(name);
    }
    if let Some(start) = pattern.prefix() {
        let next = lint.names.range(start.to_owned()..).next();
        return next.is_some_and(|name| name.starts_with(start));
    }
    lint.names.iter().any(|name| pattern.matches(name))
}

/// The pattern that was probably meant: a tool's name, or the start or end that tools' names have.
///
/// Short words have too many neighbours, and a word that stands in the same list is meant as well as its neighbour.
fn suggestion(lint: &Lint<'_>, tools: &NamePatterns, pattern: &Pattern) -> Option<String> {
    let names = || lint.tools.iter().map(|tool| &*tool.name);
    if let Some(name) = pattern.exact() {
        return nearest(name, names()).map(str::to_owned);
    }
    let near = if let Some(start) = pattern.prefix() {
        format!("{}*", near_word(start, &lint.starts)?)
    } else {
        let end = pattern.suffix()?;
        format!("*{}", near_word(end, &lint.ends)?)
    };
    let stands_too = tools
        .include
        .iter()
        .any(|entry| entry.pattern.as_str() == near);
    (!stands_too).then_some(near)
}

/// The nearest word with the same first letter: `restrt_` is a slip for `restart_`, `start_` is a word of its own.
fn near_word<'w>(word: &str, words: &'w BTreeSet<String>) -> Option<&'w str> {
    let first = |text: &str| text.trim_start_matches('_').chars().next();
    let alike = words
        .iter()
        .map(String::as_str)
        .filter(|other| first(other) == first(word));
    (word.len() >= SHORTEST_GUESSED)
        .then(|| nearest(word, alike))
        .flatten()
}

/// The tool whose answer lists valid values must exist and change nothing.
fn check_source(lint: &mut Lint<'_>, subject: &Subject<'_>, parameter: &Parameter) {
    let Some(source) = &parameter.allowlist_source else {
        return;
    };
    let subject = Subject {
        word: source,
        at: subject.at,
        rule: subject.rule,
    };
    match lint.tools.iter().find(|tool| tool.name == *source) {
        None => {
            let near = nearest(source, lint.tools.iter().map(|tool| &*tool.name));
            let guess = near
                .map(|near| format!(", did you mean `{near}`?"))
                .unwrap_or_default();
            let message = format!("there is no tool `{source}` to list the values{guess}");
            lint.note(
                FindingCode::MatchesNothing,
                &subject,
                &message,
                "until there is one, every call is denied",
            );
        }
        Some(tool) if tool.class != ToolClass::Read => {
            let message = format!("`{source}` changes something: it cannot list values");
            lint.note(
                FindingCode::Syntax,
                &subject,
                &message,
                "name a tool that only reads",
            );
        }
        Some(_) => {}
    }
}
