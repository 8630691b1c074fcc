//! What the outside sees of the process: logs and health.

mod health; // named checks
mod logs; // to stderr, always

pub use health::{Check, Health};
pub use logs::{LogFormat, start_logs};
