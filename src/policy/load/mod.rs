//! From trees to a bundle: what several files say is joined, checked and normalized.

mod conditions; // when a rule fires
mod constraints; // what arguments must be
mod modes; // modes and what holds in all of them
mod policies; // policies and rules
mod resources; // hours, operations, resources, protected paths
mod sections; // one section out of several files
mod tools; // lists of tool patterns

use crate::domain::Digest;

use super::bundle::{Bundle, DefaultDecision};
use super::error::{Finding, FindingCode};
use super::import;
use super::rule::Policy;
use super::text::{self, Report, Source};
use super::{document, normal};
pub(in crate::policy) use sections::Documents;
use tools::Groups;

pub(in crate::policy) use conditions::TRUST_LEVELS;
pub(in crate::policy) use policies::read_call;

/// The most rules of a bundle (`spec/policy-file.md`).
pub const MAX_RULES: usize = 10_000;

/// A bundle that was read without an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What the files say.
    pub bundle: Bundle,
    /// What is probably not meant.
    pub findings: Vec<Finding>,
    /// What was understood in another form than the native one.
    pub notes: Vec<String>,
}

/// Reads the sources as one bundle.
///
/// # Errors
/// Every mistake that was found, in the order of the files. Mistakes of syntax are told before anything
/// is asked about meaning, since what a broken file would have said is not known.
pub fn load(sources: &[Source]) -> Result<Loaded, Vec<Finding>> {
    let mut report = Report::new(sources);
    let trees = text::parse(&mut report);
    if report.has_errors() {
        return Err(report.into_findings());
    }
    let (documents, notes) = import::recognize(&mut report, &trees);
    if documents.is_empty()
        && !report.has_errors()
        && let Some(tree) = trees.first()
    {
        // A list of no policies.
        report
            .error(FindingCode::Syntax, tree.at, "the file says nothing")
            .hint("write at least one policy, or remove the file");
    }
    let bundle = assemble(&mut report, &documents);
    match bundle {
        Some(bundle) if !report.has_errors() => Ok(Loaded {
            bundle,
            findings: report.into_findings(),
            notes,
        }),
        Some(_) | None => Err(report.into_findings()),
    }
}

/// Reads section after section; `None` only where nothing at all could be read.
fn assemble(report: &mut Report<'_>, documents: &Documents<'_>) -> Option<Bundle> {
    if documents.is_empty() {
        return None;
    }
    let groups = Groups::read(report, &documents.values("tool_groups"));
    let words = [
        ("deny", DefaultDecision::Deny),
        ("allow", DefaultDecision::Allow),
    ];
    let default_decision = documents
        .single(report, "default_decision")
        .and_then(|node| report.word(node, "default_decision", &words));
    let mut text = |key: &str| -> String {
        let node = documents.single(report, key);
        node.and_then(|node| report.text(node, key))
            .unwrap_or_default()
            .to_owned()
    };
    let (name, version, description) = (text("policy_name"), text("version"), text("description"));
    let default_mode = modes::default_mode(report, documents);
    let modes = modes::read(report, documents, &groups, &default_mode);
    let global = modes::global_rules(report, documents, &groups);
    let protected = resources::protected(report, documents);
    let policies = policies::read(report, documents, &groups);
    check_count(report, documents, &policies);
    let mut bundle = Bundle {
        name,
        version,
        description,
        digest: Digest::ZERO,
        default_mode,
        default_decision: default_decision.unwrap_or_default(),
        modes,
        always_blocked: global.always_blocked,
        always_blocked_because: global.description,
        always_blocked_at: global.at,
        time_restrictions: resources::time_restrictions(report, documents, &groups),
        operations: resources::operations(report, documents),
        resource_policies: resources::resource_policies(report, documents),
        constraints: constraints::read(report, documents, &groups),
        protected_paths: protected.paths,
        protected_allow_read: protected.allow_read,
        policies,
    };
    bundle.digest = normal::digest(&normal::bundle(&bundle));
    Some(bundle)
}

fn check_count(report: &mut Report<'_>, documents: &Documents<'_>, policies: &[Policy]) {
    let rules: usize = policies.iter().map(|policy| policy.rules.len()).sum();
    if rules > MAX_RULES {
        let message = format!("the bundle has {rules} rules: at most {MAX_RULES}");
        let hint = "join rules that differ in their pattern alone into one with a list";
        report
            .error(FindingCode::Syntax, documents.start(), &message)
            .hint(hint);
    }
}

/// Whether a tree has a key of the native form.
pub(in crate::policy) fn is_native_key(key: &str) -> bool {
    let shape = &document::DOCUMENT;
    shape.later.contains(&key) || shape.keys.iter().any(|&(name, _)| name == key)
}
