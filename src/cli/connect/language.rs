//! Texts of JSON and TOML, changed in one place: everything else stays as it was written, comments and spaces too.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike};

use super::place::{Piece, Slot};

/// What a client's file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// JSON; comments and trailing commas are let be.
    Json,
    /// TOML.
    Toml,
}

/// Why a text cannot be changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It is not in its language.
    #[error("it is no {0}: {1}")]
    Unreadable(&'static str, String),
    /// Something else stands where an object or a list belongs.
    #[error("`{0}` in it is not what the client expects there")]
    Occupied(String),
    /// It would change beyond the place, as when a key stands twice.
    #[error("more than `{0}` would change in it; does a key stand twice?")]
    Spreads(String),
}

impl Language {
    /// The name of the language.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Toml => "TOML",
        }
    }

    /// What the text says; an empty one says nothing.
    pub(super) fn read(self, text: &str) -> Result<Value, Unfit> {
        if text.trim().is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        match self {
            Self::Json => {
                let root = json_root(text)?;
                Ok(root.to_serde_value().unwrap_or_default())
            }
            Self::Toml => toml_edit::de::from_str(text).map_err(|fault| unreadable(self, &fault)),
        }
    }

    /// The text with the pieces at their places. What it says is compared before and after: nothing else has changed.
    pub(super) fn with(self, text: &str, pieces: &[Piece]) -> Result<String, Unfit> {
        let mut meant = self.read(text)?;
        let mut written = text.to_owned();
        for piece in pieces {
            if piece.stands_in(&meant) {
                continue;
            }
            piece.put(&mut meant).ok_or_else(|| occupied(piece))?;
            written = match self {
                Self::Json if text.trim().is_empty() => format!("{meant:#}\n"),
                Self::Json => json_with(&written, piece)?,
                Self::Toml => toml_with(&written, piece)?,
            };
            if self.read(&written)? != meant {
                return Err(Unfit::Spreads(piece.path.join(".")));
            }
        }
        Ok(written)
    }
}

fn unreadable(language: Language, fault: &dyn std::fmt::Display) -> Unfit {
    let text = fault.to_string();
    let line = text.lines().next().unwrap_or_default();
    Unfit::Unreadable(language.as_str(), line.to_owned())
}

fn occupied(piece: &Piece) -> Unfit {
    Unfit::Occupied(piece.path.join("."))
}

fn json_root(text: &str) -> Result<CstRootNode, Unfit> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let root =
        CstRootNode::parse(text, &options).map_err(|fault| unreadable(Language::Json, &fault))?;
    match root.object_value() {
        Some(_) => Ok(root),
        None => Err(unreadable(Language::Json, &"it holds no object")),
    }
}

fn json_with(text: &str, piece: &Piece) -> Result<String, Unfit> {
    let root = json_root(text)?;
    json_put(&root, piece).ok_or_else(|| occupied(piece))?;
    Ok(root.to_string())
}

fn json_put(root: &CstRootNode, piece: &Piece) -> Option<()> {
    let mut object: CstObject = root.object_value()?;
    let value = json_value(&piece.value);
    match &piece.slot {
        Slot::Member(name) => {
            for key in piece.path {
                object = object.object_value_or_create(key)?;
            }
            match object.get(name) {
                Some(member) => member.set_value(value),
                None => drop(object.append(name, value)),
            }
        }
        Slot::Item(is_ours) => {
            let (last, path) = piece.path.split_last()?;
            for key in path {
                object = object.object_value_or_create(key)?;
            }
            let items = object.array_value_or_create(last)?;
            let ours = |item: &jsonc_parser::cst::CstNode| {
                item.to_serde_value().is_some_and(|item| is_ours(&item))
            };
            match items.elements().iter().position(ours) {
                Some(place) => {
                    let old = items.elements().into_iter().nth(place)?;
                    items.insert(place, value);
                    old.remove();
                }
                None => drop(items.append(value)),
            }
        }
    }
    Some(())
}

fn json_value(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(json_value).collect()),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), json_value(value));
            CstInputValue::Object(members.iter().map(member).collect())
        }
    }
}

fn toml_with(text: &str, piece: &Piece) -> Result<String, Unfit> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|fault| unreadable(Language::Toml, &fault))?;
    toml_put(&mut document, piece).ok_or_else(|| occupied(piece))?;
    Ok(document.to_string())
}

fn toml_put(document: &mut DocumentMut, piece: &Piece) -> Option<()> {
    let (Slot::Member(name), Value::Object(members)) = (&piece.slot, &piece.value) else {
        return None;
    };
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in piece.path {
        if !table.contains_key(key) {
            // Its own line would say nothing: the entry's names it.
            let mut inner = Table::new();
            inner.set_implicit(true);
            table.insert(key, Item::Table(inner));
        }
        table = table.get_mut(key)?.as_table_like_mut()?;
    }
    if !table.contains_key(name) {
        table.insert(name, Item::Table(Table::new()));
    }
    let entry = table.get_mut(name)?.as_table_like_mut()?;
    entry.clear();
    for (name, value) in members {
        entry.insert(name, Item::Value(toml_value(value)?));
    }
    Some(())
}

fn toml_value(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.as_i64()?.into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            let items: Option<Array> = items.iter().map(toml_value).collect();
            items?.into()
        }
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| Some((name.clone(), toml_value(value)?));
            let members: Option<InlineTable> = members.iter().map(member).collect();
            members?.into()
        }
    })
}

#[cfg(test)]
#[path = "tests/language.rs"]
mod tests;
