//! The capabilities dialect: recognized, so that its users are told plainly that it is not understood yet.

use crate::policy::error::FindingCode;
use crate::policy::text::{Node, Report};

use super::has_one;

/// Keys that only this dialect has.
const KEYS: [&str; 5] = [
    "global_policies",
    "role_policies",
    "emergency_policies",
    "deny_by_default",
    "parent_policies",
];

/// Whether the file, or what stands under its `policies`, has a key of the dialect.
pub(super) fn is_it(tree: &Node) -> bool {
    has_one(tree, &KEYS)
        || tree
            .get("policies")
            .is_some_and(|inner| has_one(inner, &KEYS))
}

/// Refuses the file as a whole.
pub(super) fn refuse(report: &mut Report<'_>, tree: &Node) {
    let inner = tree.get("policies").unwrap_or(tree);
    let entry = inner
        .entries()
        .iter()
        .find(|entry| KEYS.contains(&entry.key.as_str()));
    let at = entry.map_or(tree.at, |entry| entry.key_at);
    let message = "the capabilities dialect is not supported yet";
    report
        .error(FindingCode::NotSupported, at, message)
        .hint("write it in the native form: modes, parameter_constraints, policies");
}
