//! Bodies: read to their end within a time and a length, and admitted to be made values of.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep, timeout};

use crate::wire::{Problem, ProblemCode};

use super::held::{Full, Progress, Share};

/// How long a body may take (`spec/limits.md`, L3).
const TIME: Duration = Duration::from_secs(15);

/// Why a body was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyFault {
    /// It did not come in time.
    #[error("the body did not come within {} seconds", TIME.as_secs())]
    Slow,
    /// Too many bytes of other bodies are held just now.
    #[error("too much is being read just now")]
    Full,
    /// It is longer than is read.
    #[error("a body holds at most {0} bytes")]
    TooLong(usize),
    /// The connection broke, or what came is no body.
    #[error("the body could not be read: {0}")]
    Broken(String),
}

impl BodyFault {
    /// The problem for who sent it.
    pub(super) fn problem(&self) -> Problem {
        let (code, hint) = match self {
            Self::Slow => (ProblemCode::TooSlow, "send it in one go"),
            Self::Full => (ProblemCode::Busy, "try again in a moment"),
            Self::TooLong(_) => (ProblemCode::TooLarge, "send less, or raise limits.body"),
            Self::Broken(_) => (ProblemCode::UnreadableBody, "send the whole body"),
        };
        Problem::new(code, self.to_string()).hint(hint)
    }
}

/// Reads a body of at most `limit` bytes.
///
/// It comes back when there is room for the values that it makes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, BodyFault> {
    let whole = put_together(body, limit).await?;
    if let Some(share) = Share::current() {
        let admitted = timeout(TIME, share.admit(&whole)).await;
        admitted.unwrap_or(Err(Full))?;
    }
    Ok(whole)
}

/// The whole body. What came in pieces is put together as it comes, so that it is never held twice.
async fn put_together(body: Body, limit: usize) -> Result<Bytes, BodyFault> {
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut body = Limited::new(body, limit);
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|error| fault(&*error, limit))?.into_data() else {
            continue;
        };
        if whole.is_empty() {
            if body.is_end_stream() {
                return Ok(piece);
            }
            whole.reserve_exact(told.min(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

impl From<Full> for BodyFault {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// Why reading ended before the body did.
fn fault(error: &(dyn Error + 'static), limit: usize) -> BodyFault {
    let mut cause = Some(error);
    while let Some(fault) = cause {
        if let Some(fault) = fault.downcast_ref::<BodyFault>() {
            return fault.clone();
        }
        if fault.is::<LengthLimitError>() {
            return BodyFault::TooLong(limit);
        }
        cause = fault.source();
    }
    BodyFault::Broken(error.to_string())
}

/// A body on its way in.
pub(super) struct Bounded {
    body: Incoming,
    share: Arc<Share>,
    /// Runs from the moment that something had to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Bounded {
    pub(super) const fn new(body: Incoming, share: Arc<Share>) -> Self {
        Self {
            body,
            share,
            timer: None,
        }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let read = Pin::new(&mut self.body).poll_frame(cx);
        let ended = matches!(read, Poll::Ready(None)) || self.body.is_end_stream();
        self.share.note(if ended {
            Progress::Whole
        } else {
            Progress::Begun
        });
        match read {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let taken = self.share.take(bytes).map_err(BodyFault::from);
                Poll::Ready(Some(taken.map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(BodyFault::Broken(error.to_string()))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(TIME)));
                timer.as_mut().poll(cx).map(|()| Some(Err(BodyFault::Slow)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
