//! The doors: they read calls, hand them to the road, and word its answers. They decide nothing.

pub mod mcp; // MCP, every revision
pub mod rest; // REST over TCP and over the data directory's socket

mod credentials; // what requests show of their callers
mod body; // bodies within bounds
mod held; // what requests hold in memory, within a bound
mod metrics; // figures of the doors
mod running; // calls that nobody cancels by going away
mod serve; // listening and stopping
mod trace_context; // the span of whoever asks
mod traced; // calls as spans

use std::sync::Arc;

pub use metrics::DoorMetrics;
pub use serve::{Doors, Limits, ServeError, Tls, TlsError, serve};

/// Every route of these doors.
#[must_use]
pub fn service(rest: rest::Rest, mcp: mcp::Mcp) -> rest::Service {
    rest::service(rest, mcp::routes(Arc::new(mcp)))
}
