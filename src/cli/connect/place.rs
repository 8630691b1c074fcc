//! Where in a client's file something of ours stands, whatever language the file is written in.

use serde_json::{Map, Value};

/// A value that belongs into a client's file, and its place there.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The keys that lead to the object or the list that holds it.
    pub(super) path: &'static [&'static str],
    /// Which of its members or items it is.
    pub(super) slot: Slot,
    /// The value.
    pub(super) value: Value,
    /// Whether what stands there already is as good.
    pub(super) kept: bool,
}

/// Which member or item of what the path leads to.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// The member of this name.
    Member(String),
    /// The item that is ours by this test; a new one at the end if there is none.
    Item(fn(&Value) -> bool),
}

impl Piece {
    /// What stands at the place.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        let mut inner = document;
        for key in self.path {
            inner = inner.get(key)?;
        }
        match &self.slot {
            Slot::Member(name) => inner.get(name),
            Slot::Item(is_ours) => inner.as_array()?.iter().find(|item| is_ours(item)),
        }
    }

    /// Whether the document has what it takes.
    pub(super) fn stands_in(&self, document: &Value) -> bool {
        let there = self.find(document);
        there.is_some_and(|there| self.kept || *there == self.value)
    }

    /// Puts the value at its place; `None` when something else than an object or a list is on the way.
    pub(super) fn put(&self, document: &mut Value) -> Option<()> {
        let mut inner = document;
        for key in self.path {
            inner = inner.as_object_mut()?.entry(*key).or_insert(Value::Null);
            if inner.is_null() {
                *inner = Value::Object(Map::new());
            }
        }
        match &self.slot {
            Slot::Member(name) => {
                inner
                    .as_object_mut()?
                    .insert(name.clone(), self.value.clone());
            }
            Slot::Item(is_ours) => {
                if inner.as_object().is_some_and(Map::is_empty) {
                    *inner = Value::Array(Vec::new());
                }
                let items = inner.as_array_mut()?;
                match items.iter_mut().find(|item| is_ours(item)) {
                    Some(item) => *item = self.value.clone(),
                    None => items.push(self.value.clone()),
                }
            }
        }
        Some(())
    }

    /// The same piece with another value.
    pub(super) fn with(&self, value: Value) -> Self {
        Self {
            value,
            ..self.clone()
        }
    }
}
