//! From an order to the live version: worked out aside, compared, written, swapped whole.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit::{AuditError, ChangeNote, OutcomeOf, PolicyVersion, StateChange};
use crate::decision_point::{ChangeError, Edit, Gate, Moment, Situation};
use crate::domain::PolicyId;
use crate::policy::{Engine, Finding, Policy, runtime_of};
use crate::policy_admin::{
    Activation, Candidate, Ingredients, Loosening, Release, ReleaseStore, Unfit,
};
use crate::tools::{Fault, ToolError};

use super::super::reload::{Loaded, homeless};
use super::super::{mendable, refused};
use super::Policies;
use super::draft::invalid_rules;

/// A change of the runtime policies that a call asks for.
pub(super) struct Order {
    /// What the record says of it; the version is added.
    pub(super) note: ChangeNote,
    /// Why, for the history.
    pub(super) reason: String,
    /// Whether it may make something callable where that is refused.
    pub(super) allow_loosening: bool,
    /// The decision of which the record is the outcome.
    pub(super) of: OutcomeOf,
}

/// The runtime policies as they should be.
pub(super) struct Wanted {
    /// All of them.
    pub(super) runtime: Vec<Policy>,
    /// Those that differ from the live ones, as they are stored; `None`: gone.
    pub(super) puts: Vec<(PolicyId, Option<String>)>,
    /// The policy whose findings are told though it had them before.
    pub(super) about: Option<PolicyId>,
    /// What the answer says of it.
    pub(super) message: String,
    /// What the caller should know besides.
    pub(super) warnings: Vec<String>,
}

/// A change that was made.
pub(super) struct Made {
    pub(super) version: u64,
    pub(super) message: String,
    pub(super) warnings: Vec<String>,
}

/// A change that was worked out but not made.
struct Prepared {
    candidate: Candidate,
    puts: Vec<(PolicyId, Option<String>)>,
    message: String,
    warnings: Vec<String>,
}

/// Why files did not become the live version.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    /// They do not go with the runtime policies.
    #[error(transparent)]
    Unfit(Unfit),
    /// They make something callable.
    #[error("{}; `policy.loosening` is refuse: restart the gateway if that is meant", .0.join("; "))]
    Loosens(Vec<String>),
    /// The change cannot be written.
    #[error(transparent)]
    Audit(AuditError),
    /// It broke on a bug of ours.
    #[error("internal error: {0}")]
    Broken(String),
}

impl Policies {
    /// Makes the version that `work_out` wants of the live one, after those that were asked for before.
    pub(super) async fn change(
        self: &Arc<Self>,
        gate: &Gate,
        order: Order,
        work_out: impl FnOnce(&Engine, &dyn ReleaseStore) -> Result<Wanted, ToolError> + Send + 'static,
    ) -> Result<Made, ToolError> {
        let _turn = self.turn.lock().await;
        let live = Arc::clone(&gate.situation().engine);
        let (policies, now) = (Arc::clone(self), gate.clock().now());
        let base = Arc::clone(&live);
        let prepared = super::apart(move || {
            let wanted = work_out(&base, &*policies.store)?;
            policies.prepare(&base, wanted, now)
        })
        .await?;
        let loosened = prepared.candidate.diff.loosened();
        if self.loosening == Loosening::Refuse && !loosened.is_empty() && !order.allow_loosening {
            return Err(loosens(&loosened));
        }
        let Prepared {
            candidate,
            puts,
            message,
            mut warnings,
        } = prepared;
        warnings.extend(warnings_of(&candidate));
        let edit = |now: &Situation, _moment: Moment| order.edit(now, &live, &candidate, puts);
        let situation = gate.change(edit).await.map_err(refused)?;
        Ok(Made {
            version: situation.engine.version(),
            message,
            warnings,
        })
    }

    fn prepare(
        &self,
        live: &Engine,
        wanted: Wanted,
        now: crate::domain::Timestamp,
    ) -> Result<Prepared, ToolError> {
        let Wanted {
            runtime,
            puts,
            about,
            message,
            warnings,
        } = wanted;
        let known = match about {
            Some(id) if runtime_of(live.bundle()).any(|policy| policy.id == id) => {
                let others = runtime_of(live.bundle()).filter(|policy| policy.id != id);
                let others = crate::policy::join(live.bundle(), others.cloned().collect());
                Arc::new(others.map_err(|fault| unfit(Unfit::Join(fault)))?)
            }
            Some(_) | None => Arc::clone(live.bundle()),
        };
        let ingredients = Ingredients {
            files: live.bundle(),
            runtime,
            known: &known,
            live,
            now,
        };
        let candidate = self.compiler.candidate(ingredients).map_err(unfit)?;
        Ok(Prepared {
            candidate,
            puts,
            message,
            warnings,
        })
    }

    /// Puts the files in force as the next version, with the runtime policies as they are, unless that is the live
    /// version already.
    ///
    /// A mode that the new bundle does not have ends with it.
    ///
    /// # Errors
    /// When they do not go together, or cannot be written; the live version stays then.
    pub async fn reload(
        self: &Arc<Self>,
        gate: &Gate,
        loaded: &Loaded,
    ) -> Result<bool, NotReloaded> {
        let _turn = self.turn.lock().await;
        let live = Arc::clone(&gate.situation().engine);
        let (policies, now) = (Arc::clone(self), gate.clock().now());
        let (base, files) = (Arc::clone(&live), Arc::clone(&loaded.bundle));
        let prepared = tokio::task::spawn_blocking(move || {
            policies.compiler.candidate(Ingredients {
                files: &files,
                runtime: runtime_of(base.bundle()).cloned().collect(),
                known: &files,
                live: &base,
                now,
            })
        });
        let candidate = prepared
            .await
            .map_err(|broken| NotReloaded::Broken(broken.to_string()))?
            .map_err(NotReloaded::Unfit)?;
        let loosened = candidate.diff.loosened();
        if self.loosening == Loosening::Refuse && !loosened.is_empty() {
            return Err(NotReloaded::Loosens(loosened));
        }
        let edit = |now: &Situation, moment| reloaded(now, moment, &candidate, &loaded.content);
        match gate.change(edit).await {
            Ok(_) => {
                for warning in warnings_of(&candidate) {
                    tracing::warn!("{warning}");
                }
                Ok(true)
            }
            Err(ChangeError::Refused(())) => Ok(false),
            Err(ChangeError::Audit(fault)) => Err(NotReloaded::Audit(fault)),
        }
    }
}

impl Order {
    /// The edit that puts the candidate in force; what says the same stays the version that it is.
    fn edit(
        self,
        now: &Situation,
        live: &Arc<Engine>,
        candidate: &Candidate,
        puts: Vec<(PolicyId, Option<String>)>,
    ) -> Result<Edit, ToolError> {
        if !Arc::ptr_eq(&now.engine, live) {
            let why = "the policy changed meanwhile; try again";
            return Err(ToolError::Unavailable(why.to_owned()));
        }
        let Self {
            note, reason, of, ..
        } = self;
        let (release, is_new) = Release::after(Some(&release_of(live)), candidate.engine.bundle());
        let mut note = note.with("version", json!(release.version));
        let mut next = now.clone();
        let mut changes = Vec::new();
        if is_new {
            note = with_comparison(note, candidate)
                .with("parent", json!(live.version()))
                .with("digest", json!(release.digest));
            next.engine = Arc::clone(&candidate.engine);
            let activation = Activation {
                author: note.by.clone(),
                reason,
                files: String::new(),
            };
            changes.push(release.activate(&live.bundle().name, activation));
            let put = |(id, document)| {
                StateChange::PutPolicy(PolicyVersion {
                    version: release.version,
                    id,
                    document,
                })
            };
            changes.extend(puts.into_iter().map(put));
        }
        Ok(Edit {
            next,
            note,
            changes,
            of: Some(of),
        })
    }
}

fn reloaded(
    now: &Situation,
    moment: Moment,
    candidate: &Candidate,
    files: &str,
) -> Result<Edit, ()> {
    let bundle = candidate.engine.bundle();
    let (release, is_new) = Release::after(Some(&release_of(&now.engine)), bundle);
    if !is_new {
        return Err(());
    }
    let mut next = Situation {
        engine: Arc::clone(&candidate.engine),
        ..now.clone()
    };
    let activation = Activation::of_files(files.to_owned());
    let mut changes = vec![release.activate(&bundle.name, activation)];
    if let Some(state) = homeless(&now.mode_state(moment), bundle, moment.wall) {
        next = next.with_mode(state.clone(), moment);
        changes.push(StateChange::SetMode(state));
    }
    let note = ChangeNote::new("policy_reload", "gateway")
        .with("version", json!(release.version))
        .with("parent", json!(now.engine.version()))
        .with("digest", json!(release.digest))
        .with("mode", json!(next.modes.mode));
    Ok(Edit {
        next,
        note: with_comparison(note, candidate),
        changes,
        of: None,
    })
}

fn release_of(engine: &Engine) -> Release {
    Release {
        version: engine.version(),
        digest: engine.bundle().digest,
    }
}

/// The note with what becomes callable, if something does.
fn with_comparison(note: ChangeNote, candidate: &Candidate) -> ChangeNote {
    let lines: Vec<Value> = candidate
        .diff
        .becomes_callable
        .iter()
        .map(|access| json!(access.to_string()))
        .collect();
    if lines.is_empty() {
        return note;
    }
    note.with("becomes_callable", Value::Array(lines))
}

/// What lint found and what becomes callable, as the caller reads it.
pub(super) fn warnings_of(candidate: &Candidate) -> Vec<String> {
    let found = candidate.findings.iter().map(shown);
    let loosened = candidate.diff.loosened().into_iter();
    found
        .chain(loosened.map(|line| format!("{}: {line}", crate::policy::FindingCode::Loosening)))
        .collect()
}

/// A finding in one line.
pub(super) fn shown(finding: &Finding) -> String {
    let hint = finding.hint.as_ref();
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{}: {}{hint}", finding.code, finding.message)
}

pub(super) fn unfit(unfit: Unfit) -> ToolError {
    match unfit {
        Unfit::Findings(findings) => invalid_rules(&findings),
        Unfit::Join(fault) => {
            let error = match fault {
                crate::policy::JoinError::Taken(_) => "policy_in_file",
                crate::policy::JoinError::TooManyRules(_) => "too_many_rules",
            };
            mendable(
                Fault::Conflict,
                error,
                fault.to_string(),
                "list_policies shows what there is",
            )
        }
    }
}

fn loosens(lines: &[String]) -> ToolError {
    mendable(
        Fault::Conflict,
        "loosening",
        format!(
            "the change is refused because it loosens: {}",
            lines.join("; ")
        ),
        "give `allow_loosening: true` if that is meant",
    )
}
