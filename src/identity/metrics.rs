//! Figures of sessions.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Figures;

use super::Sessions;

/// How many sessions there are.
#[derive(Debug, Default)]
pub struct SessionGauge {
    open: Gauge,
}

impl SessionGauge {
    /// Shows the gauge under its name.
    pub fn register(&self, figures: &mut Figures) {
        figures.register(
            "policyguard_sessions",
            "Sessions of MCP clients that are kept, in memory or in the store alone",
            self.open.clone(),
        );
    }

    /// Reads how many there are now.
    pub fn refresh(&self, sessions: &Sessions) {
        self.open
            .set(i64::try_from(sessions.count()).unwrap_or(i64::MAX));
    }
}
