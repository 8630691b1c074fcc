//! From bytes to trees: YAML and JSON, strictly, every value with its place.

mod reader; // typed reading, with every mistake noted
mod report; // where mistakes are noted
mod scalar; // what a plain word means
mod tree; // what a text says
mod yaml; // the parser's events become a tree

use std::borrow::Cow;
use std::sync::Arc;

pub(in crate::policy) use reader::{Fields, Shape};
pub(in crate::policy) use report::{Report, nearest};
pub(in crate::policy) use tree::{Data, Entry, Node, Span};

use super::error::FindingCode;

/// The largest file (`spec/limits.md` L11).
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// The most bytes of all files (`spec/limits.md` L11).
pub const MAX_TOTAL_BYTES: usize = 8 << 20;
/// The deepest nesting (`spec/limits.md` L11).
pub(in crate::policy) const MAX_DEPTH: usize = 32;

/// A text with its name, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    bytes: Arc<[u8]>,
}

impl Source {
    /// A source of this name and text.
    #[must_use]
    pub fn new(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        Self {
            name: Arc::from(name),
            bytes: Arc::from(bytes.as_ref()),
        }
    }

    /// The file as people name it; its ending says whether it is JSON.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes; that they are text is checked when they are loaded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text; of a source that was loaded, this is exactly its bytes.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// Parses every source that can be parsed; the documents of one file follow each other.
pub(in crate::policy) fn parse(report: &mut Report<'_>) -> Vec<Node> {
    let sources = report.sources();
    let total: usize = sources.iter().map(|source| source.bytes.len()).sum();
    if total > MAX_TOTAL_BYTES {
        let message = format!("the files hold {total} bytes: at most 8 MiB in all");
        let hint = "split them between gateways, or drop what is not used";
        report
            .error(FindingCode::Syntax, Span::file(0), &message)
            .hint(hint);
        return Vec::new();
    }
    let parse = |(index, source)| parse_one(report, index, source);
    sources.iter().enumerate().flat_map(parse).collect()
}

fn parse_one(report: &mut Report<'_>, index: usize, source: &Source) -> Vec<Node> {
    let whole = Span::file(index);
    if source.bytes.len() > MAX_FILE_BYTES {
        let message = format!("the file holds {} bytes: at most 1 MiB", source.bytes.len());
        report
            .error(FindingCode::Syntax, whole, &message)
            .hint("split it into several files of the folder");
        return Vec::new();
    }
    let text = match std::str::from_utf8(&source.bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(fault) => {
            let at = span_of_byte(index, &source.bytes, fault.valid_up_to());
            report
                .error(FindingCode::Syntax, at, "the file is not UTF-8 text")
                .hint("save it as UTF-8");
            return Vec::new();
        }
    };
    if is_json(&source.name) && !check_json(report, index, text) {
        return Vec::new();
    }
    yaml::documents(report, index, text)
}

/// Whether the name says that the text is JSON.
fn is_json(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("json"))
}

/// Checks the grammar of JSON; the tree is then read by the YAML parser, of which JSON is a part, for its places.
fn check_json(report: &mut Report<'_>, index: usize, text: &str) -> bool {
    let Err(fault) = serde_json::from_str::<serde::de::IgnoredAny>(text) else {
        return true;
    };
    let (line, column) = (fault.line(), fault.column());
    let full = fault.to_string();
    let message = full.split(" at line ").next().unwrap_or_default();
    let at = Span::new(index, line, column.max(1), 1);
    report
        .error(FindingCode::Syntax, at, &format!("not JSON: {message}"))
        .hint("a file named .json holds strict JSON; YAML goes into .yaml");
    false
}

/// The place of a byte in text that is not UTF-8 from there on.
fn span_of_byte(index: usize, bytes: &[u8], offset: usize) -> Span {
    let before = bytes.get(..offset).unwrap_or_default();
    let lines: Vec<&[u8]> = before.split(|&byte| byte == b'\n').collect();
    let (line, last) = (lines.len(), lines.last().copied().unwrap_or_default());
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    Span::new(index, line, column, 1)
}
