//! Recognizes the dialect of a file and brings it under the native form.

mod capabilities; // understood later, recognized now
mod modes; // `ops_policy.json`
mod rules; // lists of policies, `create_policy`

pub use rules::{call_problems, parse_rules};

use super::load::{Documents, is_native_key};
use super::text::{Data, Node, Report};

use super::document::DOCUMENT;

/// What form a file has.
enum Dialect {
    /// As `spec/policy-file.md` has it.
    Native,
    /// Modes and global rules alone: part of the native form.
    Modes,
    /// A list of policies, or one policy.
    Rules,
    /// Capabilities by role.
    Capabilities,
}

/// Sorts the trees by dialect; notes what was not in the native form.
pub(in crate::policy) fn recognize<'n>(
    report: &mut Report<'_>,
    trees: &'n [Node],
) -> (Documents<'n>, Vec<String>) {
    let mut documents = Documents::default();
    let mut notes = Vec::new();
    for tree in trees {
        let place = report.place(tree.at).file;
        match dialect(tree) {
            Dialect::Native => documents.native.extend(report.fields(tree, &DOCUMENT)),
            Dialect::Modes => {
                documents.native.extend(report.fields(tree, &DOCUMENT));
                notes.push(format!(
                    "{place}: read as the modes dialect, which is part of the native form"
                ));
            }
            Dialect::Rules => {
                documents.policies.extend(rules::policies(tree));
                notes.push(format!("{place}: read as the rules dialect"));
            }
            Dialect::Capabilities => capabilities::refuse(report, tree),
        }
    }
    (documents, notes)
}

fn dialect(tree: &Node) -> Dialect {
    if capabilities::is_it(tree) {
        Dialect::Capabilities
    } else if modes::is_it(tree) {
        Dialect::Modes
    } else if rules::is_it(tree) {
        Dialect::Rules
    } else {
        Dialect::Native
    }
}

/// Whether the tree is a map that has one of the keys.
fn has_one(tree: &Node, keys: &[&str]) -> bool {
    tree.entries()
        .iter()
        .any(|entry| keys.contains(&entry.key.as_str()))
}

/// Whether the tree is a list.
const fn is_list(tree: &Node) -> bool {
    matches!(tree.data, Data::List(_))
}

/// Whether the tree is a map with a key of the native form.
fn has_native_key(tree: &Node) -> bool {
    tree.entries()
        .iter()
        .any(|entry| !matches!(entry.key.as_str(), "description") && is_native_key(&entry.key))
}
