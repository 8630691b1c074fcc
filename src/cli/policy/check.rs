//! `policy check`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::{self, Format};
use crate::cli::{CliError, Exit};
use crate::policy::{self, Bundle, Finding, Source};

use super::{Desk, shown};

/// `policyguard policy check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Policy file or folder [default: the configured one]
    path: Option<PathBuf>,
}

/// Prints every finding; exits 3 when one of them is an error.
pub(super) fn run(desk: &Desk, args: &CheckArgs, format: Format) -> Result<Exit, CliError> {
    let sources = desk.sources(args.path.as_deref())?;
    let (bundle, findings, notes) = judged(desk, &sources);
    let value = json!({
        "ok": bundle.is_some(),
        "files": sources.iter().map(policy::Source::name).collect::<Vec<_>>(),
        "bundle": bundle.as_ref().map(summary),
        "findings": findings,
        "notes": notes,
    });
    output::print(format, &value, || {
        let mut parts: Vec<String> = notes.iter().map(|note| format!("note: {note}")).collect();
        if !findings.is_empty() {
            parts.push(shown(&findings));
        }
        parts.push(verdict(bundle.as_ref(), &findings));
        parts.join("\n\n")
    })?;
    Ok(if bundle.is_some() {
        Exit::Ok
    } else {
        Exit::Invalid
    })
}

/// What `check` would say of the configured policy: whether it loads, how many findings there are, and all in a line.
pub(super) fn in_short(desk: &Desk) -> Result<(bool, usize, String), CliError> {
    let sources = desk.sources(None)?;
    let (bundle, findings, _) = judged(desk, &sources);
    let line = verdict(bundle.as_ref(), &findings);
    Ok((bundle.is_some(), findings.len(), line))
}

/// The bundle, unless a finding refuses it, with every finding and note.
fn judged(desk: &Desk, sources: &[Source]) -> (Option<Bundle>, Vec<Finding>, Vec<String>) {
    match policy::check(sources, &desk.tools, desk.now) {
        Ok(loaded) => (Some(loaded.bundle), loaded.findings, loaded.notes),
        Err(findings) => (None, findings, Vec::new()),
    }
}

fn summary(bundle: &Bundle) -> Value {
    json!({
        "name": bundle.name,
        "version": bundle.version,
        "digest": bundle.digest,
        "modes": bundle.modes.keys().collect::<Vec<_>>(),
        "policies": bundle.policies.len(),
        "rules": rules(bundle),
    })
}

fn rules(bundle: &Bundle) -> usize {
    bundle
        .policies
        .iter()
        .map(|policy| policy.rules.len())
        .sum()
}

fn verdict(bundle: Option<&Bundle>, findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let counted = match (errors, findings.len() - errors) {
        (0, 0) => "no findings".to_owned(),
        (errors, warnings) => format!("{}, {}", many(errors, "error"), many(warnings, "warning")),
    };
    match bundle {
        Some(bundle) => {
            let parts = [
                many(bundle.modes.len(), "mode"),
                many(bundle.policies.len(), "policy"),
                many(rules(bundle), "rule"),
            ];
            format!("ok: {} ({}); {counted}", bundle.name, parts.join(", "))
        }
        None => format!("refused: {counted}"),
    }
}

fn many(count: usize, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {what}s"),
    }
}
