//! Figures of the doors.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Figures;

/// How many are connected, and how many were turned away; a clone counts on the same figures.
#[derive(Debug, Clone, Default)]
pub struct DoorMetrics {
    connections: Gauge,
    turned_away: Counter,
}

impl DoorMetrics {
    /// Shows the figures under their names.
    pub fn register(&self, figures: &mut Figures) {
        figures.register(
            "policyguard_connections",
            "Connections that are held over TCP",
            self.connections.clone(),
        );
        figures.register(
            "policyguard_connections_turned_away",
            "Connections that were closed because there was no place for them",
            self.turned_away.clone(),
        );
    }

    pub(super) fn connected(&self) {
        self.connections.inc();
    }

    pub(super) fn disconnected(&self) {
        self.connections.dec();
    }

    pub(super) fn turned_away(&self) {
        self.turned_away.inc();
    }
}
