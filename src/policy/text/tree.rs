//! What a text says, before anyone asks what it means: values with their places.

use serde_json::{Number, Value};

/// A spot in one of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::policy) struct Span {
    /// Which source.
    pub source: u32,
    /// Line, from 1; 0: the source as a whole.
    pub line: u32,
    /// Column in characters, from 1; 0: the line as a whole.
    pub column: u32,
    /// Characters covered on that line.
    pub length: u32,
}

impl Span {
    /// The spot of these numbers; whatever is beyond 32 bits is at the end.
    pub(in crate::policy) fn new(source: usize, line: usize, column: usize, length: usize) -> Self {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            source: small(source),
            line: small(line),
            column: small(column),
            length: small(length),
        }
    }

    /// The source as a whole.
    pub(in crate::policy) fn file(source: usize) -> Self {
        Self::new(source, 0, 0, 0)
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::policy) struct Node {
    /// Where it starts.
    pub at: Span,
    /// What it is.
    pub data: Data,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::policy) enum Data {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`, in these spellings only.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the text, keys unique.
    Map(Vec<Entry>),
}

/// A line of a map.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::policy) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_at: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The tree of a value that came without a text; every part of it has the same place.
    pub(in crate::policy) fn of_value(value: &Value, at: Span) -> Self {
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(flag) => Data::Bool(*flag),
            Value::Number(number) => Data::Number(number.clone()),
            Value::String(text) => Data::Text(text.clone()),
            Value::Array(items) => {
                Data::List(items.iter().map(|item| Self::of_value(item, at)).collect())
            }
            Value::Object(members) => {
                let entry = |(key, value): (&String, &Value)| Entry {
                    key: key.clone(),
                    key_at: at,
                    value: Self::of_value(value, at),
                };
                Data::Map(members.iter().map(entry).collect())
            }
        };
        Self { at, data }
    }

    /// The value without places.
    pub(in crate::policy) fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(flag) => Value::Bool(*flag),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Data::Map(entries) => {
                let member = |entry: &Entry| (entry.key.clone(), entry.value.to_value());
                Value::Object(entries.iter().map(member).collect())
            }
        }
    }

    /// The value of a key, when it is a map that has it.
    pub(in crate::policy) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The lines of the map; none when it is no map.
    pub(in crate::policy) fn entries(&self) -> &[Entry] {
        if let Data::Map(entries) = &self.data {
            entries
        } else {
            &[]
        }
    }

    /// What it is, in words for people.
    pub(in crate::policy) fn described(&self) -> String {
        match &self.data {
            Data::Null => "nothing".to_owned(),
            Data::Bool(flag) => format!("`{flag}`"),
            Data::Number(number) => format!("the number `{number}`"),
            Data::Text(text) => format!("the text `{}`", short(text)),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
        }
    }
}

/// The text, cut to what fits into a message.
pub(in crate::policy) fn short(text: &str) -> String {
    const MOST: usize = 60;
    let mut cut: String = text.chars().take(MOST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
