//! Reads Rust source as far as the architecture test needs it: which paths product code names, and where.
//!
//! Textual on purpose: no compiler, no macros, and an answer in milliseconds. Comments, strings and
//! whatever stands under `#[cfg(test)]` are not product code.

use std::collections::BTreeSet;

/// A source file, taken apart.
pub(crate) struct Source {
    /// Every path with two segments or more, groups expanded: `use a::{b, c::d}` is `a::b` and `a::c::d`.
    pub(crate) paths: Vec<Vec<String>>,
    /// Every word of product code.
    pub(crate) words: BTreeSet<String>,
    /// Lines that are not under `#[cfg(test)]`.
    pub(crate) product_lines: usize,
    /// Modules that stand in other files (`mod x;`), in order.
    pub(crate) modules: Vec<Module>,
    /// The same under `#[cfg(test)]`.
    pub(crate) test_modules: Vec<Module>,
}

/// A module that stands in another file.
#[derive(Debug, PartialEq)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// What `#[path = "…"]` says of it.
    pub(crate) path: Option<String>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let tokens = tokens(text);
        let (product, removed) = without_tests(&tokens);
        let tests: Vec<Token> = removed.iter().flatten().cloned().collect();
        let removed_lines: usize = removed
            .iter()
            .map(|item| item[item.len() - 1].line - item[0].line + 1)
            .sum();
        let words = product.iter().filter_map(Token::word).map(str::to_owned);
        Self {
            words: words.collect(),
            paths: paths(&product),
            product_lines: text.lines().count() - removed_lines,
            modules: declared_modules(&product),
            test_modules: declared_modules(&tests),
        }
    }
}

#[derive(Clone, PartialEq)]
enum Kind {
    Word(String),
    /// What stands between plain quotes.
    Text(String),
    PathSeparator,
    Mark(char),
}

#[derive(Clone)]
struct Token {
    kind: Kind,
    line: usize,
}

impl Token {
    fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            Kind::Text(_) | Kind::PathSeparator | Kind::Mark(_) => None,
        }
    }

    fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// A place in a text.
struct Cursor<'a> {
    rest: std::str::Chars<'a>,
    line: usize,
}

impl Cursor<'_> {
    fn peek(&self, ahead: usize) -> char {
        self.rest.clone().nth(ahead).unwrap_or('\0')
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.bump();
        }
    }

    /// Skips to behind this text, or to the end.
    fn skip_past(&mut self, end: &str) {
        while !self.rest.as_str().is_empty() && !self.rest.as_str().starts_with(end) {
            self.bump();
        }
        self.skip(end.chars().count());
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                ('\0', _) => return,
                _ => {
                    self.bump();
                    continue;
                }
            }
            self.skip(2);
            if depth == 0 {
                return;
            }
        }
    }

    /// Takes the string or character whose opening quote is next, escapes as they are written.
    fn take_quoted(&mut self) -> String {
        let quote = self.bump();
        let mut text = String::new();
        while let Some(next) = self.bump().filter(|next| Some(*next) != quote) {
            text.push(next);
            if next == '\\' {
                text.extend(self.bump());
            }
        }
        text
    }

    /// Skips a raw string whose hashes or quote are next; `false` when it is a raw identifier.
    fn skip_raw(&mut self) -> bool {
        let hashes = self.rest.clone().take_while(|&next| next == '#').count();
        if self.peek(hashes) != '"' {
            return false;
        }
        self.skip(hashes + 1);
        self.skip_past(&format!("\"{}", "#".repeat(hashes)));
        true
    }

    fn take_word(&mut self) -> String {
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.extend(self.bump());
        }
        word
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut cursor = Cursor {
        rest: text.chars(),
        line: 1,
    };
    let mut tokens = Vec::new();
    while cursor.peek(0) != '\0' {
        let line = cursor.line;
        let kind = match (cursor.peek(0), cursor.peek(1)) {
            ('/', '/') => {
                cursor.skip_past("\n");
                continue;
            }
            ('/', '*') => {
                cursor.skip_block_comment();
                continue;
            }
            ('"', _) | ('\'', '\\') => Kind::Text(cursor.take_quoted()),
            // A lifetime has no closing quote behind its first letter.
            ('\'', _) => {
                let character = cursor.peek(2) == '\'';
                cursor.skip(if character { 3 } else { 1 });
                continue;
            }
            (':', ':') => {
                cursor.skip(2);
                Kind::PathSeparator
            }
            (next, _) if next.is_whitespace() => {
                cursor.bump();
                continue;
            }
            (next, _) if next.is_alphanumeric() || next == '_' => {
                let word = cursor.take_word();
                let raw = matches!(word.as_str(), "r" | "br" | "cr")
                    && matches!(cursor.peek(0), '#' | '"');
                let quoted =
                    matches!(word.as_str(), "b" | "c") && matches!(cursor.peek(0), '"' | '\'');
                if quoted {
                    cursor.take_quoted();
                    continue;
                } else if raw && cursor.skip_raw() {
                    continue;
                } else if raw {
                    cursor.skip(1);
                    Kind::Word(cursor.take_word())
                } else {
                    Kind::Word(word)
                }
            }
            (next, _) => {
                cursor.bump();
                Kind::Mark(next)
            }
        };
        tokens.push(Token { kind, line });
    }
    tokens
}

/// Product code, and the items under `#[cfg(test)]` with their attribute.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<Vec<Token>>) {
    let attribute = self::tokens("#[cfg(test)]");
    let (mut product, mut removed) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        let tests = rest.len() > attribute.len()
            && rest
                .iter()
                .zip(&attribute)
                .all(|(left, right)| left.kind == right.kind);
        if tests {
            let length = attribute.len() + item_length(&rest[attribute.len()..]);
            removed.push(rest[..length].to_vec());
            at += length;
        } else {
            product.push(tokens[at].clone());
            at += 1;
        }
    }
    (product, removed)
}

/// How many tokens the item at the start has, with its further attributes.
fn item_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']') => depth -= 1,
            Kind::Mark('}') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            Kind::Mark(';') if depth == 0 => return at + 1,
            Kind::Mark(_) | Kind::Word(_) | Kind::Text(_) | Kind::PathSeparator => {}
        }
    }
    tokens.len()
}

fn declared_modules(tokens: &[Token]) -> Vec<Module> {
    let declared = |at: &usize| {
        tokens[*at].word() == Some("mod") && tokens.get(at + 2).is_some_and(|next| next.is(';'))
    };
    let module = |at: usize| {
        let name = tokens[at + 1].word()?.to_owned();
        // `#[path = "…"]` ends right before `mod`; a module with a place of its own is never `pub`.
        let path = match &tokens[at.saturating_sub(5)..at] {
            [open, word, _, text, close]
                if open.is('[') && word.word() == Some("path") && close.is(']') =>
            {
                match &text.kind {
                    Kind::Text(path) => Some(path.clone()),
                    Kind::Word(_) | Kind::PathSeparator | Kind::Mark(_) => None,
                }
            }
            _ => None,
        };
        Some(Module { name, path })
    };
    (0..tokens.len())
        .filter(declared)
        .filter_map(module)
        .collect()
}

/// Words behind which a path may begin with `::`.
const KEYWORDS: &[&str] = &[
    "use", "as", "in", "return", "mut", "impl", "dyn", "for", "if", "match", "else", "where",
];

fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let before = |back: usize| at.checked_sub(back).map(|index| &tokens[index]);
        let inside = before(1).is_some_and(|token| token.kind == Kind::PathSeparator)
            && before(2).is_some_and(|token| {
                token.is('>') || token.word().is_some_and(|word| !KEYWORDS.contains(&word))
            });
        let field = before(1).is_some_and(|token| token.is('.'));
        let imported = before(1).is_some_and(|token| token.word() == Some("use"));
        let starts = tokens[at]
            .word()
            .is_some_and(|word| !KEYWORDS.contains(&word));
        if !starts || inside || field {
            at += 1;
            continue;
        }
        let first = found.len();
        at = read_path(tokens, at, &[], &mut found);
        if found.len() == first + 1 && found[first].len() < 2 && !imported {
            found.pop();
        }
    }
    found
}

/// Reads the path that starts here, with its groups, and gives the place behind it.
fn read_path(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = prefix.to_vec();
    let is = |at: usize, mark: char| tokens.get(at).is_some_and(|token| token.is(mark));
    while let Some(word) = tokens.get(at).and_then(Token::word) {
        path.push(word.to_owned());
        at += 1;
        if tokens
            .get(at)
            .is_none_or(|token| token.kind != Kind::PathSeparator)
        {
            break;
        }
        at += 1;
        if is(at, '{') {
            at += 1;
            while at < tokens.len() && !is(at, '}') {
                at = match tokens[at].word() {
                    Some("as") => at + 2,
                    Some(_) => read_path(tokens, at, &path, found),
                    None => at + 1,
                };
            }
            return at + 1;
        }
    }
    found.push(path);
    at
}
