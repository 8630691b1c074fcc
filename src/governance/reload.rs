//! The files of the policy: read, checked, and joined with what was created at run time.

use std::path::Path;
use std::sync::Arc;

use crate::domain::{ModeState, PolicyId, Timestamp, ToolFacts};
use crate::modes;
use crate::policy::{self, Bundle, Finding};
use crate::policy_admin::{self, Compiler};

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
    let content = policy_admin::files_as_text(&sources);
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
        content,
    })
}

impl Loaded {
    /// The same with the runtime policies that the store has of the last version.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not go with the files: a start without them could allow what
    /// they deny.
    pub fn with_runtime(
        mut self,
        compiler: &Compiler,
        stored: &[(PolicyId, String)],
        now: Timestamp,
    ) -> Result<Self, String> {
        if !stored.is_empty() {
            let (bundle, mut findings) = compiler.joined(&self.bundle, stored, now)?;
            self.bundle = Arc::new(bundle);
            self.findings.append(&mut findings);
        }
        Ok(self)
    }
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
