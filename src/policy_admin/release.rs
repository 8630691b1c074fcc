//! A version of the policy: numbered by one counter per store, named by its content.

use crate::audit::{self, StateChange};
use crate::domain::Digest;
use crate::policy::Bundle;

/// A stored version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its number; one counter for files, tools and rollbacks alike.
    pub version: u64,
    /// The digest of its normalized form.
    pub digest: Digest,
}

/// How a version came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Who activates it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Its files as text; empty where they are those of its parent.
    pub files: String,
}

impl Activation {
    /// The activation of files by the gateway itself.
    #[must_use]
    pub fn of_files(files: String) -> Self {
        Self {
            author: "gateway".to_owned(),
            reason: "policy files".to_owned(),
            files,
        }
    }
}

impl Release {
    /// The version that the bundle gets behind `latest`, and whether it is a new one: the same content stays the
    /// same version, so that a restart makes none.
    #[must_use]
    pub fn after(latest: Option<&Self>, bundle: &Bundle) -> (Self, bool) {
        match latest {
            Some(latest) if latest.digest == bundle.digest => (latest.clone(), false),
            Some(latest) => (
                Self {
                    version: latest.version + 1,
                    digest: bundle.digest,
                },
                true,
            ),
            None => (
                Self {
                    version: 1,
                    digest: bundle.digest,
                },
                true,
            ),
        }
    }

    /// The change that stores this version.
    #[must_use]
    pub fn activate(&self, name: &str, activation: Activation) -> StateChange {
        let Activation {
            author,
            reason,
            files,
        } = activation;
        StateChange::ActivateRelease(audit::Release {
            version: self.version,
            digest: self.digest,
            name: name.to_owned(),
            author,
            reason,
            parent: self.version.checked_sub(1).filter(|parent| *parent > 0),
            content: files,
        })
    }
}
