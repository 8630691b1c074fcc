//! What one parameter must be (`spec/policy-file.md`, "Constraint types").

use std::sync::Arc;

use serde_json::Value;

/// What one parameter must be (`spec/policy-file.md`, "Constraint types").
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The type with its bounds.
    pub kind: ParameterType,
    /// Whether it must be there; true if absent in the file.
    pub required: bool,
    /// Filled in before dispatch when the parameter is missing.
    pub default: Option<Value>,
    /// The read-only tool whose answer lists the valid values.
    pub allowlist_source: Option<Arc<str>>,
}

/// The type of a parameter with its bounds.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterType {
    /// Text; lengths in characters, checked before the pattern.
    String {
        /// Fewest characters.
        min_length: Option<usize>,
        /// Most characters.
        max_length: Option<usize>,
        /// Linear-time regex over the whole value, ASCII classes; as the author wrote it.
        pattern: Option<WholeRegex>,
        /// The only values, when given.
        allowed_values: Option<Vec<String>>,
        /// A well-known form.
        format: Option<Format>,
    },
    /// An exact integer: `1.0`, `"1"`, `true` and `1e400` are violations (`spec/limits.md` L12).
    Int {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
        /// The only values, when given.
        allowed_values: Option<Vec<i64>>,
    },
    /// Any finite JSON number.
    Number {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// `true` or `false`.
    Bool,
    /// An array.
    List {
        /// Most items.
        max_items: Option<usize>,
        /// What each item must be.
        items: Option<Box<Parameter>>,
    },
    /// An object.
    Object {
        /// Most keys.
        max_keys: Option<usize>,
    },
    /// An absolute path without `..`, percent-escape, NUL or backslash, under one of the roots.
    Path {
        /// Roots; a value must be one of them or below it, on component boundaries.
        under: Vec<String>,
        /// Most characters.
        max_length: Option<usize>,
    },
    /// 1 to 65535.
    Port,
    /// Text such as `30s`, `5m`, `1h`.
    Duration,
}

/// A regex over a whole value: linear time, ASCII classes, at most 64 KiB compiled (`spec/limits.md` L13).
#[derive(Debug, Clone)]
pub struct WholeRegex {
    /// As the author wrote it.
    pub source: String,
    /// Wrapped as `\A(?:…)\z`; over bytes, so that no class, dot or case rule knows more than ASCII.
    pub compiled: regex::bytes::Regex,
}

impl WholeRegex {
    /// Compiles the text.
    ///
    /// # Errors
    /// When it is no regex of the linear-time kind, is too large, or switches Unicode on.
    pub fn parse(source: &str) -> Result<Self, String> {
        let build = |text: &str| {
            regex::bytes::RegexBuilder::new(text)
                .unicode(false)
                .size_limit(MAX_REGEX_BYTES)
                .dfa_size_limit(MAX_REGEX_BYTES)
                .nest_limit(MAX_REGEX_NESTING)
                .build()
                .map_err(|fault| in_one_line(&fault))
        };
        if source.len() > MAX_REGEX_SOURCE {
            return Err(format!(
                "{} bytes are too long: at most {MAX_REGEX_SOURCE}",
                source.len()
            ));
        }
        if switches_unicode_on(source) {
            return Err("classes are ASCII here: leave the flag `u` out".to_owned());
        }
        // On its own first: `a)|(?:b` would break out of the wrapping.
        build(source)?;
        let compiled = build(&format!(r"\A(?:{source})\z"))?;
        Ok(Self {
            source: source.to_owned(),
            compiled,
        })
    }

    /// Whether the regex covers the whole text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text.as_bytes())
    }
}

/// The most memory that a compiled regex may take (`spec/limits.md` L13).
const MAX_REGEX_BYTES: usize = 64 << 10;
/// The deepest nesting of a regex.
const MAX_REGEX_NESTING: u32 = 50;
/// The longest regex, in bytes.
const MAX_REGEX_SOURCE: usize = 4 << 10;

/// What the regex library says, without the drawing around it.
fn in_one_line(fault: &regex::Error) -> String {
    if matches!(fault, regex::Error::CompiledTooBig(_)) {
        return "compiled, it is larger than 64 KiB".to_owned();
    }
    let text = fault.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Whether a group like `(?u)` or `(?i-u:…)` names the flag `u` before a minus.
fn switches_unicode_on(source: &str) -> bool {
    source.match_indices("(?").any(|(start, opening)| {
        let rest = source.get(start + opening.len()..).unwrap_or_default();
        rest.chars()
            .take_while(char::is_ascii_alphabetic)
            .any(|flag| flag == 'u')
            && !rest.starts_with(['P', '<'])
    })
}

impl PartialEq for WholeRegex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// Well-known forms of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1123 host name.
    Hostname,
    /// Dotted quad.
    Ipv4,
    /// `local@domain`, plainly.
    Email,
    /// RFC 9562, lower or upper case.
    Uuid,
    /// One path component without anything special.
    SafeFilename,
    /// http or https, absolute.
    Url,
}

#[cfg(test)]
#[path = "tests/parameter.rs"]
mod tests;
