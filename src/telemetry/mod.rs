//! What the outside sees of the process: logs, health, figures and traces.

mod health; // named checks
mod logs; // to stderr, always
mod metrics; // figures for Prometheus
mod traces; // spans for OpenTelemetry

pub use health::{Check, Health};
pub use logs::{LogFormat, start_logs};
pub use metrics::{METRICS_MEDIA, Metrics};
pub use traces::{
    CAN_TRACE, NotTaken, Origin, Post, Posting, Side, Span, TraceConfig, TraceMetrics, Traces,
};
