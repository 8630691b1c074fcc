//! Named checks, filled by the composition root, asked by the doors.

use std::sync::{Mutex, PoisonError};

/// A check and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `store`, `audit`, `policy`, …
    pub name: &'static str,
    /// What is wrong; `None`: nothing.
    pub fault: Option<String>,
    /// Whether the gateway is not ready while it is wrong; else it is a warning.
    pub blocks: bool,
}

impl Check {
    /// Whether the gateway can be used as far as this goes: with a warning it can.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.fault.is_none() || !self.blocks
    }
}

type Probe = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// The checks of one server.
#[derive(Default)]
pub struct Health {
    /// Guards the list, which only grows, and only at start.
    probes: Mutex<Vec<(&'static str, bool, Probe)>>,
}

impl Health {
    /// Adds a check without which the gateway is not ready; it must answer at once.
    pub fn watch(
        &self,
        name: &'static str,
        probe: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        self.add(name, true, Box::new(probe));
    }

    /// Adds a check that only warns; it must answer at once.
    pub fn warn(
        &self,
        name: &'static str,
        probe: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        self.add(name, false, Box::new(probe));
    }

    fn add(&self, name: &'static str, blocks: bool, probe: Probe) {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes.push((name, blocks, probe));
    }

    /// Asks every check.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes
            .iter()
            .map(|(name, blocks, probe)| Check {
                name,
                fault: probe(),
                blocks: *blocks,
            })
            .collect()
    }
}
