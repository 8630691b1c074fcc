//! One section out of several files: maps and lists are joined, single values must agree.

use std::collections::HashMap;

use crate::policy::text::{Data, Entry, Fields, Node, Report, Span};

/// What the files say, before any section of it was read.
#[derive(Default)]
pub(in crate::policy) struct Documents<'n> {
    /// Files of the native form (the modes dialect is part of it).
    pub(in crate::policy) native: Vec<Fields<'n>>,
    /// Policies of files in the rules dialect.
    pub(in crate::policy) policies: Vec<&'n Node>,
}

impl<'n> Documents<'n> {
    /// Whether no file says anything.
    pub(super) fn is_empty(&self) -> bool {
        self.native.is_empty() && self.policies.is_empty()
    }

    /// Where the first file starts.
    pub(super) fn start(&self) -> Span {
        let native = self.native.first().map(|fields| fields.at);
        native
            .or_else(|| self.policies.first().map(|node| node.at))
            .unwrap_or(Span::file(0))
    }

    /// The values of a key, one a file.
    pub(super) fn values(&self, key: &str) -> Vec<&'n Node> {
        self.native
            .iter()
            .filter_map(|fields| fields.get(key))
            .collect()
    }

    /// The value of a key that all files together have once, or in one wording.
    pub(super) fn single(&self, report: &mut Report<'_>, key: &str) -> Option<&'n Node> {
        let mut entries = self.native.iter().filter_map(|fields| fields.entry(key));
        let first = entries.next()?;
        agree(report, first, entries);
        Some(&first.value)
    }

    /// The lines of a map that all files share, each key once.
    pub(super) fn joined(&self, report: &mut Report<'_>, key: &str) -> Vec<&'n Entry> {
        let mut first: HashMap<&str, Span> = HashMap::new();
        let mut joined = Vec::new();
        for node in self.values(key) {
            for entry in report.map(node, key).unwrap_or_default() {
                if let Some(&before) = first.get(entry.key.as_str()) {
                    report.twice(entry.key_at, before, &format!("`{}` of {key}", entry.key));
                } else {
                    first.insert(&entry.key, entry.key_at);
                    joined.push(entry);
                }
            }
        }
        joined
    }
}

/// Notes every entry whose value differs from the first one's.
pub(super) fn agree<'n>(
    report: &mut Report<'_>,
    first: &Entry,
    others: impl Iterator<Item = &'n Entry>,
) {
    for other in others {
        if !same(&first.value, &other.value) {
            let place = report.place(first.key_at);
            let message = format!("`{}` differs from {place}", other.key);
            report
                .syntax(other.key_at, &message)
                .hint("let one file say it");
        }
    }
}

/// Whether two values say the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.data, &b.data) {
        (Data::Null, Data::Null) => true,
        (Data::Bool(a), Data::Bool(b)) => a == b,
        (Data::Number(a), Data::Number(b)) => a == b,
        (Data::Text(a), Data::Text(b)) => a == b,
        (Data::List(_), Data::List(_)) | (Data::Map(_), Data::Map(_)) => {
            a.to_value() == b.to_value()
        }
        _ => false,
    }
}
