//! Lists of tool patterns: groups are expanded, `!` takes names away.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::bundle::{NamePattern, NamePatterns};
use crate::policy::glob::overlap;
use crate::policy::text::{Data, Entry, Node, Report, Span, nearest};

/// The deepest that groups may use groups.
const MAX_GROUP_DEPTH: usize = 16;
/// The most patterns that groups may bring into lists, all lists together: a few lines must not cost a gigabyte.
const MAX_EXPANDED: usize = 100_000;

/// `tool_groups` by name.
#[derive(Default)]
pub(super) struct Groups {
    by_name: BTreeMap<String, NamePatterns>,
    expanded: Cell<usize>,
}

/// A list that is being read: what it fits so far, and the groups that it uses.
#[derive(Default)]
struct Reading {
    found: NamePatterns,
    used: Vec<(String, Span)>,
}

impl Groups {
    /// Reads `tool_groups` of every file; groups may use each other in any order.
    pub(super) fn read(report: &mut Report<'_>, nodes: &[&Node]) -> Self {
        let mut written: BTreeMap<&str, &Entry> = BTreeMap::new();
        let mut entries: Vec<&Entry> = Vec::new();
        for node in nodes {
            entries.extend(report.map(node, "tool_groups").unwrap_or_default());
        }
        for entry in entries {
            let named = !entry.key.is_empty()
                && entry
                    .key
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if !named {
                let message = format!("`{}` is not a group name", entry.key);
                report
                    .syntax(entry.key_at, &message)
                    .hint("a group name holds A-Z a-z 0-9 _ -");
            } else if let Some(first) = written.get(entry.key.as_str()) {
                report.twice(
                    entry.key_at,
                    first.key_at,
                    &format!("the group `{}`", entry.key),
                );
            } else {
                written.insert(&entry.key, entry);
            }
        }
        let mut groups = Self::default();
        for name in written.keys() {
            groups.resolve(report, &written, name, &mut Vec::new());
        }
        groups
    }

    /// Reads one group after those that it uses.
    fn resolve<'n>(
        &mut self,
        report: &mut Report<'_>,
        written: &BTreeMap<&'n str, &'n Entry>,
        name: &'n str,
        path: &mut Vec<&'n str>,
    ) {
        let Some(entry) = written
            .get(name)
            .filter(|_| !self.by_name.contains_key(name))
        else {
            return; // read already, or unknown, which is told where it is used
        };
        if path.contains(&name) || path.len() >= MAX_GROUP_DEPTH {
            let message = format!(
                "the group `{name}` uses itself, or groups that nest more than {MAX_GROUP_DEPTH} deep"
            );
            report
                .syntax(entry.key_at, &message)
                .hint("list the patterns instead of the group");
            self.by_name
                .insert(name.to_owned(), NamePatterns::default());
            return;
        }
        path.push(name);
        for used in groups_used(&entry.value) {
            self.resolve(report, written, used, path);
        }
        path.pop();
        if !self.by_name.contains_key(name) {
            let patterns = self.patterns(report, &entry.value, "a tool group");
            self.by_name.insert(name.to_owned(), patterns);
        }
    }

    /// Reads a list of patterns, or the one pattern that stands for it.
    pub(super) fn patterns(
        &self,
        report: &mut Report<'_>,
        node: &Node,
        what: &str,
    ) -> NamePatterns {
        let items = report.one_or_more(node, what).unwrap_or_default();
        self.items(report, items, what)
    }

    /// Reads a list of patterns that may be empty.
    pub(super) fn list(&self, report: &mut Report<'_>, node: &Node, what: &str) -> NamePatterns {
        let items = report.list(node, what).unwrap_or_default();
        self.items(report, items, what)
    }

    /// Reads the pattern that stands as a key.
    pub(super) fn key(&self, report: &mut Report<'_>, entry: &Entry) -> NamePatterns {
        let key = Node {
            at: entry.key_at,
            data: Data::Text(entry.key.clone()),
        };
        self.items(report, std::slice::from_ref(&key), "keys")
    }

    fn items(&self, report: &mut Report<'_>, items: &[Node], what: &str) -> NamePatterns {
        let mut reading = Reading::default();
        for item in items {
            if let Some(text) = report.text(item, &format!("an entry of {what}")) {
                self.entry(report, item.at, text, &mut reading);
            }
        }
        let Reading { found, used } = reading;
        for (name, at) in &used {
            self.check_clash(report, *at, name, &found);
        }
        if let (Some(first), true, false) = (
            items.first(),
            found.include.is_empty(),
            found.exclude.is_empty(),
        ) {
            let hint = "`!` only takes away: put a pattern before it, `*` for every name";
            report
                .syntax(first.at, "a list of `!` entries alone fits nothing")
                .hint(hint);
        }
        found
    }

    fn entry(&self, report: &mut Report<'_>, at: Span, text: &str, reading: &mut Reading) {
        let (negated, rest) = text
            .strip_prefix('!')
            .map_or((false, text), |rest| (true, rest));
        let Some(name) = rest.strip_prefix('@') else {
            if let Some(pattern) = report.pattern(at, rest) {
                if negated {
                    reading.found.exclude.push(pattern);
                } else {
                    reading.found.include.push(NamePattern {
                        pattern,
                        group: None,
                    });
                }
            }
            return;
        };
        let Some(group) = self.by_name.get(name) else {
            if report.is_full() {
                return;
            }
            let guess = nearest(name, self.by_name.keys().map(String::as_str));
            let suggestion = guess
                .map(|guess| format!(", did you mean `@{guess}`?"))
                .unwrap_or_default();
            report
                .syntax(at, &format!("unknown tool group `@{name}`{suggestion}"))
                .hint("groups stand under tool_groups");
            return;
        };
        self.expanded
            .set(self.expanded.get() + group.include.len() + group.exclude.len());
        if self.expanded.get() > MAX_EXPANDED {
            let message = format!("groups bring more than {MAX_EXPANDED} patterns into lists");
            report
                .syntax(at, &message)
                .hint("use fewer groups, or patterns with `*`");
            return;
        }
        if negated {
            negate(report, at, name, group, &mut reading.found);
        } else {
            reading.used.push((name.to_owned(), at));
            include(name, group, &mut reading.found);
        }
    }

    /// Notes a group whose `!` entries would take away what another entry of the list brings.
    fn check_clash(&self, report: &mut Report<'_>, at: Span, name: &str, found: &NamePatterns) {
        let Some(group) = self.by_name.get(name) else {
            return;
        };
        let others = found
            .include
            .iter()
            .filter(|entry| entry.group.as_deref() != Some(name));
        let clash = others
            .map(|entry| &entry.pattern)
            .find(|other| group.exclude.iter().any(|exclude| overlap(other, exclude)));
        if let Some(other) = clash {
            let message = format!(
                "the group `{name}` takes names away with `!` that `{other}` of this list brings"
            );
            report
                .syntax(at, &message)
                .hint("list the patterns instead of the group");
        }
    }
}

/// The names of the groups that a list uses.
fn groups_used(node: &Node) -> Vec<&str> {
    let items = if let Data::List(items) = &node.data {
        items.as_slice()
    } else {
        std::slice::from_ref(node)
    };
    items
        .iter()
        .filter_map(|item| {
            if let Data::Text(text) = &item.data {
                Some(text.as_str())
            } else {
                None
            }
        })
        .filter_map(|text| text.strip_prefix('!').unwrap_or(text).strip_prefix('@'))
        .collect()
}

/// Takes a group's names away.
fn negate(
    report: &mut Report<'_>,
    at: Span,
    name: &str,
    group: &NamePatterns,
    found: &mut NamePatterns,
) {
    if !group.exclude.is_empty() {
        let message =
            format!("`!@{name}` would bring back what the group `{name}` takes away with `!`");
        report
            .syntax(at, &message)
            .hint("list the patterns instead of the group");
        return;
    }
    found
        .exclude
        .extend(group.include.iter().map(|entry| entry.pattern.clone()));
}

/// Adds a group's names, and what it takes away.
fn include(name: &str, group: &NamePatterns, found: &mut NamePatterns) {
    let name: Arc<str> = Arc::from(name);
    found
        .include
        .extend(group.include.iter().map(|entry| NamePattern {
            pattern: entry.pattern.clone(),
            group: Some(Arc::clone(&name)),
        }));
    found.exclude.extend(group.exclude.iter().cloned());
}
