//! Who is connected: how many in all, how many from one address, and the places kept for health.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Network;
use crate::transport::metrics::DoorMetrics;

/// How many places are kept for whoever asks how the gateway is (`spec/limits.md`, L3).
const FOR_HEALTH: usize = 16;

/// How many may be connected.
#[derive(Debug, Clone)]
pub struct Limits {
    /// In all, those for health among them.
    pub connections: usize,
    /// From one address; `None`: as many as there are places.
    pub per_address: Option<usize>,
    /// Networks whose addresses stand for many callers, so that the limit of one address is not theirs.
    pub trusted_proxies: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            per_address: Some(256),
            trusted_proxies: Vec::new(),
        }
    }
}

/// Counts connections.
pub(super) struct Census {
    limits: Limits,
    metrics: DoorMetrics,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    ordinary: usize,
    for_health: usize,
    /// As many entries as there are connections, at most.
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; it is free again when this is dropped.
pub(super) struct Place {
    census: Arc<Census>,
    address: IpAddr,
    for_health: bool,
}

impl Census {
    pub(super) fn new(limits: Limits, metrics: DoorMetrics) -> Arc<Self> {
        Arc::new(Self {
            limits,
            metrics,
            counts: Mutex::default(),
        })
    }

    /// A place for a connection from this address, if there is one.
    pub(super) fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut counts = self.lock();
        let for_health = self.what_place(&counts, address)?;
        if for_health {
            counts.for_health += 1;
        } else {
            counts.ordinary += 1;
        }
        *counts.by_address.entry(address).or_default() += 1;
        drop(counts);
        self.metrics.connected();
        Some(Place {
            census: Arc::clone(self),
            address,
            for_health,
        })
    }

    /// Which place is left: one of those for health?
    fn what_place(&self, counts: &Counts, address: IpAddr) -> Option<bool> {
        let from_there = counts.by_address.get(&address).copied().unwrap_or_default();
        let stands_for_many = || {
            let networks = &self.limits.trusted_proxies;
            networks.iter().any(|network| network.contains(address))
        };
        let full = |limit| from_there >= limit;
        if self.limits.per_address.is_some_and(full) && !stands_for_many() {
            return None;
        }
        if counts.ordinary + FOR_HEALTH < self.limits.connections {
            return Some(false);
        }
        (counts.for_health < FOR_HEALTH).then_some(true)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether it is one of those that are kept for health.
    pub(super) const fn is_for_health(&self) -> bool {
        self.for_health
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.census.lock();
        if self.for_health {
            counts.for_health -= 1;
        } else {
            counts.ordinary -= 1;
        }
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        drop(counts);
        self.census.metrics.disconnected();
    }
}
