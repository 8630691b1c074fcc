//! Verifies the chain behind the writer's back, so that whoever reads of the trail sees its state without waiting.

use std::sync::{Arc, Mutex};

use super::chain::{FirstFault, Head, Report};
use super::line::lock;
use super::query::{QueryError, TrailReader};

/// What is known of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainState {
    /// The last record that was verified, and with it every one before.
    pub verified: Head,
    /// The first record that is wrong.
    pub first_fault: Option<FirstFault>,
    /// What is wrong with the file besides.
    pub damage: Option<String>,
}

impl ChainState {
    /// Whether something is wrong.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.first_fault.is_some() || self.damage.is_some()
    }

    /// `intact` as far as it was verified, or `broken`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        if self.is_broken() { "broken" } else { "intact" }
    }
}

/// The trail's reader, and what verification has found so far.
pub struct Inspector {
    reader: Arc<dyn TrailReader>,
    /// Guards the findings; never held while reading.
    state: Mutex<ChainState>,
}

impl Inspector {
    /// An inspector that has verified nothing yet.
    #[must_use]
    pub fn new(reader: Arc<dyn TrailReader>) -> Self {
        let state = ChainState {
            verified: Head::EMPTY,
            first_fault: None,
            damage: None,
        };
        Self {
            reader,
            state: Mutex::new(state),
        }
    }

    /// Reads the trail.
    #[must_use]
    pub const fn reader(&self) -> &Arc<dyn TrailReader> {
        &self.reader
    }

    /// What is known so far.
    #[must_use]
    pub fn state(&self) -> ChainState {
        lock(&self.state).clone()
    }

    /// Verifies the next records; `true` while more follow. What was found broken stays so until [`Self::verify`].
    ///
    /// # Errors
    /// When the store cannot be read just now.
    pub fn step(&self) -> Result<bool, QueryError> {
        let before = self.state();
        if before.is_broken() {
            return Ok(false);
        }
        let report = self.reader.verify_after(before.verified)?;
        if !report.intact {
            // Only a look from the first record on names the right one.
            self.verify()?;
            return Ok(false);
        }
        let mut state = lock(&self.state);
        // A whole verification may have come further meanwhile, or found what this one could not.
        if !state.is_broken() && report.head.seq > state.verified.seq {
            state.verified = report.head;
        }
        Ok(report.head.seq > before.verified.seq)
    }

    /// Verifies every record, and the file.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn verify(&self) -> Result<Report, QueryError> {
        let report = self.reader.verify()?;
        let found = ChainState {
            verified: report.head,
            first_fault: report.first_fault,
            damage: report.damage.clone(),
        };
        let mut state = lock(&self.state);
        if found.is_broken() && *state != found {
            let seq = found.first_fault.map(|fault| fault.seq);
            let how = found.first_fault.map(|fault| fault.how.as_str());
            tracing::error!(seq, how, damage = found.damage, "audit_chain_broken");
        }
        *state = found;
        Ok(report)
    }
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
