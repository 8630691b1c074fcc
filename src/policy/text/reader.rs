//! Typed reading of a tree: what is not as it should be is noted, and reading goes on.

use std::time::Duration;

use crate::domain::{Pattern, Timestamp};
use crate::policy::error::FindingCode;

use super::tree::short;
use super::{Data, Entry, Node, Report, Span, nearest};

/// A kind of map in a policy file: its keys, each with what it means.
#[derive(Debug, Clone, Copy)]
pub(in crate::policy) struct Shape {
    /// What the map is, for messages: `a rule`.
    pub what: &'static str,
    /// What a key of it is called, for messages: `key`, `condition`.
    pub noun: &'static str,
    /// The keys and what they say.
    pub keys: &'static [(&'static str, &'static str)],
    /// Keys of later versions, refused by name (`PG002`).
    pub later: &'static [&'static str],
}

impl Shape {
    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|&(name, _)| name == key)
    }
}

/// A map whose keys are known.
#[derive(Debug, Clone, Copy)]
pub(in crate::policy) struct Fields<'n> {
    /// Where the map starts.
    pub at: Span,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(in crate::policy) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The line of a key.
    pub(in crate::policy) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The lines of the map.
    pub(in crate::policy) const fn entries(&self) -> &'n [Entry] {
        self.entries
    }
}

impl Report<'_> {
    /// The map, when it is one; unknown keys are noted with the nearest known one.
    pub(in crate::policy) fn fields<'n>(
        &mut self,
        node: &'n Node,
        shape: &Shape,
    ) -> Option<Fields<'n>> {
        let entries = self.map(node, shape.what)?;
        for entry in entries {
            let key = entry.key.as_str();
            if shape.later.contains(&key) {
                let message = format!("`{key}` is not supported yet");
                let hint = "take it out: a key without effect would only look like protection";
                self.error(FindingCode::NotSupported, entry.key_at, &message)
                    .hint(hint);
            } else if !shape.has(key) {
                self.unknown_key(entry, shape);
            }
        }
        Some(Fields {
            at: node.at,
            entries,
        })
    }

    fn unknown_key(&mut self, entry: &Entry, shape: &Shape) {
        if self.is_full() {
            self.skip();
            return; // a guess costs more than all the rest of the line
        }
        let known = shape.keys.iter().map(|&(name, _)| name);
        let guess = nearest(&entry.key, known.clone().chain(shape.later.iter().copied()));
        let suggestion = guess
            .map(|guess| format!(", did you mean `{guess}`?"))
            .unwrap_or_default();
        let message = format!("unknown {} `{}`{suggestion}", shape.noun, short(&entry.key));
        let all = format!(
            "{} has: {}",
            shape.what,
            known.collect::<Vec<_>>().join(", ")
        );
        self.syntax(entry.key_at, &message).hint(&all);
    }

    /// The lines of a map with free keys.
    pub(in crate::policy) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        if let Data::Map(entries) = &node.data {
            return Some(entries);
        }
        self.mismatch(
            node,
            &format!("{what} is a map of keys"),
            "write `key: value` lines",
        );
        None
    }

    /// The items of a list.
    pub(in crate::policy) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        if let Data::List(items) = &node.data {
            return Some(items);
        }
        self.mismatch(
            node,
            &format!("{what} is a list"),
            "write `[a, b]`, also for one",
        );
        None
    }

    /// The items of a list, or the one value that stands for a list of one.
    pub(in crate::policy) fn one_or_more<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
    ) -> Option<&'n [Node]> {
        match &node.data {
            Data::List(items) if items.is_empty() => {
                let message = format!("an empty list for {what} fits nothing");
                self.error(FindingCode::Unreachable, node.at, &message)
                    .hint("leave the key out, or list what it may be");
                None
            }
            Data::List(items) => Some(items),
            Data::Text(_) => Some(std::slice::from_ref(node)),
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::Map(_) => {
                self.mismatch(
                    node,
                    &format!("{what} is a text or a list of texts"),
                    "write one text, or `[a, b]`",
                );
                None
            }
        }
    }

    /// A text.
    pub(in crate::policy) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        if let Data::Text(text) = &node.data {
            return Some(text);
        }
        let noted = format!("{what} is a text, not {}", node.described());
        let hint = match &node.data {
            Data::Number(number) => format!("quote it: \"{number}\""),
            Data::Bool(flag) => format!("quote it: \"{flag}\""),
            Data::Null => "write one, or leave the key out".to_owned(),
            Data::Text(_) | Data::List(_) | Data::Map(_) => "write one text".to_owned(),
        };
        self.syntax(node.at, &noted).hint(&hint);
        None
    }

    /// `true` or `false`.
    pub(in crate::policy) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Data::Bool(flag) = node.data {
            return Some(flag);
        }
        let message = format!("{what} is `true` or `false`, not {}", node.described());
        self.syntax(node.at, &message)
            .hint("write `true` or `false`, without quotes");
        None
    }

    /// A whole number.
    pub(in crate::policy) fn integer(&mut self, node: &Node, what: &str) -> Option<i64> {
        if let Data::Number(number) = &node.data
            && let Some(integer) = number.as_i64()
        {
            return Some(integer);
        }
        self.mismatch(
            node,
            &format!("{what} is a whole number"),
            "write digits without quotes",
        );
        None
    }

    /// A whole number, zero or more.
    pub(in crate::policy) fn count_of(&mut self, node: &Node, what: &str) -> Option<usize> {
        let integer = self.integer(node, what)?;
        let count = usize::try_from(integer).ok();
        if count.is_none() {
            self.mismatch(
                node,
                &format!("{what} is zero or more"),
                "write digits without quotes",
            );
        }
        count
    }

    /// A number.
    pub(in crate::policy) fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        if let Data::Number(number) = &node.data {
            return number.as_f64();
        }
        self.mismatch(
            node,
            &format!("{what} is a number"),
            "write digits without quotes",
        );
        None
    }

    /// One of a closed list of words.
    pub(in crate::policy) fn word<T>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T>
    where
        T: Clone,
    {
        let text = self.text(node, what)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(meaning.clone());
        }
        if self.is_full() {
            self.skip();
            return None;
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let guess = nearest(text, all.iter().copied());
        let suggestion = guess
            .map(|guess| format!(", did you mean `{guess}`?"))
            .unwrap_or_default();
        let message = format!("invalid {what} `{}`{suggestion}", short(text));
        self.syntax(node.at, &message)
            .hint(&format!("must be one of: {}", all.join(", ")));
        None
    }

    /// A glob.
    pub(in crate::policy) fn pattern(&mut self, at: Span, text: &str) -> Option<Pattern> {
        if !self.may_compile(at) {
            return None;
        }
        match Pattern::parse(text) {
            Ok(pattern) => Some(pattern),
            Err(fault) => {
                self.syntax(at, &format!("`{}` is not a pattern: {fault}", short(text)))
                    .hint("patterns are globs over the whole name: * ? [abc] {a,b}");
                None
            }
        }
    }

    /// `30s`, `5m`, `1h`, `7d`.
    pub(in crate::policy) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        if let Data::Number(number) = &node.data {
            self.syntax(node.at, &format!("{what} has no unit"))
                .hint(&format!("write `{number}s` for seconds, or m, h, d"));
            return None;
        }
        let text = self.text(node, what)?;
        let duration = parse_duration(text);
        if duration.is_none() {
            self.syntax(node.at, &format!("`{}` is not a duration", short(text)))
                .hint("write a whole number above zero and s, m, h or d: `30s`, `5m`, `1h`");
        }
        duration
    }

    /// An instant in RFC 3339, or nothing where the file says `null`.
    pub(in crate::policy) fn instant(&mut self, node: &Node, what: &str) -> Option<Timestamp> {
        if node.data == Data::Null {
            return None;
        }
        let text = self.text(node, what)?;
        let instant = Timestamp::parse(text);
        if instant.is_none() {
            self.syntax(node.at, &format!("`{}` is not an instant", short(text)))
                .hint("write it as RFC 3339: `2026-01-01T00:00:00Z`");
        }
        instant
    }

    fn mismatch(&mut self, node: &Node, expectation: &str, form: &str) {
        let message = format!("{expectation}, not {}", node.described());
        let hint = if node.data == Data::Null {
            "give it a value, or leave the key out"
        } else {
            form
        };
        self.syntax(node.at, &message).hint(hint);
    }
}

/// Whole seconds, minutes, hours or days above zero.
pub(in crate::policy) fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok().filter(|&count| count > 0)?;
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}
