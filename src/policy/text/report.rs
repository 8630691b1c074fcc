//! Where mistakes are noted while a policy is read, so that all of them are told at once.

use crate::policy::bundle::Place;
use crate::policy::error::{Excerpt, Finding, FindingCode, FindingPlace, printable};

use super::{Source, Span};

/// The most findings that are kept: a file with more has one mistake, many times.
const MOST_FINDINGS: usize = 200;

/// The most patterns and regexes of all files: each costs microseconds and kilobytes.
const MOST_COMPILED: usize = 30_000;

/// The findings about some sources.
pub(in crate::policy) struct Report<'s> {
    sources: &'s [Source],
    findings: Vec<Finding>,
    dropped: usize,
    rule: Option<usize>,
    compiled: usize,
}

/// A finding just noted, to which a hint may be added.
pub(in crate::policy) struct Noted<'r>(Option<&'r mut Finding>);

impl Noted<'_> {
    /// Says what to do about it.
    pub(in crate::policy) fn hint(self, hint: &str) {
        if let Some(finding) = self.0 {
            finding.hint = Some(printable(hint));
        }
    }
}

impl<'s> Report<'s> {
    /// An empty report about these sources.
    pub(in crate::policy) const fn new(sources: &'s [Source]) -> Self {
        Self {
            sources,
            findings: Vec::new(),
            dropped: 0,
            rule: None,
            compiled: 0,
        }
    }

    /// The sources.
    pub(in crate::policy) const fn sources(&self) -> &'s [Source] {
        self.sources
    }

    /// Notes a finding.
    pub(in crate::policy) fn error(
        &mut self,
        code: FindingCode,
        at: Span,
        message: &str,
    ) -> Noted<'_> {
        if self.is_full() {
            self.dropped += 1;
            return Noted(None);
        }
        let mut finding = Finding::new(code, self.finding_place(at), message);
        finding.rule = self.rule;
        finding.excerpt = self
            .line(at)
            .and_then(|line| Excerpt::of(line, at.column, at.length));
        self.findings.push(finding);
        Noted(self.findings.last_mut())
    }

    /// Notes a mistake of form.
    pub(in crate::policy) fn syntax(&mut self, at: Span, message: &str) -> Noted<'_> {
        self.error(FindingCode::Syntax, at, message)
    }

    /// Notes that something stands twice, naming both places.
    pub(in crate::policy) fn twice(&mut self, at: Span, first: Span, what: &str) {
        let first = self.finding_place(first);
        let message = format!("{what} stands twice, first at {first}");
        self.syntax(at, &message)
            .hint("keep one of them, or rename one");
    }

    /// Says which rule of its policy is being read.
    pub(in crate::policy) const fn in_rule(&mut self, index: Option<usize>) {
        self.rule = index;
    }

    /// Counts a pattern or regex that is about to be compiled; false when there are too many.
    pub(in crate::policy) fn may_compile(&mut self, at: Span) -> bool {
        self.compiled += 1;
        if self.compiled == MOST_COMPILED + 1 {
            let message = format!("the files hold more than {MOST_COMPILED} patterns");
            self.syntax(at, &message)
                .hint("use groups, or patterns with `*`");
        }
        self.compiled <= MOST_COMPILED
    }

    /// Whether something noted refuses the bundle.
    pub(in crate::policy) fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// Whether further findings are only counted.
    pub(in crate::policy) const fn is_full(&self) -> bool {
        self.findings.len() >= MOST_FINDINGS
    }

    /// Counts a finding that would not be kept.
    pub(in crate::policy) const fn skip(&mut self) {
        self.dropped += 1;
    }

    /// How many findings there are so far.
    pub(in crate::policy) const fn count(&self) -> usize {
        self.findings.len() + self.dropped
    }

    /// The findings, in the order of the files and lines.
    pub(in crate::policy) fn into_findings(mut self) -> Vec<Finding> {
        self.findings
            .sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
        if let (true, Some(last)) = (self.dropped > 0, self.findings.last_mut()) {
            last.hint = Some(format!(
                "{} more findings are not shown: mend these first",
                self.dropped
            ));
        }
        self.findings
    }

    /// The place as the model keeps it.
    pub(in crate::policy) fn place(&self, at: Span) -> Place {
        Place {
            file: self.finding_place(at).file,
            line: at.line,
        }
    }

    fn finding_place(&self, at: Span) -> FindingPlace {
        let file = self
            .source(at)
            .map_or_else(|| "policy".into(), |source| source.name.clone());
        FindingPlace {
            file,
            line: at.line,
            column: at.column,
        }
    }

    fn source(&self, at: Span) -> Option<&'s Source> {
        self.sources.get(usize::try_from(at.source).ok()?)
    }

    fn line(&self, at: Span) -> Option<&'s str> {
        let number = usize::try_from(at.line).ok()?.checked_sub(1)?;
        let line = self
            .source(at)?
            .bytes
            .split(|&byte| byte == b'\n')
            .nth(number)?;
        let text = std::str::from_utf8(line).ok()?;
        Some(text.strip_prefix('\u{feff}').unwrap_or(text))
    }
}

/// The candidate that the word was probably meant to be.
pub(in crate::policy) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let length = word.chars().count();
    let most = (length / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= most)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, changes and swaps of neighbours that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(80).collect(), b.chars().take(80).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let at =
                |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, j) + usize::from(from != to))
                .min(at(&above, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && a.get(i - 1) == Some(&to) && b.get(j - 1) == Some(&from);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_a_stranger_finds_none() {
        let keys = ["tool_pattern", "action_type", "modes", "agents"];
        assert_eq!(nearest("tol_pattern", keys), Some("tool_pattern"));
        assert_eq!(nearest("agenst", keys), Some("agents"));
        assert_eq!(nearest("mode", keys), Some("modes"));
        assert_eq!(nearest("banana", keys), None);
        assert_eq!(distance("ab", "ba"), 1);
    }
}
