//! The modes dialect: `ops_policy.json` of earlier gateways.
//!
//! Every key of it is a key of the native form with the same meaning, so it is read as such: tool names are
//! patterns without wildcards, `time_restrictions` is the short form, a mode without `max_duration` lasts an hour.

use crate::policy::text::Node;

/// The keys of the dialect.
const KEYS: [&str; 7] = [
    "policy_name",
    "version",
    "description",
    "modes",
    "global_rules",
    "time_restrictions",
    "resource_policies",
];

/// Whether the file says nothing beyond the dialect, and names modes.
pub(super) fn is_it(tree: &Node) -> bool {
    tree.get("modes").is_some()
        && tree
            .entries()
            .iter()
            .all(|entry| KEYS.contains(&entry.key.as_str()))
}
