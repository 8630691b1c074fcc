//! A directory that goes away with the demo.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::cli::CliError;
use crate::policy_admin;

/// A directory for this process alone, removed at the latest when this is dropped, as by a panic.
pub(super) struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Makes one where the system keeps what is temporary, readable by its owner alone.
    pub(super) fn make() -> Result<Self, CliError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|fault| CliError::Unexpected(fault.to_string()))?;
        let name = format!("policyguard-demo-{:08x}", u64::from_ne_bytes(random) >> 32);
        let dir = std::env::temp_dir().join(name);
        // Not recursive: a directory that is there already belongs to somebody else.
        DirBuilder::new().mode(0o700).create(&dir).map_err(|fault| {
            CliError::Unexpected(format!(
                "cannot make `{}`: {fault}\n  hint: name a directory that can be written in TMPDIR",
                dir.display()
            ))
        })?;
        Ok(Self { dir })
    }

    /// Where the gateway keeps its state.
    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The file of the policy that is built in: what lies in this folder must not change the story.
    pub(super) fn built_in_policy(&self) -> Result<PathBuf, CliError> {
        let file = self.dir.join("policy.yaml");
        for source in policy_admin::embedded() {
            fs::write(&file, source.bytes())?;
        }
        Ok(file)
    }

    /// A copy of the store, for nobody but its owner.
    pub(super) fn copy_of_store(&self) -> Result<PathBuf, CliError> {
        let copy = self.dir.join("copy");
        DirBuilder::new().mode(0o700).create(&copy)?;
        for name in ["policyguard.db", "store.key"] {
            fs::copy(self.data_dir().join(name), copy.join(name))?;
        }
        Ok(copy)
    }

    /// Removes it now, and says so if that cannot be done.
    pub(super) fn remove(mut self) -> Result<(), CliError> {
        let dir = std::mem::take(&mut self.dir);
        remove(&dir).map_err(|fault| {
            CliError::Unexpected(format!("cannot remove `{}`: {fault}", dir.display()))
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.dir.as_os_str().is_empty() {
            // There is nobody left to tell.
            drop(remove(&self.dir));
        }
    }
}

fn remove(dir: &Path) -> std::io::Result<()> {
    fs::remove_dir_all(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_a_directory_that_was_removed_or_dropped() {
        for removed in [true, false] {
            let scratch = Scratch::make().expect("made");
            let dir = scratch.dir.clone();
            let file = scratch.built_in_policy().expect("written");
            assert!(file.starts_with(&dir) && file.exists());
            if removed {
                scratch.remove().expect("removed");
            } else {
                drop(scratch);
            }
            assert!(!dir.exists());
        }
    }
}
