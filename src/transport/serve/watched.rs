//! A stream with deadlines, and what is known of the request on it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long things may take (`spec/limits.md`, L3).
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// The head of a request, from its first byte on.
    head: Duration,
    /// Nothing: between requests, or while an answer is not taken.
    idle: Duration,
}

/// Those of every connection.
pub(super) const DEADLINES: Deadlines = Deadlines {
    head: Duration::from_secs(10),
    idle: Duration::from_mins(1),
};

/// How much of what was read is kept to be looked at; the head of a chunked request must fit.
pub(super) const KEPT: usize = 8 * 1024;
/// What a connection keeps of that between requests.
const SPARE: usize = 1024;

/// What a connection is at, known to its stream and to its service.
#[derive(Debug, Clone)]
pub(super) struct Watch(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// What was read since the last request was handed on.
    head: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing of the next request came yet.
    Idle,
    /// Something of its head came.
    Head,
    /// It is answered.
    Working,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            phase: Phase::Idle,
            since: Instant::now(),
            head: Vec::new(),
        })))
    }

    /// A request was read; what its head was read from, as far as that is known.
    pub(super) fn handed_on(&self) -> Vec<u8> {
        let mut state = self.lock();
        state.phase = Phase::Working;
        std::mem::take(&mut state.head)
    }

    /// Takes the buffer back, so that the next head needs no new one.
    pub(super) fn looked_at(&self, mut head: Vec<u8>) {
        if head.capacity() <= SPARE {
            head.clear();
            self.lock().head = head;
        }
    }

    /// The answer is complete.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        state.phase = Phase::Idle;
        state.since = Instant::now();
    }

    fn received(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if state.phase == Phase::Working {
            return;
        }
        if state.phase == Phase::Idle {
            state.phase = Phase::Head;
            state.since = Instant::now();
        }
        let room = KEPT.saturating_sub(state.head.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        state.head.extend_from_slice(kept);
    }

    /// Until when something must be read.
    fn deadline(&self, of: Deadlines) -> Option<Instant> {
        let state = self.lock();
        match state.phase {
            Phase::Idle => Some(state.since + of.idle),
            Phase::Head => Some(state.since + of.head),
            Phase::Working => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream whose peer must not dawdle.
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    deadlines: Deadlines,
    /// One timer for a connection; it may ring early, never late.
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the peer takes nothing.
    stalled: Option<Instant>,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, watch: Watch, deadlines: Deadlines) -> Self {
        Self {
            stream,
            watch,
            deadlines,
            timer: None,
            stalled: None,
        }
    }

    /// Waits for the deadline.
    fn wait(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<io::Error> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// Has no deadline, and looks again in a while: an answer may be complete by then, and nothing else tells.
    fn look_again(&mut self, cx: &mut Context<'_>) {
        let later = Instant::now() + self.deadlines.idle;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(later)));
        while timer.as_mut().poll(cx).is_ready() {
            timer.as_mut().reset(later);
        }
    }

    /// What a write came to, with the deadline of one that cannot go on.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        self.wait(since + self.deadlines.idle, cx).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(end) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            let bytes = buffer.filled().get(before..).unwrap_or_default();
            if !bytes.is_empty() {
                self.watch.received(bytes);
            }
            return Poll::Ready(end);
        }
        if let Some(deadline) = self.watch.deadline(self.deadlines) {
            return self.wait(deadline, cx).map(Err);
        }
        self.look_again(cx);
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const NEVER: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_head_that_dawdles_is_cut_off_and_a_pause_between_requests_is_not() {
        let deadlines = Deadlines {
            head: SOON,
            idle: NEVER,
        };
        let (mut peer, stream) = duplex(64);
        let mut watched = Watched::new(stream, Watch::new(), deadlines);
        let mut buffer = [0; 64];
        let pause = tokio::time::timeout(SOON * 10, watched.read(&mut buffer));
        assert!(
            pause.await.is_err(),
            "nothing was sent, and nothing was due"
        );
        peer.write_all(b"GET").await.unwrap();
        assert_eq!(watched.read(&mut buffer).await.unwrap(), 3);
        let cut = watched.read(&mut buffer).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_request_that_is_answered_has_no_deadline_and_the_pause_after_it_has() {
        let deadlines = Deadlines {
            head: SOON,
            idle: SOON,
        };
        let (mut peer, stream) = duplex(64);
        let watch = Watch::new();
        let mut watched = Watched::new(stream, watch.clone(), deadlines);
        let mut buffer = [0; 64];
        peer.write_all(b"GET").await.unwrap();
        assert_eq!(watched.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(watch.handed_on(), b"GET");
        let working = tokio::time::timeout(SOON * 10, watched.read(&mut buffer));
        assert!(
            working.await.is_err(),
            "the answer takes as long as it takes"
        );
        watch.answered();
        let cut = watched.read(&mut buffer).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn whoever_takes_nothing_of_an_answer_is_cut_off() {
        let deadlines = Deadlines {
            head: NEVER,
            idle: SOON,
        };
        let (_peer, stream) = duplex(4);
        let mut watched = Watched::new(stream, Watch::new(), deadlines);
        let cut = watched.write_all(b"more than fits").await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
    }
}
