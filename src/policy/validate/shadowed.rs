//! Rules that another one always beats (`PG011`).
//!
//! Witness words of a rule's patterns go through the index of all patterns; only rules that match every witness
//! are compared exactly, so that ten thousand rules cost milliseconds.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::domain::{Owner, Pattern, ToolFacts};
use crate::policy::bundle::{Enforcement, NamePattern, NamePatterns};
use crate::policy::error::FindingCode;
use crate::policy::glob::{covers, overlap, witness};
use crate::policy::index::{Head, NameIndex};
use crate::policy::mask::Mask;
use crate::policy::rule::{Condition, Policy, Rule, RuleAction};

use super::deciding;
use super::lint::{Lint, Subject, called};

/// So many rules that might cover one are compared exactly; a bundle of look-alikes must not take for ever.
const MOST_COMPARED: usize = 2_000;

/// Checks every rule against those that come before it in the order of decision.
pub(super) fn check(lint: &mut Lint<'_>) {
    let bundle = lint.bundle;
    let mut ordered: Vec<(&Policy, &Rule)> = deciding(bundle)
        .filter(|policy| policy.enforcement == Enforcement::Enforce)
        .flat_map(|policy| policy.rules.iter().map(move |rule| (policy, rule)))
        .collect();
    ordered.sort_by_key(|(policy, rule)| {
        (
            Reverse(policy.priority),
            Reverse(rule.action),
            &policy.id,
            rule.index,
        )
    });
    let any = NamePatterns {
        include: everything().into_iter().collect(),
        exclude: Vec::new(),
    };
    let mask = Mask::of_rule(&Condition::default(), &[]);
    let heads = (0_u32..).zip(&ordered).map(|(rank, (_, rule))| {
        let head = Head {
            mask,
            rank,
            plain: true,
            verify: false,
        };
        (head, rule.condition.tools.as_ref().unwrap_or(&any))
    });
    let index = NameIndex::build(heads);
    for (place, &(policy, rule)) in ordered.iter().enumerate() {
        let words = witnesses(rule);
        let before = candidates(&index, &words, place);
        let beats = |&rank: &usize| {
            let earlier = ordered.get(rank).copied()?;
            let beaten = covers_rest(earlier, (policy, rule))
                && fits_all(earlier.1, &words)
                && covers_names(lint, earlier.1, rule);
            beaten.then_some(earlier)
        };
        let Some((by_policy, by)) = before.iter().take(MOST_COMPARED).find_map(beats) else {
            continue;
        };
        let message = format!(
            "{} never decides: {} comes first and covers it",
            called(policy, rule),
            called(by_policy, by)
        );
        let hint = format!(
            "raise its priority above {}, narrow the other ({}), or take it out",
            by_policy.priority, by.at
        );
        lint.note(
            FindingCode::Shadowed,
            &Subject::rule(rule, ""),
            &message,
            &hint,
        );
    }
}

/// A word for each pattern of the rule that fits it and hardly any pattern that does not cover it.
fn witnesses(rule: &Rule) -> Vec<String> {
    let tools = rule.condition.tools.as_ref();
    let entries = tools.map_or_else(
        || everything().into_iter().collect(),
        |tools| tools.include.clone(),
    );
    entries
        .iter()
        .map(|entry| witness(&entry.pattern))
        .collect()
}

/// Whether the rule's patterns fit every word: cheap, and false for nearly every rule that covers none of them.
fn fits_all(rule: &Rule, words: &[String]) -> bool {
    let tools = rule.condition.tools.as_ref();
    tools.is_none_or(|tools| words.iter().all(|word| tools.matches(word)))
}

/// The earlier rules that the index gives for every word, first ones first.
fn candidates(index: &NameIndex, words: &[String], place: usize) -> Vec<usize> {
    let mut left: Option<Vec<usize>> = None;
    for word in words {
        let mut found = Vec::new();
        index.visit(word.as_bytes(), |heads| {
            let ranks = heads
                .iter()
                .filter_map(|head| usize::try_from(head.rank).ok());
            found.extend(ranks.take_while(|&rank| rank < place));
        });
        found.sort_unstable();
        found.dedup();
        if let Some(left) = &left {
            found.retain(|rank| left.binary_search(rank).is_ok());
        }
        if found.is_empty() {
            return found;
        }
        left = Some(found);
    }
    left.unwrap_or_default()
}

/// Whether the earlier rule fires and decides wherever the later one could, names apart.
fn covers_rest((first_policy, first): (&Policy, &Rule), (policy, rule): (&Policy, &Rule)) -> bool {
    let (a, b) = (&first.condition, &rule.condition);
    let in_time = first_policy
        .effective_from
        .is_none_or(|from| policy.effective_from.is_some_and(|other| from <= other))
        && first_policy
            .expires_at
            .is_none_or(|until| policy.expires_at.is_some_and(|other| until >= other));
    in_time
        && (a.trust.bits() & b.trust.bits()) == b.trust.bits()
        && covers_set(a.modes.as_ref(), b.modes.as_ref())
        && covers_patterns(a.action_types.as_deref(), b.action_types.as_deref())
        && covers_patterns(a.agents.as_deref(), b.agents.as_deref())
        && covers_arguments(first, rule)
}

/// Whether the first one's tests hold wherever the other rule fires.
///
/// A deny fires on what cannot be decided too, an allow and an approval do not: an allow that tests an argument
/// leaves to a later deny the calls that leave the argument out.
fn covers_arguments(first: &Rule, rule: &Rule) -> bool {
    let tests = &first.condition.arguments;
    tests.is_empty()
        || ((first.action == RuleAction::Deny || rule.action == RuleAction::Allow)
            && tests
                .iter()
                .all(|test| rule.condition.arguments.contains(test)))
}

fn covers_set<T: Ord>(a: Option<&BTreeSet<T>>, b: Option<&BTreeSet<T>>) -> bool {
    a.is_none_or(|a| b.is_some_and(|b| b.is_subset(a)))
}

fn covers_patterns(a: Option<&[Pattern]>, b: Option<&[Pattern]>) -> bool {
    a.is_none_or(|a| match b {
        Some(b) => b
            .iter()
            .all(|inner| a.iter().any(|outer| covers(outer, inner))),
        None => a.iter().any(Pattern::is_any),
    })
}

/// Whether the first rule's list holds for every name that the second one's brings.
///
/// The gateway's own tools are touched by entries that name them in full alone, and never by an allow: a wildcard
/// or an allow covers no rule about those.
fn covers_names(lint: &Lint<'_>, first: &Rule, rule: &Rule) -> bool {
    let (a, b) = (
        first.condition.tools.as_ref(),
        rule.condition.tools.as_ref(),
    );
    let Some(b) = b else {
        return a.is_none_or(|a| {
            a.exclude.is_empty() && a.include.iter().any(|entry| entry.pattern.is_any())
        });
    };
    b.include.iter().all(|inner| {
        if names_gateway_tool(lint, inner) {
            return first.action != RuleAction::Allow
                && a.is_some_and(|a| a.names_exactly(inner.pattern.as_str()));
        }
        let Some(a) = a else { return true };
        let covered = a
            .include
            .iter()
            .any(|outer| covers(&outer.pattern, &inner.pattern));
        let spared = |out: &Pattern| overlap(out, &inner.pattern) && !b.exclude.contains(out);
        covered && !a.exclude.iter().any(spared)
    })
}

fn names_gateway_tool(lint: &Lint<'_>, entry: &NamePattern) -> bool {
    let own = |tool: &ToolFacts| tool.owner == Owner::Gateway && entry.pattern.matches(&tool.name);
    entry.group.is_none() && entry.pattern.exact().is_some() && lint.tools.iter().any(own)
}

/// The list entry that stands for no list.
fn everything() -> Option<NamePattern> {
    Pattern::parse("*").ok().map(|pattern| NamePattern {
        pattern,
        group: None,
    })
}
