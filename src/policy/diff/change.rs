//! Which rules differ between two bundles.

use std::collections::{BTreeMap, HashSet};

use crate::domain::{Digest, PolicyId};
use crate::policy::bundle::{Bundle, Enforcement};
use crate::policy::normal;
use crate::policy::rule::{Policy, Rule, RuleAction};

/// What differs.
pub(super) struct Change<'b> {
    /// Rules that only the new bundle has, or has elsewhere in the order.
    pub(super) added: Vec<&'b Rule>,
    /// Rules that only the old bundle has, or had elsewhere in the order.
    pub(super) removed: Vec<&'b Rule>,
    /// Policies whose rules differ, for the instants at which they begin and end.
    pub(super) policies: Vec<&'b Policy>,
    /// Whether what stands beside the rules differs.
    pub(super) sections: bool,
}

impl<'b> Change<'b> {
    pub(super) fn between(before: &'b Bundle, after: &'b Bundle) -> Self {
        let mut change = Self {
            added: Vec::new(),
            removed: Vec::new(),
            policies: Vec::new(),
            sections: normal::sections(before) != normal::sections(after),
        };
        let (old, new) = (deciding(before), deciding(after));
        for (id, policy) in &new {
            change.compare(old.get(id).copied(), Some(policy));
        }
        for (id, policy) in &old {
            if !new.contains_key(id) {
                change.compare(Some(policy), None);
            }
        }
        change
    }

    fn compare(&mut self, old: Option<&'b Policy>, new: Option<&'b Policy>) {
        let same_place = match (old, new) {
            (Some(old), Some(new)) => place(old) == place(new),
            (None, _) | (_, None) => false,
        };
        let digests = |policy: Option<&'b Policy>| -> HashSet<Digest> {
            let rules = policy
                .filter(|_| same_place)
                .into_iter()
                .flat_map(|policy| &policy.rules);
            rules.map(|rule| rule.digest).collect()
        };
        let (known_old, known_new) = (digests(old), digests(new));
        let rules = |policy: Option<&'b Policy>, known: &HashSet<Digest>| -> Vec<&'b Rule> {
            let rules = policy.into_iter().flat_map(|policy| &policy.rules);
            rules.filter(|rule| !known.contains(&rule.digest)).collect()
        };
        let (added, removed) = (rules(new, &known_old), rules(old, &known_new));
        if added.is_empty() && removed.is_empty() {
            return;
        }
        self.added.extend(added);
        self.removed.extend(removed);
        self.policies.extend(old.into_iter().chain(new));
    }

    /// Whether the new bundle is the old one with further denials.
    pub(super) fn only_denies_more(&self) -> bool {
        self.removed.is_empty()
            && self
                .added
                .iter()
                .all(|rule| rule.action == RuleAction::Deny)
    }
}

/// The policies that decide, by id.
fn deciding(bundle: &Bundle) -> BTreeMap<&PolicyId, &Policy> {
    let decides = |policy: &&Policy| policy.enabled && policy.enforcement == Enforcement::Enforce;
    let policies = bundle.policies.iter().filter(decides);
    policies.map(|policy| (&policy.id, policy)).collect()
}

/// Where in the order, and when, the policy's rules stand.
fn place(policy: &Policy) -> impl PartialEq + use<> {
    (policy.priority, policy.effective_from, policy.expires_at)
}
