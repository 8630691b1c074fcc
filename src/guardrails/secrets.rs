//! Finds credentials, so that records can leave them out.
//!
//! By the name under which a value stands, by the shape that issuers give their tokens, and by the words in
//! front of it. A secret of no known shape under a harmless name is not found; a word too many costs little.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

/// Words that name a secret, wherever they end a name.
const ENDINGS: &[&str] = &[
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "secrets",
    "signingkey",
    "token",
    "accesskey",
];

/// Words that name a secret when they stand alone.
const WORDS: &[&str] = &["auth", "key", "otp", "pass", "pin", "pw", "totp"];

/// Words before `key` with which it opens nothing.
const HARMLESS_KEYS: &[&str] = &[
    "foreign",
    "idempotency",
    "partition",
    "primary",
    "public",
    "sort",
    "unique",
];

/// Words behind a secret's name that only say how it is written.
const FORMS: &[&str] = &[
    "b64", "base64", "data", "file", "hash", "header", "hex", "json", "pem", "raw", "string",
    "text", "value",
];

/// Whether a value under this name is a secret: `password`, `client_secret`, `apiKey`, `X-Auth-Token`, ….
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    while words.len() > 1 && words.last().is_some_and(|word| FORMS.contains(word)) {
        words.pop();
    }
    let Some((last, before)) = words.split_last() else {
        return false;
    };
    if ENDINGS.iter().any(|ending| last.ends_with(ending)) {
        return true;
    }
    let harmless = before
        .last()
        .is_some_and(|word| HARMLESS_KEYS.contains(word));
    WORDS.contains(last) && !(*last == "key" && harmless)
}

/// The words of a name in lower case: split where it is not a letter or digit, and before a capital.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for c in name.chars() {
        let starts = !c.is_alphanumeric() || (after_small && c.is_uppercase());
        if starts {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A part of every credential that [`SHAPES`] know: a text without any of them is passed over quickly.
const MARKS: &[&str] = &[
    "-----begin",
    "://",
    "abia",
    "absk",
    "acca",
    "aiza",
    "akc",
    "akia",
    "asia",
    "auth",
    "basic",
    "bearer",
    "credential",
    "dop_v1_",
    "eyj",
    "gh",
    "gl",
    "gr1348941",
    "hf_",
    "hvs.",
    "key",
    "npm_",
    "ntn_",
    "ops_",
    "pass",
    "pg_",
    "pwd",
    "_pw",
    "pypi-",
    "rk_",
    "s.",
    "secret",
    "sg.",
    "sgp_",
    "sk-",
    "sk_",
    "token",
    "--user",
    "-u ",
    "xapp-",
    "xox",
];

static MARKED: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(MARKS)
        .ok()
});

/// What credentials look like; the first group, or else the whole, is the secret.
pub(super) const SHAPES: &[&str] = &[
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,}",
    r"\bgithub_pat_[A-Za-z0-9_]{22,}",
    r"\bgl(?:pat|ptt|dt|rt|ft|soat|agent|imt|cbt|oas)-[A-Za-z0-9_.-]{20,}",
    r"\bGR1348941[A-Za-z0-9_-]{20,}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bxapp-[A-Za-z0-9-]{20,}",
    r"\bsk-[A-Za-z0-9_-]{20,}",
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\b(?:npm|hf|ntn|sgp)_[A-Za-z0-9_]{30,}",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\bops_eyJ[A-Za-z0-9_-]{40,}",
    r"\bhvs\.[A-Za-z0-9_-]{20,}",
    r"\bs\.[A-Za-z0-9]{24}\b",
    r"\bdop_v1_[a-f0-9]{64}\b",
    r"\bpg_[A-Za-z0-9]{8}_[A-Za-z0-9]{49}\b",
    r"\bABSK[A-Za-z0-9+/=]{60,}",
    r"\bAKC[A-Za-z0-9]{10,}",
    r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    r#"://[^\s/:@"']*:([^\s/@"']{3,})@"#,
    r"(?i)\b(?:bearer|basic|token|negotiate)\s+([A-Za-z0-9._~+/=-]{16,})",
    concat!(
        r"(?i)[a-z0-9_.-]*(?:password|passwd|passphrase|passcode|pwd|secret|token|credentials?|authorization",
        r"|api[_-]?key|[_-]pw|[_-]pass|[_-]key)",
        r#"[\\"']*\s*(?::=|=>|=|:)\s*[\\"']*([^\s\\"',;&<>{}()]{6,})"#
    ),
    r#"(?i)--[a-z0-9-]*(?:password|passwd|secret|token|key)[= ]+["']?([^\s"'-][^\s"']{5,})"#,
    r#"(?:--user|-u)\s+["']?[^\s:"'$]+["']?:["']?([^\s"'$]{4,})"#,
];

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    SHAPES
        .iter()
        .filter_map(|shape| Regex::new(shape).ok())
        .collect()
});

/// Where the text holds credentials, in order and apart from each other.
#[must_use]
pub fn find(text: &str) -> Vec<Range<usize>> {
    let marked = MARKED.as_ref().is_none_or(|marks| marks.is_match(text));
    if text.len() < 8 || !marked {
        return Vec::new();
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    for pattern in PATTERNS.iter() {
        for captures in pattern.captures_iter(text) {
            if let Some(secret) = captures.get(1).or_else(|| captures.get(0)) {
                found.push(secret.range());
            }
        }
    }
    found.sort_by_key(|range| (range.start, range.end));
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match apart.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            Some(_) | None => apart.push(range),
        }
    }
    apart
}

/// How many of [`SHAPES`] are regular expressions: all, as a test makes sure.
#[cfg(test)]
pub(super) fn pattern_count() -> usize {
    PATTERNS.len()
}
