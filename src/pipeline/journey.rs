//! Who is told how a call gets on, for whoever traces it.

use std::fmt;
use std::sync::Arc;

use super::{Answer, Unanswered};

/// A station on the road that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Station {
    /// Facts are gathered, and the rules asked.
    Decide,
    /// The decision is put on record.
    Record,
    /// The tool works.
    Dispatch,
    /// What came of it is put on record.
    RecordOutcome,
}

impl Station {
    /// The station's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Record => "record",
            Self::Dispatch => "dispatch",
            Self::RecordOutcome => "record outcome",
        }
    }
}

/// Watches one call; it changes nothing about it.
pub trait Companion: Send + Sync {
    /// The call sets out, to a tool of this name, which is a catalogued one or `_other`.
    fn sets_out(&self, tool: &str);
    /// The call arrives at a station, and so left the one before.
    fn reaches(&self, station: Station);
    /// The call ended.
    fn arrives(&self, end: &Result<Answer, Unanswered>);
}

/// The way of one call, as somebody watches it who may not be there.
#[derive(Clone, Default)]
pub struct Journey(Option<Arc<dyn Companion>>);

impl Journey {
    /// A journey that this one watches.
    #[must_use]
    pub fn with(companion: Arc<dyn Companion>) -> Self {
        Self(Some(companion))
    }

    /// Whether anybody watches.
    pub(super) const fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn sets_out(&self, tool: &str) {
        if let Some(companion) = &self.0 {
            companion.sets_out(tool);
        }
    }

    pub(super) fn reaches(&self, station: Station) {
        if let Some(companion) = &self.0 {
            companion.reaches(station);
        }
    }

    pub(super) fn arrives(&self, end: &Result<Answer, Unanswered>) {
        if let Some(companion) = &self.0 {
            companion.arrives(end);
        }
    }
}

impl fmt::Debug for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Journey").field(&self.is_watched()).finish()
    }
}
