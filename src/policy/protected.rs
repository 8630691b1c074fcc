//! Protected paths: whether a text anywhere in the arguments could mean a path that the gateway keeps to itself.
//!
//! What a tool makes of a text is its own affair, so the text is read as generously as any tool might: percent signs
//! decoded until nothing changes, backslashes as slashes, `.` and `..` resolved, case ignored, spaces around it and
//! what follows a NUL dropped, `file:` taken off. A path that climbs above its start may end up anywhere and is
//! compared from each of its components on.

use serde_json::Value;

use crate::domain::{Arguments, Pattern};

/// Texts up to this length are normalized without allocation.
const STACK: usize = 512;
/// So often percent signs are decoded; nobody means more.
const DECODINGS: usize = 8;

/// The protected patterns, ready to be compared with normalized texts.
#[derive(Debug, Default)]
pub(super) struct Protected {
    patterns: Vec<Guard>,
}

#[derive(Debug)]
struct Guard {
    pattern: Pattern,
    /// `policies` of `policies/*`: the folder itself is protected with what it holds.
    folder: Option<String>,
}

impl Protected {
    /// Compiles globs over paths; a leading `/` is of no account, since texts lose theirs too.
    pub(super) fn new<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> Self {
        let guard = |pattern: &Pattern| {
            let text = pattern
                .as_str()
                .trim_start_matches("./")
                .trim_start_matches('/');
            let folder = text
                .strip_suffix("/*")
                .filter(|folder| !folder.contains(['*', '?', '[', '{', '\\']));
            Guard {
                pattern: Pattern::parse(text).unwrap_or_else(|_| pattern.clone()),
                folder: folder.map(str::to_owned),
            }
        };
        Self {
            patterns: patterns.map(guard).collect(),
        }
    }

    /// Whether there is nothing to protect.
    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a text anywhere in the arguments reaches a protected path.
    ///
    /// Keys below the top are texts too where they look like a path; top-level keys are parameter names.
    pub(super) fn is_reached_by(&self, arguments: &Arguments) -> bool {
        arguments
            .0
            .values()
            .any(|value| self.is_reached_by_value(value))
    }

    /// Whether the text, read as a path, is a protected one.
    pub(super) fn covers(&self, text: &str) -> bool {
        if text.len() > STACK {
            return normalized(text, &mut vec![0; text.len()], |path| self.matches(path));
        }
        if !text
            .bytes()
            .any(|b| matches!(b, b'/' | b'\\' | b'%' | b'.' | b':' | 0) || b.is_ascii_whitespace())
        {
            return self.matches(text);
        }
        normalized(text, &mut [0; STACK], |path| self.matches(path))
    }

    fn is_reached_by_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.covers(text),
            Value::Array(items) => items.iter().any(|item| self.is_reached_by_value(item)),
            Value::Object(object) => object.iter().any(|(key, value)| {
                key.contains(['/', '\\', '%']) && self.covers(key)
                    || self.is_reached_by_value(value)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn matches(&self, path: &str) -> bool {
        self.patterns.iter().any(|guard| {
            let folder = guard.folder.as_ref();
            guard.pattern.matches(path) || folder.is_some_and(|f| path.eq_ignore_ascii_case(f))
        })
    }
}

/// Normalizes the text in the buffer, which is as long as the text, and asks about every path it may mean.
fn normalized(text: &str, buffer: &mut [u8], mut ask: impl FnMut(&str) -> bool) -> bool {
    let Some(bytes) = buffer.get_mut(..text.len()) else {
        return true;
    };
    bytes.copy_from_slice(text.as_bytes());
    let mut length = bytes.len();
    for _ in 0..DECODINGS {
        let decoded = decode(bytes, length);
        if decoded == length {
            break;
        }
        length = decoded;
    }
    let (length, climbs) = resolve(bytes, length);
    // What is not ASCII (patterns are) may stand for any one character.
    for byte in bytes.iter_mut().filter(|byte| !byte.is_ascii()) {
        *byte = 0x7f;
    }
    let path = bytes
        .get(..length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default();
    if ask(path) {
        return true;
    }
    climbs
        && path
            .match_indices('/')
            .any(|(at, _)| path.get(at + 1..).is_some_and(&mut ask))
}

/// Decodes percent signs in place, once; says how long the result is.
fn decode(bytes: &mut [u8], length: usize) -> usize {
    let mut to = 0;
    let mut from = 0;
    while from < length {
        let byte = match bytes.get(from..length.min(from + 3)) {
            Some(&[b'%', high, low]) => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => {
                    from += 2;
                    high << 4 | low
                }
                (None, _) | (_, None) => b'%',
            },
            Some(&[byte, ..]) => byte,
            Some([]) | None => break,
        };
        if let Some(place) = bytes.get_mut(to) {
            *place = byte;
        }
        to += 1;
        from += 1;
    }
    to
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Resolves components in place: slashes of both kinds, `.`, `..`, drive letters and `file:`.
///
/// Says how long the result is, and whether the path climbed above its start.
fn resolve(bytes: &mut [u8], length: usize) -> (usize, bool) {
    let end = bytes
        .iter()
        .take(length)
        .position(|&byte| byte == 0)
        .unwrap_or(length);
    let used = bytes.get(..end).unwrap_or_default();
    let blank = used
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let trailing = used
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let end = end.saturating_sub(trailing);
    let mut from = blank + prefix_length(used.get(blank..).unwrap_or_default());
    let (mut to, mut climbs) = (0, false);
    while from < end {
        let rest = bytes.get(from..end).unwrap_or_default();
        let size = rest
            .iter()
            .position(|byte| matches!(byte, b'/' | b'\\'))
            .unwrap_or(rest.len());
        match rest.get(..size).unwrap_or_default() {
            b"" | b"." => {}
            b".." if to == 0 => climbs = true,
            b".." => {
                let kept = bytes.get(..to).unwrap_or_default();
                to = kept.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
            }
            _ => {
                if to > 0 {
                    put(bytes, &mut to, b'/');
                }
                for offset in 0..size {
                    let byte = bytes.get(from + offset).copied().unwrap_or_default();
                    put(bytes, &mut to, byte);
                }
            }
        }
        from += size + 1;
    }
    (to, climbs)
}

fn put(bytes: &mut [u8], to: &mut usize, byte: u8) {
    if let Some(place) = bytes.get_mut(*to) {
        *place = byte;
    }
    *to += 1;
}

/// How long `file:` or a drive letter in front is.
fn prefix_length(bytes: &[u8]) -> usize {
    match bytes {
        [f, i, l, e, b':', ..] if [*f, *i, *l, *e].eq_ignore_ascii_case(b"file") => 5,
        [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic() => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected() -> Protected {
        let patterns = ["policies/*", "/srv/gateway/data/*", "policies.lock"];
        Protected::new(
            patterns
                .map(|p| Pattern::parse(p).expect("a pattern"))
                .iter(),
        )
    }

    #[test]
    fn every_spelling_of_a_protected_path_is_found() {
        for text in [
            "policies/default.yaml",
            "/policies/default.yaml",
            "./policies/x",
            "policies",
            "policies/",
            "POLICIES/x",
            "a/../policies/x",
            "policies//x",
            "policies\\x",
            ".\\policies\\x",
            "%70olicies/x",
            "policies%2fx",
            "policies%252Fx",
            "..%2fgateway%2fpolicies%2fx",
            "../gateway/policies/x",
            " policies/x ",
            "policies/x\0.png",
            "file:///policies/x",
            "/srv/gateway/data/store.db",
            "/srv/gateway/./logs/../data",
            "C:\\srv\\gateway\\data\\x",
            "policies.lock",
            "x/../policies.lock",
        ] {
            assert!(protected().covers(text), "{text:?}");
        }
        let long = format!("{}policies/x", "./".repeat(400));
        assert!(protected().covers(&long));
    }

    #[test]
    fn other_paths_and_words_pass() {
        for text in [
            "policy",
            "policies2/x",
            "my-policies",
            "/srv/app/policies/x",
            "data/x",
            "50%",
            "",
            "/",
            "a/policies/../b",
        ] {
            assert!(!protected().covers(text), "{text:?}");
        }
    }

    #[test]
    fn texts_are_found_at_any_depth_but_parameter_names_are_not_texts() {
        let arguments =
            |json: serde_json::Value| Arguments(json.as_object().cloned().expect("an object"));
        let deep = serde_json::json!({"a": [{"b": ["x", "policies/y"]}]});
        assert!(protected().is_reached_by(&arguments(deep)));
        let key = serde_json::json!({"files": {"policies/y": "text"}});
        assert!(protected().is_reached_by(&arguments(key)));
        let name = serde_json::json!({"policies": 1, "other": {"policies": true}});
        assert!(!protected().is_reached_by(&arguments(name)));
    }
}
