//! A call on the road: polled by whoever waits for its answer, and by a task of its own once nobody waits any more.
//!
//! A client that goes away cancels nothing. A task for every call would do as well, but costs a hand-over each.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::pipeline::{Answer, Call, Pipeline, Unanswered};

type End = Result<Answer, Unanswered>;

/// A call that runs to its end, whoever waits for it.
pub(super) struct Running {
    /// Until it ended.
    work: Option<Pin<Box<dyn Future<Output = End> + Send>>>,
    running: TaskTracker,
}

impl Running {
    /// Takes the call down this road; stopping waits for what runs there.
    pub(super) fn new(pipeline: &Arc<Pipeline>, running: &TaskTracker, call: Call) -> Self {
        let (pipeline, token) = (Arc::clone(pipeline), running.token());
        let work = async move {
            let end = pipeline.handle(call).await;
            drop(token);
            end
        };
        Self {
            work: Some(Box::pin(work)),
            running: running.clone(),
        }
    }
}

impl Future for Running {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(Err(Unanswered::Broken));
        };
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        let end = polled.unwrap_or_else(|_| {
            tracing::error!("a call broke");
            Poll::Ready(Err(Unanswered::Broken))
        });
        if end.is_ready() {
            self.work = None;
        }
        end
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without a runtime there is nothing left that could go on.
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            self.running.spawn_on(work, &runtime);
        }
    }
}
