//! Stored versions, compiled again to be compared.

use std::sync::Arc;

use crate::policy::{self, Bundle, Engine, join};
use crate::policy_admin::{files_of_text, read_runtime};
use crate::tools::ToolError;

use super::{Policies, unknown_version, unread};

impl Policies {
    /// The engine of a stored version.
    pub(super) fn engine_of(&self, version: u64) -> Result<Engine, ToolError> {
        let store = &self.store;
        let release = store.release(version).map_err(|fault| unread(&fault))?;
        let files = store.files(version).map_err(|fault| unread(&fault))?;
        let (Some(_), Some(files)) = (release, files) else {
            return Err(unknown_version(version));
        };
        let stored = store.runtime_policies(version);
        let stored = stored.map_err(|fault| unread(&fault))?;
        let joined = bundle(&files).and_then(|files| {
            let runtime = read_runtime(&stored).map_err(|fault| fault.to_string())?;
            join(&files, runtime).map_err(|fault| fault.to_string())
        });
        let bundle = joined.map_err(|why| ToolError::Failed {
            message: format!("version {version} of the policy cannot be read any more: {why}"),
            detail: serde_json::Value::Null,
            changes: Vec::new(),
        })?;
        Ok(self.compiler.engine(&Arc::new(bundle), version))
    }
}

/// The bundle of files as their text was stored.
fn bundle(files: &str) -> Result<Bundle, String> {
    let sources = files_of_text(files)?;
    let loaded = policy::load(&sources).map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(policy::Finding::headline).collect();
        lines.join("; ")
    })?;
    Ok(loaded.bundle)
}
