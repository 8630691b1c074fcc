//! Policies that were written at run time, from their stored form to what the rules understand.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::{PolicyId, Timestamp};
use crate::policy::{
    self, Bundle, Diff, Engine, Finding, JoinError, Policy, Source, join, new_findings,
};

use super::Compiler;

/// The door of runtime policies, which stands where the place of a file would.
pub const DOOR: &str = "create_policy";

/// A stored policy that nobody can read, or that is another one than its id says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the runtime policy `{id}` in the store cannot be read: {why}; restore the data directory from a backup: \
     a gateway without one of its policies could allow what it denies"
)]
pub struct RuntimeFault {
    id: PolicyId,
    why: String,
}

/// The runtime policies of these stored documents.
///
/// # Errors
/// The first that cannot be read: with one of them missing, more could be allowed than was meant.
pub fn read_runtime(stored: &[(PolicyId, String)]) -> Result<Vec<Policy>, RuntimeFault> {
    stored.iter().map(read_one).collect()
}

fn read_one((id, document): &(PolicyId, String)) -> Result<Policy, RuntimeFault> {
    let fault = |why: String| RuntimeFault {
        id: id.clone(),
        why,
    };
    let value: Value = serde_json::from_str(document).map_err(|error| fault(error.to_string()))?;
    let policy = policy::parse_rules(&value, DOOR)
        .map_err(|findings| fault(policy::call_problems(&findings)))?;
    if policy.id == *id {
        Ok(policy)
    } else {
        Err(fault(format!("it calls itself `{}`", policy.id)))
    }
}

/// The texts of the files as a version stores them.
#[must_use]
pub fn files_as_text(sources: &[Source]) -> String {
    let file = |source: &Source| json!({ "name": source.name(), "text": source.text() });
    json!(sources.iter().map(file).collect::<Vec<_>>()).to_string()
}

/// The files of a version out of their stored text.
///
/// # Errors
/// When the text is not what was stored.
pub fn files_of_text(text: &str) -> Result<Vec<Source>, String> {
    let files: Vec<Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let member = |file: &Value, name: &str| {
        let text = file.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| format!("a file without its {name}"))
    };
    files
        .iter()
        .map(|file| Ok(Source::new(&member(file, "name")?, member(file, "text")?)))
        .collect()
}

/// A version that could become the live one: joined, linted, compiled, compared.
pub struct Candidate {
    /// What decides, with the version that it would get.
    pub engine: Arc<Engine>,
    /// Warnings that the version it replaces does not have.
    pub findings: Vec<Finding>,
    /// What it answers differently.
    pub diff: Diff,
}

/// Why a version is not fit to become the live one.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Files and runtime policies do not join.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// Lint refuses it.
    #[error("{}", policy::call_problems(.0))]
    Findings(Vec<Finding>),
}

/// What a candidate is made of.
pub struct Ingredients<'a> {
    /// The bundle whose files are meant; runtime policies in it are passed over.
    pub files: &'a Bundle,
    /// The runtime policies.
    pub runtime: Vec<Policy>,
    /// The bundle whose findings are known already.
    pub known: &'a Bundle,
    /// What it is compared with, and whose version it follows.
    pub live: &'a Engine,
    /// The instant for which it is linted and compared.
    pub now: Timestamp,
}

impl Compiler {
    /// Joins, lints, compiles and compares.
    ///
    /// # Errors
    /// When the parts do not join, or lint finds an error that the known bundle does not have.
    pub fn candidate(&self, ingredients: Ingredients<'_>) -> Result<Candidate, Unfit> {
        let Ingredients {
            files,
            runtime,
            known,
            live,
            now,
        } = ingredients;
        let bundle = Arc::new(join(files, runtime)?);
        let findings = new_findings(&bundle, known, self.tools(), now);
        if findings.iter().any(Finding::is_error) {
            let errors = findings.into_iter().filter(Finding::is_error).collect();
            return Err(Unfit::Findings(errors));
        }
        let engine = Arc::new(self.engine(&bundle, live.version() + 1));
        let diff = policy::diff(live, &engine, now);
        Ok(Candidate {
            engine,
            findings,
            diff,
        })
    }

    /// What a start finds: the files with the runtime policies that were stored, linted as a whole.
    ///
    /// # Errors
    /// When a stored policy cannot be read, or files and runtime policies do not go together.
    pub fn joined(
        &self,
        files: &Bundle,
        stored: &[(PolicyId, String)],
        now: Timestamp,
    ) -> Result<(Bundle, Vec<Finding>), String> {
        let runtime = read_runtime(stored).map_err(|fault| fault.to_string())?;
        let bundle = join(files, runtime)
            .map_err(|fault| format!("{fault}; without the gateway, take it out of the file"))?;
        let findings = new_findings(&bundle, files, self.tools(), now);
        if findings.iter().any(Finding::is_error) {
            let errors = findings.iter().filter(|finding| finding.is_error());
            let lines: Vec<String> = errors.map(ToString::to_string).collect();
            let hint = "mend the files first: what was created at run time is changed once the gateway runs";
            return Err(format!("{}\n{hint}", lines.join("\n")));
        }
        Ok((bundle, findings))
    }
}
