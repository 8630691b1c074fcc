//! Named checks, filled by the composition root, asked by the doors.

use std::sync::{Mutex, PoisonError};

/// A check and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `store`, `audit`, `policy`, …
    pub name: &'static str,
    /// What is wrong; `None`: nothing.
    pub fault: Option<String>,
}

type Probe = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// The checks of one server.
#[derive(Default)]
pub struct Health {
    /// Guards the list, which only grows, and only at start.
    probes: Mutex<Vec<(&'static str, Probe)>>,
}

impl Health {
    /// Adds a check; it must answer at once.
    pub fn watch(
        &self,
        name: &'static str,
        probe: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        self.probes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name, Box::new(probe)));
    }

    /// Asks every check.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes
            .iter()
            .map(|(name, probe)| Check {
                name,
                fault: probe(),
            })
            .collect()
    }
}
