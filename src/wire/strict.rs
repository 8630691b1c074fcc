//! JSON as we take it: one object, no duplicate key at any depth, depth and nodes counted while parsing
//! (`spec/limits.md` L1, L7, L8).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The deepest nesting of a body.
pub const MAX_DEPTH: usize = 32;
/// The most values in a body.
pub const MAX_NODES: usize = 10_000;

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrictError {
    /// Not JSON as we take it; says where.
    #[error("the body cannot be read: {0}")]
    Unreadable(String),
    /// JSON, but not an object.
    #[error("the body must be a JSON object, not {0}")]
    NotAnObject(&'static str),
}

/// Reads one JSON value and nothing behind it.
///
/// # Errors
/// When the bytes are not UTF-8, not JSON, hold a key twice, or nest or count too much.
pub fn read_value(bytes: &[u8]) -> Result<Value, StrictError> {
    let text = std::str::from_utf8(bytes).map_err(|fault| {
        StrictError::Unreadable(format!("not UTF-8 at byte {}", fault.valid_up_to()))
    })?;
    let unreadable = |fault: serde_json::Error| StrictError::Unreadable(fault.to_string());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut left = MAX_NODES;
    let value = Node {
        depth: 1,
        left: &mut left,
    }
    .deserialize(&mut deserializer)
    .map_err(unreadable)?;
    deserializer.end().map_err(unreadable)?;
    Ok(value)
}

/// Reads one JSON object and nothing behind it.
///
/// # Errors
/// As [`read_value`], and when it is not an object.
pub fn read_object(bytes: &[u8]) -> Result<Map<String, Value>, StrictError> {
    match read_value(bytes)? {
        Value::Object(map) => Ok(map),
        Value::Array(_) => Err(StrictError::NotAnObject("an array")),
        Value::String(_) => Err(StrictError::NotAnObject("a text")),
        Value::Number(_) => Err(StrictError::NotAnObject("a number")),
        Value::Bool(_) => Err(StrictError::NotAnObject("a boolean")),
        Value::Null => Err(StrictError::NotAnObject("null")),
    }
}

/// One value at some depth, drawing on what is left of the node budget.
struct Node<'a> {
    depth: usize,
    left: &'a mut usize,
}

impl Node<'_> {
    fn inner(&mut self) -> Node<'_> {
        Node {
            depth: self.depth + 1,
            left: self.left,
        }
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth > MAX_DEPTH {
            return Err(E::custom(format_args!("nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| D::Error::custom(format_args!("more than {MAX_NODES} values")))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key `{}` stands twice",
                    key.escape_debug()
                )));
            }
            let value = members.next_value_seed(self.inner())?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_it_is() {
        let map =
            read_object(br#" {"a": [1, -2, 2.5, "x", null, {"b": true}]} "#).expect("an object");
        assert_eq!(
            Value::Object(map),
            serde_json::json!({"a": [1, -2, 2.5, "x", null, {"b": true}]})
        );
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (body, part) in [
            (&br#"{"a":1,"a":2}"#[..], "stands twice"),
            (br#"{"x":{"a":1,"\u0061":2}}"#, "stands twice"),
            (br#"{"a":1} {"#, "trailing"),
            (br#"[{"a":1}]"#, "an array"),
            (b"\"text\"", "a text"),
            (b"", "EOF"),
            (b"{\"a\":\"\xff\"}", "not UTF-8"),
            (b"{\"a\":1e999}", "out of range"),
            (b"\xef\xbb\xbf{}", "expected value"),
            (b"{'a':1}", "key must be"),
            (b"{\"a\":NaN}", "expected"),
        ] {
            let fault = read_object(body).expect_err(part).to_string();
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn depth_and_nodes_are_bounded_while_parsing() {
        let nested = |depth: usize| {
            format!(
                "{{\"a\":{}{}}}",
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            )
        };
        assert!(read_object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(read_object(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        let wide = |count: usize| format!("{{\"a\":[{}]}}", vec!["0"; count].join(","));
        assert!(read_object(wide(MAX_NODES - 2).as_bytes()).is_ok());
        assert!(read_object(wide(MAX_NODES - 1).as_bytes()).is_err());
    }
}
