//! Globs over names: the one pattern language of policies and agents' lists.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

/// The longest pattern, in bytes (`spec/limits.md` L2).
const MAX_BYTES: usize = 256;
/// The deepest nesting of `{…}` (`spec/limits.md` L2).
const MAX_BRACES: usize = 3;

/// Why a text is not a pattern; each says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing at all.
    #[error("an empty pattern matches nothing: write `*` for every name")]
    Empty,
    /// Longer than 256 bytes.
    #[error("a pattern of {0} bytes is too long: at most 256")]
    TooLong(usize),
    /// Holds something beyond printable ASCII.
    #[error("a pattern holds printable ASCII only, not {0:?}: names do too")]
    NotAscii(char),
    /// `**` suggests path levels, which names do not have.
    #[error("`**` is not a pattern here: `*` already crosses everything")]
    DoubleStar,
    /// `[` without `]`, `{` without `}`, or `]`, `}` without their opening.
    #[error("`{0}` has no partner: close it, or write `\\{0}` for the character itself")]
    Unbalanced(char),
    /// `[]` or `{}`.
    #[error("an empty `{0}` matches nothing: list what it may be")]
    EmptySet(&'static str),
    /// `[z-a]`.
    #[error("the range `{0}-{1}` is reversed: write `{1}-{0}`")]
    ReversedRange(char, char),
    /// `[a-c-e]`: is the second `-` a range from `a`, or itself?
    #[error(
        "a `-` behind the range `{0}-{1}` reads in two ways: write it first or last in the brackets"
    )]
    DashBehindRange(char, char),
    /// More than three levels of `{…}`.
    #[error("braces nest {0} deep: at most 3")]
    TooDeep(usize),
    /// `\` at the end.
    #[error("a `\\` at the end escapes nothing: write `\\\\` for a backslash")]
    DanglingEscape,
    /// The glob library refused what our own check let pass.
    #[error("not a pattern: {0}")]
    Library(String),
}

/// A compiled glob over a whole name, ASCII case-insensitive (`spec/decision.md`, "Names and patterns").
#[derive(Clone)]
pub struct Pattern {
    text: Box<str>,
    matcher: Matcher,
}

/// How a pattern is tested: most are plain, and plain ones need no automaton.
#[derive(Clone)]
enum Matcher {
    /// `*`
    Any,
    /// `delete_database`, lower case.
    Exact(Box<str>),
    /// `delete_*`, the literal in lower case.
    Prefix(Box<str>),
    /// `*_production`, the literal in lower case.
    Suffix(Box<str>),
    /// `*prod*`, the literal in lower case.
    Inner(Box<str>),
    /// All else. Boxed: a registry holds a hundred thousand patterns, of which few are globs.
    Glob(Box<GlobMatcher>),
}

impl Pattern {
    /// Checks and compiles the text.
    ///
    /// # Errors
    /// When the text is not a pattern of our language; nothing of it reaches the glob library then.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        check(text)?;
        let lower = text.to_ascii_lowercase();
        let plain = |part: &str| !part.contains(['*', '?', '[', '{', '\\']);
        let matcher = if text == "*" {
            Matcher::Any
        } else if plain(&lower) {
            Matcher::Exact(lower.into())
        } else if let Some(prefix) = lower.strip_suffix('*').filter(|part| plain(part)) {
            Matcher::Prefix(prefix.into())
        } else if let Some(suffix) = lower.strip_prefix('*').filter(|part| plain(part)) {
            Matcher::Suffix(suffix.into())
        } else if let Some(inner) = lower
            .strip_prefix('*')
            .and_then(|rest| rest.strip_suffix('*'))
            .filter(|part| plain(part) && !part.is_empty())
        {
            Matcher::Inner(inner.into())
        } else {
            let glob = GlobBuilder::new(text)
                .case_insensitive(true)
                .literal_separator(false)
                .backslash_escape(true)
                .empty_alternates(true)
                .build()
                .map_err(|fault| PatternError::Library(fault.kind().to_string()))?;
            Matcher::Glob(Box::new(glob.compile_matcher()))
        };
        Ok(Self {
            text: text.into(),
            matcher,
        })
    }

    /// Whether the whole name fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (bytes, part) = match &self.matcher {
            Matcher::Any => return true,
            Matcher::Glob(glob) => return glob.is_match(name),
            Matcher::Exact(part) => return name.eq_ignore_ascii_case(part),
            Matcher::Inner(part) => {
                return name
                    .as_bytes()
                    .windows(part.len())
                    .any(|window| window.eq_ignore_ascii_case(part.as_bytes()));
            }
            Matcher::Prefix(part) => (name.as_bytes().get(..part.len()), part),
            Matcher::Suffix(part) => {
                let start = name.len().checked_sub(part.len());
                (start.and_then(|start| name.as_bytes().get(start..)), part)
            }
        };
        bytes.is_some_and(|bytes| bytes.eq_ignore_ascii_case(part.as_bytes()))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `*`.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self.matcher, Matcher::Any)
    }

    /// The one name (in lower case) that fits, when the pattern holds no wildcard.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        if let Matcher::Exact(name) = &self.matcher {
            Some(name)
        } else {
            None
        }
    }

    /// The literal start (in lower case), when the pattern is that and `*`.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        if let Matcher::Prefix(part) = &self.matcher {
            Some(part)
        } else {
            None
        }
    }

    /// The literal end (in lower case), when the pattern is `*` and that.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        if let Matcher::Suffix(part) = &self.matcher {
            Some(part)
        } else {
            None
        }
    }

    /// The literal middle (in lower case), when the pattern is `*`, that and `*`.
    #[must_use]
    pub fn inner(&self) -> Option<&str> {
        if let Matcher::Inner(part) = &self.matcher {
            Some(part)
        } else {
            None
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Patterns of which one must fit, in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatternList(Vec<Pattern>);

impl PatternList {
    /// Compiles every text.
    ///
    /// # Errors
    /// The first text that is not a pattern, with the reason.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, (String, PatternError)> {
        let compile = |text: &T| {
            Pattern::parse(text.as_ref()).map_err(|fault| (text.as_ref().to_owned(), fault))
        };
        texts
            .iter()
            .map(compile)
            .collect::<Result<Vec<_>, _>>()
            .map(Self)
    }

    /// Whether one of them fits the whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the list is exactly `["*"]`, which restricts nothing.
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self.0.as_slice(), [only] if only.is_any())
    }

    /// The patterns, in order.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.0
    }
}

/// Checks the text against our language before any library sees it (`spec/limits.md` L2).
fn check(text: &str) -> Result<(), PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(PatternError::TooLong(text.len()));
    }
    if let Some(strange) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(PatternError::NotAscii(strange));
    }
    let mut rest = text.chars().peekable();
    let mut depth = 0_usize;
    let mut bare = Vec::new();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                rest.next().ok_or(PatternError::DanglingEscape)?;
            }
            '*' if rest.peek() == Some(&'*') => return Err(PatternError::DoubleStar),
            '[' => check_class(&mut rest)?,
            ']' => return Err(PatternError::Unbalanced(']')),
            '{' => {
                depth += 1;
                if depth > MAX_BRACES {
                    return Err(PatternError::TooDeep(depth));
                }
                if rest.peek() == Some(&'}') {
                    return Err(PatternError::EmptySet("{}"));
                }
                bare.push('{');
            }
            '}' => {
                bare.pop().ok_or(PatternError::Unbalanced('}'))?;
                depth -= 1;
            }
            _ => {}
        }
    }
    if bare.is_empty() {
        Ok(())
    } else {
        Err(PatternError::Unbalanced('{'))
    }
}

/// Checks `[…]` from behind its opening bracket to its closing one.
fn check_class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), PatternError> {
    if matches!(rest.peek(), Some('!' | '^')) {
        rest.next();
    }
    if rest.peek() == Some(&']') {
        return Err(PatternError::EmptySet("[]"));
    }
    let mut last: Option<char> = None;
    let mut range: Option<(char, char)> = None;
    loop {
        let closed = range.take();
        match rest.next().ok_or(PatternError::Unbalanced('['))? {
            ']' => return Ok(()),
            '-' => {
                if let (Some((low, high)), Some(next)) = (closed, rest.peek())
                    && *next != ']'
                {
                    return Err(PatternError::DashBehindRange(low, high));
                }
                if let (Some(low), Some(&high)) = (last, rest.peek())
                    && high != ']'
                {
                    if low > high {
                        return Err(PatternError::ReversedRange(low, high));
                    }
                    rest.next();
                    (last, range) = (None, Some((low, high)));
                } else {
                    last = Some('-');
                }
            }
            c => last = Some(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_match(pattern: &str, name: &str, expected: bool) {
        let compiled = Pattern::parse(pattern).expect("a pattern");
        assert_eq!(compiled.matches(name), expected, "`{pattern}` on `{name}`");
    }

    #[test]
    fn patterns_cover_the_whole_name_and_ignore_case() {
        for (pattern, name, expected) in [
            ("delete_*", "delete_database", true),
            ("delete_*", "DELETE_database", true),
            ("delete_*", "undelete_database", false),
            ("*_production", "drop_production", true),
            ("*_production", "drop_production_x", false),
            ("*prod*", "a.PROD.b", true),
            ("?at", "cat", true),
            ("?at", "at", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[a-c-]x", "-x", true),
            ("[-a-c]x", "-x", true),
            ("[a-ce-g]x", "dx", false),
            ("[A-C]x", "bx", true),
            ("[#-/]x", "-x", true),
            ("{,prod_}delete_db", "delete_db", true),
            ("{,prod_}delete_db", "prod_delete_db", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("(x", "(x", true),
            ("*", "anything.at-all", true),
        ] {
            check_match(pattern, name, expected);
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused_with_its_reason() {
        let deep = "{".repeat(4) + "a" + &"}".repeat(4);
        let long = "a".repeat(257);
        for (text, part) in [
            ("", "empty"),
            ("a**", "crosses everything"),
            ("[", "no partner"),
            ("]", "no partner"),
            ("{a", "no partner"),
            ("a}", "no partner"),
            ("[]", "matches nothing"),
            ("{}", "matches nothing"),
            ("[z-a]", "reversed"),
            ("[a-c-e]", "two ways"),
            ("[_-_-_]", "two ways"),
            (deep.as_str(), "at most 3"),
            (long.as_str(), "at most 256"),
            ("dé", "printable ASCII"),
            ("a b", "printable ASCII"),
            ("a\\", "escapes nothing"),
        ] {
            let fault = Pattern::parse(text).expect_err(text).to_string();
            assert!(fault.contains(part), "`{text}`: {fault}");
        }
    }
}
