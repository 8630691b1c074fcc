//! Lint: what a bundle says that can never happen, contradicts itself, or is probably not meant.

mod impossible; // conditions and constraints that nothing fits
mod lint; // where findings are collected
mod names; // patterns and the tools that exist
mod overruled; // allows that something above always beats
mod shadowed; // rules that another one always beats

use std::collections::HashSet;

use crate::domain::{Timestamp, ToolFacts};

use super::bundle::{Bundle, DefaultDecision};
use super::error::{Finding, FindingCode};
use super::load::{Loaded, load};
use super::rule::Policy;
use super::text::Source;
use lint::Lint;

/// Finds what is wrong with a bundle that was read without errors, given the catalogue and the time.
///
/// Findings know file and line; [`explain_in`] adds column and excerpt where the sources are at hand.
#[must_use]
pub fn validate(bundle: &Bundle, tools: &[ToolFacts], now: Timestamp) -> Vec<Finding> {
    let mut lint = Lint::new(bundle, tools, now);
    impossible::check(&mut lint);
    overruled::check(&mut lint);
    names::check(&mut lint);
    shadowed::check(&mut lint);
    if bundle.default_decision == DefaultDecision::Allow {
        lint.default_allow();
    }
    lint.into_findings()
}

/// Reads and lints the sources: what `policy check` does, and every load and reload.
///
/// # Errors
/// Every finding, when one of them is an error.
pub fn check(
    sources: &[Source],
    tools: &[ToolFacts],
    now: Timestamp,
) -> Result<Loaded, Vec<Finding>> {
    let mut loaded = load(sources)?;
    let mut found = validate(&loaded.bundle, tools, now);
    explain_in(&mut found, sources);
    loaded.findings.append(&mut found);
    loaded
        .findings
        .sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
    if loaded.findings.iter().any(Finding::is_error) {
        return Err(loaded.findings);
    }
    Ok(loaded)
}

/// What lint finds in one bundle and not in another: what a change brings.
#[must_use]
pub fn new_findings(
    bundle: &Bundle,
    before: &Bundle,
    tools: &[ToolFacts],
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = validate(bundle, tools, now);
    if found.is_empty() {
        return found;
    }
    let known = validate(before, tools, now);
    let known: HashSet<(FindingCode, &str)> = known
        .iter()
        .map(|finding| (finding.code, finding.message.as_str()))
        .collect();
    found.retain(|finding| !known.contains(&(finding.code, finding.message.as_str())));
    found
}

/// Adds column and excerpt to findings that know their line only.
pub fn explain_in(findings: &mut [Finding], sources: &[Source]) {
    for finding in findings
        .iter_mut()
        .filter(|finding| finding.excerpt.is_none())
    {
        let source = sources
            .iter()
            .find(|source| *source.name() == *finding.place.file);
        if let Some(source) = source {
            lint::locate(finding, &source.text());
        }
    }
}

/// The policies that can decide something.
fn deciding(bundle: &Bundle) -> impl Iterator<Item = &Policy> {
    bundle.policies.iter().filter(|policy| policy.enabled)
}
