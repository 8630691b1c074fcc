//! What is taken out of a record before it is written, and the keyed digests that stand for it.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::domain::{Secret, canonical_json, write_canonical_object};
use crate::guardrails::secrets;

/// Arguments longer than this in canonical form are kept as a prefix; their digest covers all of them.
const ARGUMENTS_KEPT: usize = 8 * 1024;
/// Errors and other texts longer than this are cut.
const TEXT_KEPT: usize = 2 * 1024;

type Mac = Hmac<Sha256>;

/// Redacts and digests with keys that belong to the store.
///
/// Keyed, because a short secret could be found from a plain digest by trial; one key a store, so that equal
/// values can be matched and none read.
#[derive(Clone)]
pub struct Redactor {
    digests: Mac,
    marks: Mac,
}

impl Redactor {
    /// The redactor of the store with this key.
    #[must_use]
    pub fn new(store_key: &Secret) -> Self {
        Self {
            digests: keyed(&derive(store_key, "digests of records")),
            marks: keyed(&derive(store_key, "redacted values")),
        }
    }

    /// The arguments as they are recorded, and the digest of the arguments as they are.
    #[must_use]
    pub fn arguments(&self, arguments: &Map<String, Value>) -> (Map<String, Value>, Arc<str>) {
        let mut text = Vec::with_capacity(256);
        write_canonical_object(arguments, &mut text);
        let digest = self.digest(&text);
        let kept = self.map(arguments);
        if text.len() <= ARGUMENTS_KEPT {
            return (kept, digest);
        }
        let redacted = canonical_json(&Value::Object(kept));
        let prefix = cut(&String::from_utf8_lossy(&redacted), ARGUMENTS_KEPT);
        let mut short = Map::new();
        short.insert("bytes".to_owned(), Value::from(text.len()));
        short.insert("prefix".to_owned(), Value::from(prefix));
        short.insert("truncated".to_owned(), Value::from(true));
        (short, digest)
    }

    /// The value's digest: `hmac:` and 64 hex digits.
    #[must_use]
    pub fn value(&self, value: &Value) -> Arc<str> {
        self.digest(&canonical_json(value))
    }

    fn digest(&self, bytes: &[u8]) -> Arc<str> {
        let mut text = String::with_capacity(69);
        text.push_str("hmac:");
        write_hex(&tag(&self.digests, bytes), &mut text);
        Arc::from(text)
    }

    /// The object without secrets.
    #[must_use]
    pub fn map(&self, map: &Map<String, Value>) -> Map<String, Value> {
        map.iter()
            .map(|(name, value)| {
                let kept = if secrets::is_secret_name(name) {
                    self.hidden(value)
                } else {
                    self.open(value)
                };
                (self.text(name), kept)
            })
            .collect()
    }

    /// The text without the secrets found in it, cut if it is long.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let found = secrets::find(text);
        if found.is_empty() {
            return text.to_owned();
        }
        let mut kept = String::with_capacity(text.len());
        let mut from = 0;
        for range in found {
            kept.push_str(text.get(from..range.start).unwrap_or_default());
            kept.push_str(&self.mark(text.get(range.clone()).unwrap_or_default().as_bytes()));
            from = range.end;
        }
        kept.push_str(text.get(from..).unwrap_or_default());
        kept
    }

    /// The text without secrets, cut to what a record keeps of free text.
    #[must_use]
    pub fn short_text(&self, text: &str) -> String {
        cut(&self.text(text), TEXT_KEPT)
    }

    fn open(&self, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.open(item)).collect(),
            Value::Object(map) => Value::Object(self.map(map)),
        }
    }

    /// Hides every leaf; the shape stays, because it shows what was sent and tells nothing.
    fn hidden(&self, value: &Value) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::Bool(_) | Value::Number(_) => Value::String(self.mark(&canonical_json(value))),
            Value::String(text) => Value::String(self.mark(text.as_bytes())),
            Value::Array(items) => items.iter().map(|item| self.hidden(item)).collect(),
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(name, value)| (self.text(name), self.hidden(value)))
                    .collect(),
            ),
        }
    }

    fn mark(&self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(33);
        text.push_str("<redacted:hmac:");
        let tag = tag(&self.marks, bytes);
        write_hex(tag.get(..8).unwrap_or_default(), &mut text);
        text.push('>');
        text
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(..)")
    }
}

/// A key for one purpose, so that no two purposes share one.
#[must_use]
pub fn derive(store_key: &Secret, purpose: &str) -> [u8; 32] {
    tag(&keyed(store_key.expose()), purpose.as_bytes())
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed(key: &[u8]) -> Mac {
    Mac::new_from_slice(key).expect("HMAC takes keys of every length")
}

fn tag(mac: &Mac, bytes: &[u8]) -> [u8; 32] {
    let mut mac = mac.clone();
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

fn write_hex(bytes: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            out.push(char::from(
                HEX.get(usize::from(half)).copied().unwrap_or(b'0'),
            ));
        }
    }
}

fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes);
    format!("{}…", text.get(..end).unwrap_or_default())
}
