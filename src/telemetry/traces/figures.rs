//! Figures of spans.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// How many spans went where; a clone counts on the same figures.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "otel"),
    expect(dead_code, reason = "a build without spans has none to count")
)]
pub struct TraceMetrics {
    spans: Family<[(&'static str, &'static str); 1], Counter>,
    /// The collector took them.
    pub(super) exported: Counter,
    /// The queue was full.
    pub(super) dropped: Counter,
    /// The collector did not take them.
    pub(super) failed: Counter,
}

impl Default for TraceMetrics {
    fn default() -> Self {
        let spans = Family::<_, Counter>::default();
        let of = |result| spans.get_or_create_owned(&[("result", result)]);
        Self {
            exported: of("exported"),
            dropped: of("dropped"),
            failed: of("failed"),
            spans,
        }
    }
}

impl TraceMetrics {
    /// Shows the figures under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "policyguard_trace_spans",
            "Spans for the collector of traces: exported, dropped because too many waited, or failed to be taken",
            self.spans.clone(),
        );
    }
}
