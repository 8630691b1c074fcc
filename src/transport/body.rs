//! Bodies: read to their end within a time, a length, and a share of what all of them may hold.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::wire::{Problem, ProblemCode};

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
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, BodyFault> {
    to_bytes(body, limit).await.map_err(|error| {
        let error = error.into_inner();
        let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
        while let Some(fault) = cause {
            if let Some(fault) = fault.downcast_ref::<BodyFault>() {
                return fault.clone();
            }
            if fault.is::<http_body_util::LengthLimitError>() {
                return BodyFault::TooLong(limit);
            }
            cause = fault.source();
        }
        BodyFault::Broken(error.to_string())
    })
}

/// How many bytes of bodies are held, of all that may be.
#[derive(Debug)]
pub(super) struct Held {
    bytes: AtomicUsize,
    most: usize,
}

impl Held {
    /// At most so many.
    pub(super) const fn at_most(most: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            most,
        }
    }
}

/// What one request holds of it, until the request is answered.
#[derive(Debug)]
pub(super) struct Share {
    held: Arc<Held>,
    bytes: AtomicUsize,
    /// How far the body was read, as a number: see [`Progress`].
    progress: AtomicU8,
}

/// How far a body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nobody looked at it.
    Untouched,
    /// Not to its end.
    Begun,
    /// To its end.
    Whole,
}

impl Share {
    pub(super) fn of(held: &Arc<Held>) -> Arc<Self> {
        Arc::new(Self {
            held: Arc::clone(held),
            bytes: AtomicUsize::new(0),
            progress: AtomicU8::new(Progress::Untouched as u8),
        })
    }

    /// How far the body was read until now.
    pub(super) fn progress(&self) -> Progress {
        let noted = self.progress.load(Ordering::Relaxed);
        [Progress::Untouched, Progress::Begun]
            .into_iter()
            .find(|progress| *progress as u8 == noted)
            .unwrap_or(Progress::Whole)
    }

    fn note(&self, progress: Progress) {
        self.progress.store(progress as u8, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> Result<(), BodyFault> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let before = self.held.bytes.fetch_add(bytes, Ordering::Relaxed);
        // What is too much is given back with the rest, when the request ends.
        if before + bytes > self.held.most {
            return Err(BodyFault::Full);
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.held.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
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
                Poll::Ready(Some(self.share.take(bytes).map(|()| frame)))
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
