//! Where lint collects what it finds.

use std::collections::{BTreeSet, HashSet};

use crate::domain::{Timestamp, ToolFacts};
use crate::policy::bundle::{Bundle, NamePattern, Place};
use crate::policy::error::{Excerpt, Finding, FindingCode, FindingPlace};
use crate::policy::rule::{Policy, Rule};

/// So far below the line of a policy, rule or mode its own words are looked for.
const SEARCHED_LINES: usize = 400;

/// The most findings of one level that are kept: a bundle with more has one mistake, many times.
const MOST_FINDINGS: usize = 200;

/// A bundle under inspection.
pub(super) struct Lint<'b> {
    pub(super) bundle: &'b Bundle,
    pub(super) tools: &'b [ToolFacts],
    pub(super) now: Timestamp,
    /// The tools' names in lower case.
    pub(super) names: BTreeSet<String>,
    /// What names start with, up to the first `_`.
    pub(super) starts: BTreeSet<String>,
    /// What names end in, from the last `_`.
    pub(super) ends: BTreeSet<String>,
    findings: Vec<Finding>,
    /// Entries of groups that were told already, wherever the group is used.
    pub(super) told: HashSet<(String, String)>,
}

/// What a finding is about.
pub(super) struct Subject<'a> {
    /// Where it is written.
    pub(super) at: &'a Place,
    /// The word that the caret points to; empty: the line.
    pub(super) word: &'a str,
    /// The rule's place in its policy, when it is about one.
    pub(super) rule: Option<usize>,
}

impl<'a> Subject<'a> {
    /// A rule, or a word of it.
    pub(super) const fn rule(rule: &'a Rule, word: &'a str) -> Self {
        Self {
            at: &rule.at,
            word,
            rule: Some(rule.index),
        }
    }

    /// Something that is no rule.
    pub(super) const fn other(at: &'a Place, word: &'a str) -> Self {
        Self {
            at,
            word,
            rule: None,
        }
    }
}

impl<'b> Lint<'b> {
    pub(super) fn new(bundle: &'b Bundle, tools: &'b [ToolFacts], now: Timestamp) -> Self {
        let names: BTreeSet<String> = tools
            .iter()
            .map(|tool| tool.name.to_ascii_lowercase())
            .collect();
        let parts = |part: fn(&str) -> Option<&str>| {
            let found = names.iter().filter_map(|name| part(name));
            found.map(str::to_owned).collect()
        };
        Self {
            bundle,
            tools,
            now,
            findings: Vec::new(),
            told: HashSet::new(),
            starts: parts(|name| name.get(..=name.find('_')?)),
            ends: parts(|name| name.get(name.rfind('_')?..)),
            names,
        }
    }

    /// Notes a finding with its hint.
    pub(super) fn note(
        &mut self,
        code: FindingCode,
        subject: &Subject<'_>,
        message: &str,
        hint: &str,
    ) {
        let level = code.level();
        let alike = self
            .findings
            .iter()
            .filter(|finding| finding.level == level);
        if alike.count() >= MOST_FINDINGS {
            return; // so many others of its level stand already, and errors refuse the bundle
        }
        let place = FindingPlace {
            file: subject.at.file.clone(),
            line: subject.at.line,
            column: 0,
        };
        let mut finding = Finding::new(code, place, message).with_hint(hint);
        finding.rule = subject.rule;
        subject.word.clone_into(&mut finding.focus);
        self.findings.push(finding);
    }

    /// Notes that what nobody thought of is allowed.
    pub(super) fn default_allow(&mut self) {
        let policies = self.bundle.policies.iter().map(|policy| &policy.at);
        let modes = self.bundle.modes.values().map(|mode| &mode.at);
        let somewhere = policies.chain(modes).find(|at| at.line > 0);
        let at = Place {
            file: somewhere.map_or_else(|| "policy".into(), |at| at.file.clone()),
            line: somewhere.map_or(0, |_| 1),
        };
        let hint = "say `default_decision: deny` and allow what is needed";
        let subject = Subject::other(&at, "default_decision");
        self.note(
            FindingCode::DefaultAllow,
            &subject,
            "what no rule names is allowed",
            hint,
        );
    }

    /// Whether further warnings are not kept, so that nothing need be guessed for them.
    pub(super) fn is_full(&self) -> bool {
        let warnings = self.findings.iter().filter(|finding| !finding.is_error());
        warnings.count() >= MOST_FINDINGS
    }

    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        self.findings
            .sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
        self.findings
    }
}

/// The entry as it stands in its list.
pub(super) fn written(entry: &NamePattern) -> String {
    let group = entry.group.as_ref().map(|group| format!("@{group}"));
    group.unwrap_or_else(|| entry.pattern.to_string())
}

/// A rule as messages name it: by its name, else by its place.
pub(super) fn called(policy: &Policy, rule: &Rule) -> String {
    match &rule.name {
        Some(name) => format!("rule `{name}` of policy `{}`", policy.id),
        None => format!("rule {} of policy `{}`", rule.index + 1, policy.id),
    }
}

/// Points a finding at the word it is about, else at the line it knows.
pub(super) fn locate(finding: &mut Finding, text: &str) {
    let Some(first) = usize::try_from(finding.place.line)
        .ok()
        .and_then(|line| line.checked_sub(1))
    else {
        return;
    };
    let mut below = text.lines().enumerate().skip(first).take(SEARCHED_LINES);
    let word = std::mem::take(&mut finding.focus);
    let found = if word.is_empty() {
        None
    } else {
        below.find_map(|(number, line)| Some((number, line, word_in(line, &word)?)))
    };
    let whole_line = || {
        let line = text.lines().nth(first)?;
        let start = line
            .chars()
            .take_while(|c| c.is_whitespace() || *c == '-')
            .count();
        Some((
            first,
            line,
            (start, line.trim_end().chars().count().saturating_sub(start)),
        ))
    };
    let Some((number, line, (start, length))) = found.or_else(whole_line) else {
        return;
    };
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    finding.place.line = small(number + 1);
    finding.place.column = small(start + 1);
    finding.excerpt = Excerpt::of(line, finding.place.column, small(length.max(1)));
}

/// Where the word stands in the line by itself, in characters: (start, length).
fn word_in(line: &str, word: &str) -> Option<(usize, usize)> {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "_*?-.".contains(c);
    let code = line.split(" #").next().unwrap_or(line);
    code.match_indices(word).find_map(|(start, _)| {
        let before = code.get(..start)?;
        let after = code.get(start + word.len()..)?;
        let alone = !before.ends_with(part_of_name) && !after.starts_with(part_of_name);
        alone.then(|| (before.chars().count(), word.chars().count()))
    })
}
