//! A new version of the policy becomes the live one, or the last good one stays.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::audit::{AuditError, ChangeNote, StateChange};
use crate::decision_point::{ChangeError, Edit, Gate, Moment, Situation};
use crate::domain::{ModeState, Timestamp, ToolFacts};
use crate::modes;
use crate::policy::{self, Bundle, Finding};
use crate::policy_admin::{self, Compiler, Release};

/// A bundle that is fit to run, and what was found in it.
pub struct Loaded {
    /// The bundle.
    pub bundle: Arc<Bundle>,
    /// Warnings.
    pub findings: Vec<Finding>,
    /// The texts it was made of, to be stored with its version.
    pub content: String,
}

/// Reads, checks and lints the policy at the path; without one, the copy built in.
///
/// # Errors
/// Every error that was found, in words with places.
pub fn load(path: Option<&Path>, tools: &[ToolFacts], now: Timestamp) -> Result<Loaded, String> {
    let sources = match path {
        Some(path) => policy_admin::read(path).map_err(|fault| fault.to_string())?,
        None => policy_admin::embedded(),
    };
    let content = json!(
        sources
            .iter()
            .map(|source| json!({ "name": source.name(), "text": source.text() }))
            .collect::<Vec<_>>()
    );
    let render = |findings: Vec<Finding>| {
        findings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let loaded = policy::check(&sources, tools, now).map_err(render)?;
    Ok(Loaded {
        bundle: Arc::new(loaded.bundle),
        findings: loaded.findings,
        content: content.to_string(),
    })
}

/// Puts the bundle in force as the next version, unless it is the live one already.
///
/// A mode that the new bundle does not have ends with it.
///
/// # Errors
/// When the change cannot be written; the live version stays then.
pub async fn activate(
    gate: &Gate,
    loaded: &Loaded,
    compiler: &Compiler,
) -> Result<bool, AuditError> {
    let change = gate
        .change(|now, moment| edit(now, moment, loaded, compiler))
        .await;
    match change {
        Ok(_) => Ok(true),
        Err(ChangeError::Refused(())) => Ok(false),
        Err(ChangeError::Audit(fault)) => Err(fault),
    }
}

fn edit(now: &Situation, moment: Moment, loaded: &Loaded, compiler: &Compiler) -> Result<Edit, ()> {
    let live = Release {
        version: now.engine.version(),
        digest: now.engine.bundle().digest,
    };
    let (release, is_new) = Release::after(Some(&live), &loaded.bundle);
    if !is_new {
        return Err(());
    }
    let engine = compiler.engine(&loaded.bundle, release.version);
    let mut next = Situation {
        engine: Arc::new(engine),
        ..now.clone()
    };
    let mut changes = vec![release.activate(&loaded.bundle.name, loaded.content.clone())];
    if let Some(state) = homeless(&now.mode_state(moment), &loaded.bundle, moment.wall) {
        next = next.with_mode(state.clone(), moment);
        changes.push(StateChange::SetMode(state));
    }
    let note = ChangeNote::new("policy_reload", "gateway")
        .with("version", json!(release.version))
        .with("parent", json!(live.version))
        .with("digest", json!(release.digest))
        .with("mode", json!(next.modes.mode));
    Ok(Edit {
        next,
        note,
        changes,
        of: None,
    })
}

/// The state of the mode under a bundle that lacks the mode or its base: back to the default mode.
#[must_use]
pub fn homeless(state: &ModeState, bundle: &Bundle, now: Timestamp) -> Option<ModeState> {
    let known = |mode| bundle.modes.contains_key(mode);
    if known(&state.mode) && known(&state.base_mode) {
        return None;
    }
    let default = ModeState {
        base_mode: bundle.default_mode.clone(),
        ..state.clone()
    };
    let reason = format!("the policy has no mode {}", state.mode);
    Some(ModeState {
        reason,
        ..modes::fall_back(&default, now)
    })
}
