//! What the outside sees of the process: logs and health.

mod health; // named checks
mod logs; // to stderr, always
mod metrics; // figures for Prometheus

pub use health::{Check, Health};
pub use logs::{LogFormat, start_logs};
pub use metrics::{METRICS_MEDIA, Metrics};
