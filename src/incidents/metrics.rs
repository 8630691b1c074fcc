//! Figures of incidents.

use std::sync::Arc;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Figures;

use crate::domain::Severity;

use super::store::IncidentStore;

/// How many incidents wait for somebody.
pub struct IncidentGauges {
    store: Arc<dyn IncidentStore>,
    open: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl IncidentGauges {
    /// Gauges of the incidents in this store.
    #[must_use]
    pub fn new(store: Arc<dyn IncidentStore>) -> Self {
        Self {
            store,
            open: Family::default(),
        }
    }

    /// Shows the gauges under their names.
    pub fn register(&self, figures: &mut Figures) {
        figures.register(
            "policyguard_incidents_open",
            "Incidents that are not resolved, by severity",
            self.open.clone(),
        );
    }

    /// Reads how many there are now; where the store cannot be read, the last figures stay.
    pub fn refresh(&self) {
        let Ok(open) = self.store.open() else { return };
        for (severity, count) in Severity::ALL.iter().zip(open) {
            let labels = [("severity", severity.as_str())];
            let gauge = self.open.get_or_create(&labels);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
