//! What services looked like when somebody looked last: fed by recorded outcomes, read by rules.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::audit::{AuditRecord, Listener, StateChange};
use crate::domain::Health;

/// Last known health by service.
#[derive(Debug, Default)]
pub struct HealthBook {
    /// Guards the swap of the whole map; readers take a share of it.
    services: RwLock<Arc<BTreeMap<String, Health>>>,
}

impl HealthBook {
    /// The book as it was stored.
    #[must_use]
    pub fn new(services: BTreeMap<String, Health>) -> Self {
        Self {
            services: RwLock::new(Arc::new(services)),
        }
    }

    /// What is known now.
    #[must_use]
    pub fn services(&self) -> Arc<BTreeMap<String, Health>> {
        Arc::clone(&self.services.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener for HealthBook {
    fn recorded(&self, _record: &AuditRecord, changes: &[StateChange]) {
        for change in changes {
            if let StateChange::ObserveHealth {
                service, health, ..
            } = change
            {
                let mut services = self
                    .services
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                if services.get(service) != Some(health) {
                    Arc::make_mut(&mut services).insert(service.clone(), *health);
                }
            }
        }
    }
}
