//! The space that is asked: names, types of action, agents, trust levels, instants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{ActionType, Pattern, Timestamp, TrustLevel};
use crate::policy::bundle::{Bundle, NamePatterns};
use crate::policy::engine::Engine;
use crate::policy::glob::sample;
use crate::policy::rule::{Policy, Rule};

use super::change::Change;

/// The most instants at which policies begin or end that are asked.
const MOST_INSTANTS: usize = 8;

/// The bit of a trust level.
pub(super) const fn bit(level: TrustLevel) -> u8 {
    1 << (level as u8 - 1)
}

/// What the rules about a name tell apart.
pub(super) struct Classes {
    /// Bit n: some rule admits exactly the trust levels whose bits make n.
    sets: u16,
    /// Whether arguments, agents, dates or the hour may matter.
    pub(super) reads: bool,
}

impl Classes {
    /// Of the rules of both engines that may touch the name.
    pub(super) fn of(engines: [&Engine; 2], name: &str, reads_beside: bool) -> Self {
        let mut classes = Self {
            sets: 0,
            reads: reads_beside,
        };
        for engine in engines {
            engine.heads_of(name, |head| {
                classes.sets |= 1 << head.mask.trust();
                classes.reads |= !head.plain;
            });
        }
        classes
    }

    /// Trust levels, each with the bits of those that no rule tells from it.
    pub(super) fn trust(&self) -> impl Iterator<Item = (TrustLevel, u8)> {
        TrustLevel::ALL.into_iter().filter_map(|level| {
            let alike = |other: &TrustLevel| self.signature(*other) == self.signature(level);
            let first = TrustLevel::ALL.into_iter().find(alike);
            let bits = TrustLevel::ALL.into_iter().filter(alike).map(bit).sum();
            (first == Some(level)).then_some((level, bits))
        })
    }

    /// Which of the sets of trust levels that rules admit hold the level.
    fn signature(&self, level: TrustLevel) -> u16 {
        let has = |set: &u8| self.sets >> set & 1 == 1 && set & bit(level) != 0;
        (0..16).filter(has).fold(0, |all, set| all | 1 << set)
    }
}

/// The names to ask about: tools, names that patterns spell out, and an example of each wildcard that differs.
pub(super) fn names(
    before: &Engine,
    after: &Engine,
    change: &Change<'_>,
) -> BTreeMap<Arc<str>, String> {
    let mut names: BTreeMap<Arc<str>, String> = BTreeMap::new();
    for tool in before.tools().chain(after.tools()) {
        names.insert(Arc::clone(&tool.name), tool.name.to_string());
    }
    if change.sections {
        for bundle in [before.bundle(), after.bundle()] {
            for list in lists(bundle) {
                spell_out(list, &mut names);
            }
        }
    }
    let mut any_name = change.sections;
    for rule in change.added.iter().chain(&change.removed) {
        match &rule.condition.tools {
            Some(list) => spell_out(list, &mut names),
            None => any_name = true,
        }
    }
    if any_name {
        names
            .entry(Arc::from("q"))
            .or_insert_with(|| "*".to_owned());
    }
    names
}

/// The types of action to ask about: others than tool calls where the bundles tell them apart.
pub(super) fn actions(bundles: [&Arc<Bundle>; 2]) -> Vec<ActionType> {
    let rules = bundles.into_iter().flat_map(|bundle| deciding(bundle));
    let named: BTreeSet<String> = rules
        .filter_map(|rule| rule.condition.action_types.as_ref())
        .flatten()
        .map(|pattern| sample(pattern).to_ascii_lowercase())
        .collect();
    let resources = bundles
        .iter()
        .any(|bundle| !bundle.resource_policies.is_empty());
    let mut actions = vec![ActionType::ToolCall];
    if named.is_empty() && !resources {
        return actions;
    }
    let known = ["resource_access", "data_read", "data_write"].into_iter();
    for name in named.iter().map(String::as_str).chain(known) {
        actions.extend(ActionType::parse(name).filter(|action| !actions.contains(action)));
    }
    actions
}

/// The names of the list, and an example for each pattern with wildcards.
fn spell_out(list: &NamePatterns, names: &mut BTreeMap<Arc<str>, String>) {
    for entry in &list.include {
        let name = sample(&entry.pattern);
        names
            .entry(Arc::from(name))
            .or_insert_with(|| entry.pattern.to_string());
    }
}

/// Every list of tools of the bundle.
fn lists(bundle: &Bundle) -> impl Iterator<Item = &NamePatterns> {
    let modes = bundle.modes.values().flat_map(|mode| {
        [
            &mode.allowed_tools,
            &mode.blocked_tools,
            &mode.reachable_tools,
        ]
    });
    let rules = deciding(bundle).filter_map(|rule| rule.condition.tools.as_ref());
    std::iter::once(&bundle.always_blocked)
        .chain(modes.flatten())
        .chain(rules)
}

fn deciding(bundle: &Bundle) -> impl Iterator<Item = &Rule> {
    let policies = bundle.policies.iter().filter(|policy| policy.enabled);
    policies.flat_map(|policy| &policy.rules)
}

/// The patterns of agents' ids that rules name.
pub(super) fn agent_patterns(bundles: [&Arc<Bundle>; 2]) -> Vec<&Pattern> {
    let rules = bundles.into_iter().flat_map(|bundle| deciding(bundle));
    let patterns = rules
        .filter_map(|rule| rule.condition.agents.as_ref())
        .flatten();
    let by_text: BTreeMap<&str, &Pattern> = patterns
        .map(|pattern| (pattern.as_str(), pattern))
        .collect();
    by_text.into_values().collect()
}

/// Now, and the instants at which policies that differ begin or end.
pub(super) fn instants(change: &Change<'_>, now: Timestamp) -> Vec<Timestamp> {
    let ends = |policy: &&Policy| [policy.effective_from, policy.expires_at];
    let later: BTreeSet<Timestamp> = change
        .policies
        .iter()
        .flat_map(ends)
        .flatten()
        .filter(|&instant| instant > now)
        .collect();
    std::iter::once(now)
        .chain(later.into_iter().take(MOST_INSTANTS))
        .collect()
}
