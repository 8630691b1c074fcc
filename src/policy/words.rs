//! How problems show what was sent: numbers as they are, texts never, names only in part.

use std::fmt;

use serde_json::Value;

/// So many allowed values are listed in a problem.
const MAX_LISTED: usize = 20;

/// The value of which a problem is told: `count`, or `hosts[2]`.
pub(super) enum Spot<'a> {
    /// A parameter.
    Parameter(&'a str),
    /// An item of a list.
    Item(&'a Spot<'a>, usize),
}

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "{name}"),
            Self::Item(list, index) => write!(f, "{list}[{index}]"),
        }
    }
}

/// A value in a problem: numbers and booleans as they are, anything else by its kind.
pub(super) struct Shown<'a>(pub(super) &'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::String(_) => f.write_str("a text"),
            Value::Array(_) => f.write_str("a list"),
            Value::Object(_) => f.write_str("an object"),
        }
    }
}

/// A name that a caller made up, shortened and without what could disturb a terminal.
pub(super) struct Name<'a>(pub(super) &'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_graphic() || c == ' ';
        for c in self.0.chars().take(64) {
            write!(f, "{}", if plain(c) { c } else { '?' })?;
        }
        if self.0.chars().nth(64).is_some() {
            f.write_str("…")
        } else {
            Ok(())
        }
    }
}

/// Values with commas, at most twenty of them.
pub(super) struct Listed<'a, T>(pub(super) &'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().take(MAX_LISTED).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{value}")?;
        }
        match self.0.len().checked_sub(MAX_LISTED) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            Some(0) | None => Ok(()),
        }
    }
}
