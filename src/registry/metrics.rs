//! Figures of agents.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Figures;

use crate::domain::TrustLevel;

use super::Registry;

/// How many agents there are.
#[derive(Debug, Default)]
pub struct AgentGauges {
    by_trust: Family<[(&'static str, &'static str); 1], Gauge>,
    suspended: Gauge,
    auto_registered: Gauge,
}

impl AgentGauges {
    /// Shows the gauges under their names.
    pub fn register(&self, figures: &mut Figures) {
        figures.register(
            "policyguard_agents",
            "Registered agents, by trust",
            self.by_trust.clone(),
        );
        figures.register(
            "policyguard_agents_suspended",
            "Suspended agents",
            self.suspended.clone(),
        );
        figures.register(
            "policyguard_agents_auto_registered",
            "Agents that registered themselves and that nobody adopted",
            self.auto_registered.clone(),
        );
    }

    /// Reads how many there are now.
    pub fn refresh(&self, registry: &Registry) {
        let counts = registry.counts();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (level, count) in TrustLevel::ALL.iter().zip(counts.by_trust) {
            let labels = [("trust_level", level.as_str())];
            self.by_trust.get_or_create(&labels).set(number(count));
        }
        self.suspended.set(number(counts.suspended));
        self.auto_registered.set(number(counts.auto_registered));
    }
}
