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
    pub fn activate(&self, name: &str, content: String) -> StateChange {
        StateChange::ActivateRelease(audit::Release {
            version: self.version,
            digest: self.digest,
            name: name.to_owned(),
            author: "gateway".to_owned(),
            reason: "policy files".to_owned(),
            parent: self.version.checked_sub(1).filter(|parent| *parent > 0),
            content,
        })
    }
}
