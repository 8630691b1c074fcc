//! Where things are: the policy files and the data directory.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::storage::{self, Store, StoreError};

use super::OpenError;

/// The policy that is used when nobody names one, if it is there.
const DEFAULT_POLICY: &str = "policies/default.yaml";

/// The policy file or folder; `None`: the copy built in.
pub(super) fn policy_path(config: &Config) -> Option<PathBuf> {
    let default = PathBuf::from(DEFAULT_POLICY);
    config
        .policies
        .clone()
        .or_else(|| default.exists().then_some(default))
}

/// Opens the store in the data directory.
///
/// What is wrong with the directory itself is said in words, before the system says it in its own.
pub(super) fn store(data_dir: &Path) -> Result<Store, OpenError> {
    if data_dir.exists() && !data_dir.is_dir() {
        return Err(OpenError::Store(format!(
            "the data directory `{}` is not a directory; choose another with --data-dir",
            data_dir.display()
        )));
    }
    storage::open(data_dir).map_err(|fault| {
        if matches!(fault, StoreError::File { .. }) {
            let hint = "the data directory must be writable; choose another with --data-dir";
            return OpenError::Store(format!("{fault}\n  hint: {hint}"));
        }
        fault.into()
    })
}
