//! What can be wrong with a policy, as findings that people and machines read.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Whether a finding refuses the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The bundle is refused.
    Error,
    /// The bundle works, though perhaps not as meant.
    Warning,
}

impl Level {
    /// The level's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! finding_codes {
    ($($(#[doc = $about:literal])+ $variant:ident = $name:literal, $level:ident;)*) => {
        /// What kind of mistake it is, as a closed list (`spec/policy-file.md`, "Check and lint").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingCode {
            $($(#[doc = $about])+ $variant,)*
        }

        impl FindingCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($about),+).trim(),)* }
            }

            /// The code as people see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether such a finding refuses the bundle.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)* }
            }
        }
    };
}

finding_codes! {
    /// Syntax, unknown or duplicate key, bad glob, regex, zone or duration.
    Syntax = "PG001", Error;
    /// A key that a later version will understand.
    NotSupported = "PG002", Error;
    /// Something that can never happen.
    Unreachable = "PG010", Error;
    /// A rule that another one always beats.
    Shadowed = "PG011", Warning;
    /// An allow of something that is always blocked.
    AllowsAlwaysBlocked = "PG014", Error;
    /// A mode allows and blocks the same tool.
    ModeContradiction = "PG016", Error;
    /// A rule denies a tool of the way back.
    DeniesWayBack = "PG017", Error;
    /// A pattern that matches no known tool.
    MatchesNothing = "PG020", Warning;
    /// The default decision is to allow.
    DefaultAllow = "PG023", Warning;
    /// Something becomes callable that was not.
    Loosening = "PG070", Warning;
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FindingCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The spot in a text that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FindingPlace {
    /// The file as people name it, or the door through which the text came.
    pub file: Arc<str>,
    /// Line, from 1; 0 where the source has no lines.
    pub line: u32,
    /// Column in characters, from 1; 0 where only the line is known.
    pub column: u32,
}

impl fmt::Display for FindingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// The line that a finding is about, cut to what a terminal shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// The text of the line, without control characters.
    pub text: String,
    /// Where in `text` the mistake starts, in characters from 0.
    pub start: usize,
    /// How many characters it covers, at least 1.
    pub length: usize,
}

/// One mistake, or one thing that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of mistake.
    pub code: FindingCode,
    /// Whether it refuses the bundle.
    pub level: Level,
    /// Where.
    pub place: FindingPlace,
    /// The rule's place in its policy, from 0, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The word that the caret will point to, until the line is known.
    #[serde(skip)]
    pub(crate) focus: String,
    /// The line, for the caret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
}

impl Finding {
    /// A finding that knows its place, but neither hint nor line.
    #[must_use]
    pub fn new(code: FindingCode, place: FindingPlace, message: &str) -> Self {
        Self {
            code,
            level: code.level(),
            place,
            rule: None,
            message: printable(message),
            hint: None,
            focus: String::new(),
            excerpt: None,
        }
    }

    /// The same finding with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: &str) -> Self {
        self.hint = Some(printable(hint));
        self
    }

    /// Place, level, code and message on one line, for logs.
    #[must_use]
    pub fn headline(&self) -> String {
        let (place, level, code) = (&self.place, self.level.as_str(), self.code);
        format!("{place}: {level} {code}: {}", self.message)
    }

    /// Whether it refuses the bundle.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }
}

/// Place, level, code and message on one line; then the line with a caret; then the hint.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let Some(excerpt) = &self.excerpt {
            let number = self.place.line.to_string();
            let margin = " ".repeat(number.len());
            let before = " ".repeat(excerpt.start);
            let caret = "^".repeat(excerpt.length.max(1));
            write!(f, "\n  {number} | {}", excerpt.text)?;
            write!(f, "\n  {margin} | {before}{caret}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// The longest part of a line that a finding shows, in characters.
const EXCERPT_WIDTH: usize = 100;

impl Excerpt {
    /// The part of `line` around `column` (from 1), with a caret under `length` characters.
    #[must_use]
    pub(crate) fn of(line: &str, column: u32, length: u32) -> Option<Self> {
        let column = usize::try_from(column).ok()?.checked_sub(1)?;
        let length = usize::try_from(length).ok()?;
        let skipped = if column < EXCERPT_WIDTH {
            0
        } else {
            column - EXCERPT_WIDTH / 2
        };
        let shown = line.trim_end().chars().skip(skipped).take(EXCERPT_WIDTH);
        let text: String = shown.map(visible).collect();
        let start = column - skipped;
        let room = text.chars().count().saturating_sub(start);
        Some(Self {
            text,
            start,
            length: length.clamp(1, room.max(1)),
        })
    }
}

/// The text without anything that a terminal would act on or a person could not see.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(c: char) -> char {
    if c == '\t' || c == '\n' {
        ' '
    } else if c.is_control() || is_invisible(c) {
        '\u{fffd}'
    } else {
        c
    }
}

/// Whether the character hides, reorders or joins text without showing itself.
#[must_use]
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
