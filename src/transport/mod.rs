//! The doors: they read calls, hand them to the road, and word its answers. They decide nothing.

pub mod mcp; // MCP, every revision
pub mod rest; // REST over TCP and over the data directory's socket

mod body; // bodies within bounds
mod metrics; // figures of the doors
mod serve; // listening and stopping

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::pipeline::{Answer, Call, Pipeline, Unanswered};

pub use metrics::DoorMetrics;
pub use serve::{Doors, Limits, ServeError, serve};

/// Takes a call down the road on a task of its own, so that a client that goes away cancels nothing.
async fn on_its_own(
    pipeline: &Arc<Pipeline>,
    running: &TaskTracker,
    call: Call,
) -> Result<Answer, Unanswered> {
    let pipeline = Arc::clone(pipeline);
    let task = running.spawn(async move { pipeline.handle(call).await });
    task.await.unwrap_or_else(|broken| {
        tracing::error!(%broken, "a call broke");
        Err(Unanswered::Broken)
    })
}

/// Every route of these doors.
#[must_use]
pub fn service(rest: rest::Rest, mcp: mcp::Mcp) -> rest::Service {
    rest::service(rest, mcp::routes(Arc::new(mcp)))
}
