//! Files and the policies that were written at run time become one bundle.

use std::collections::BTreeSet;

use crate::domain::{Digest, PolicyId};

use super::bundle::{Bundle, Origin};
use super::load::MAX_RULES;
use super::normal;
use super::rule::Policy;

/// Why runtime policies do not join the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Files have policies of these ids.
    #[error("policy `{}` stands in a file and was also created at run time: delete one of both", listed(.0))]
    Taken(Vec<PolicyId>),
    /// More rules than a bundle may have.
    #[error(
        "files and runtime policies have {0} rules together: at most {MAX_RULES}; join rules that differ in their pattern alone"
    )]
    TooManyRules(usize),
}

fn listed(ids: &[PolicyId]) -> String {
    let ids: Vec<&str> = ids.iter().map(PolicyId::as_str).collect();
    ids.join("`, `")
}

/// The bundle of these files and these runtime policies. What `files` itself has of runtime policies is left out.
///
/// # Errors
/// When an id stands in a file too, or there are too many rules.
pub fn join(files: &Bundle, runtime: Vec<Policy>) -> Result<Bundle, JoinError> {
    let of_files: BTreeSet<&PolicyId> = files_of(files).map(|policy| &policy.id).collect();
    let taken = runtime
        .iter()
        .filter(|policy| of_files.contains(&policy.id));
    let taken: Vec<PolicyId> = taken.map(|policy| policy.id.clone()).collect();
    if !taken.is_empty() {
        return Err(JoinError::Taken(taken));
    }
    let rules: usize = files_of(files)
        .chain(&runtime)
        .map(|policy| policy.rules.len())
        .sum();
    if rules > MAX_RULES {
        return Err(JoinError::TooManyRules(rules));
    }
    let mut policies: Vec<Policy> = files_of(files).cloned().collect();
    policies.extend(runtime);
    let mut joined = Bundle {
        policies,
        ..without_policies(files)
    };
    joined.digest = normal::digest(&normal::bundle(&joined));
    Ok(joined)
}

/// The policies of the bundle that stand in files.
pub fn files_of(bundle: &Bundle) -> impl Iterator<Item = &Policy> {
    of_origin(bundle, Origin::File)
}

/// The policies of the bundle that were written at run time.
pub fn runtime_of(bundle: &Bundle) -> impl Iterator<Item = &Policy> {
    of_origin(bundle, Origin::Runtime)
}

fn of_origin(bundle: &Bundle, origin: Origin) -> impl Iterator<Item = &Policy> {
    let policies = bundle.policies.iter();
    policies.filter(move |policy| policy.origin == origin)
}

/// Everything that the bundle says beside its policies.
fn without_policies(bundle: &Bundle) -> Bundle {
    Bundle {
        name: bundle.name.clone(),
        version: bundle.version.clone(),
        description: bundle.description.clone(),
        digest: Digest::ZERO,
        default_mode: bundle.default_mode.clone(),
        default_decision: bundle.default_decision,
        modes: bundle.modes.clone(),
        always_blocked: bundle.always_blocked.clone(),
        always_blocked_because: bundle.always_blocked_because.clone(),
        always_blocked_at: bundle.always_blocked_at.clone(),
        time_restrictions: bundle.time_restrictions.clone(),
        operations: bundle.operations.clone(),
        resource_policies: bundle.resource_policies.clone(),
        constraints: bundle.constraints.clone(),
        protected_paths: bundle.protected_paths.clone(),
        protected_allow_read: bundle.protected_allow_read,
        policies: Vec::new(),
    }
}
