//! The station before the work: from permit to output, under the gate and a deadline.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;

use crate::decision_point::Stale;
use crate::domain::Owner;
use crate::tools::{Output, Permit, ToolError, Work};

use super::Pipeline;

impl Pipeline {
    /// Carries the permit to its backend.
    ///
    /// The check that the decision still holds and the start of the work are one step under the gate's
    /// lock: a change that was acknowledged in between cannot be overtaken.
    ///
    /// # Errors
    /// When a change was acknowledged since the decision: nothing has started then.
    pub(super) async fn dispatch(
        &self,
        permit: Permit,
    ) -> Result<Result<Output, ToolError>, Stale> {
        let Some(backend) = self.catalog.backend(permit.tool()) else {
            return Ok(Err(failed("the tool left the catalogue before it started")));
        };
        let decision = permit.decision().clone();
        let gate = self.decision_point.gate();
        let managed = gate
            .situation()
            .engine
            .tool(permit.tool())
            .is_some_and(|tool| tool.owner == Owner::Gateway);
        let mut work = backend.call(permit);
        if managed {
            // The gateway's own tools change the situation themselves, one at a time, and check it again there.
            gate.enter(&decision, || ())?;
            return Ok(finish(work, self.deadline).await);
        }
        let first =
            poll_fn(|cx| Poll::Ready(gate.enter(&decision, || poll_guarded(&mut work, cx))))
                .await?;
        Ok(match first {
            Poll::Ready(result) => result,
            Poll::Pending => finish(work, self.deadline).await,
        })
    }
}

/// Polls the work to its end, which is the deadline at the latest.
async fn finish(mut work: Work<'_>, deadline: Duration) -> Result<Output, ToolError> {
    let work = poll_fn(|cx| poll_guarded(&mut work, cx));
    tokio::time::timeout(deadline, work)
        .await
        .unwrap_or(Err(ToolError::Late(deadline)))
}

/// Polls once; a panic of the tool is a failure of the call and of nothing else.
fn poll_guarded(work: &mut Work<'_>, cx: &mut Context<'_>) -> Poll<Result<Output, ToolError>> {
    catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))).unwrap_or_else(|_| {
        tracing::error!("a tool panicked");
        Poll::Ready(Err(failed("internal error")))
    })
}

fn failed(message: impl Into<String>) -> ToolError {
    ToolError::Failed {
        message: message.into(),
        detail: Value::Null,
        changes: Vec::new(),
    }
}
