//! How the trail is written.

use std::time::Duration;

/// How the trail is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Which records wait for the disk.
    pub durability: DurabilityPolicy,
    /// How many entries may wait; a caller beyond that waits for a place.
    pub queue: usize,
    /// How long a caller waits for its entry.
    pub deadline: Duration,
    /// So many identical denials of a minute have a record each, the rest share one; `None`: all have.
    pub identical_denials: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            durability: DurabilityPolicy::Balanced,
            queue: 4096,
            deadline: Duration::from_secs(5),
            identical_denials: None,
        }
    }
}

/// Which records wait for the disk (`audit.durability`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DurabilityPolicy {
    /// What may change something; the rest is committed, and on disk within 50 ms.
    #[default]
    Balanced,
    /// Everything.
    Strict,
}
