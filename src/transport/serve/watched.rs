//! A stream with deadlines, which ends without taking back what was said last.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::watch::{Deadlines, Watch};

/// How much is passed over of what is still being sent when the last answer was: as much as `limits.body` can be.
const MOST_REST: usize = 4 * 1024 * 1024;

/// A stream whose peer must not dawdle.
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    deadlines: Deadlines,
    /// One timer for a connection; it may ring early, never late.
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the peer takes nothing.
    stalled: Option<Instant>,
    /// The first byte behind a request that is answered with a stream, which was read to see whether its reader is there.
    ahead: Option<u8>,
    /// What is passed over at the end.
    rest: Option<Rest>,
}

/// What a peer still sends when it has its last answer.
///
/// It must be read, or the system resets the connection when it is closed, which can take the answer away before it is
/// read.
#[derive(Debug, Clone, Copy)]
struct Rest {
    left: usize,
    until: Instant,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, watch: Watch, deadlines: Deadlines) -> Self {
        Self {
            stream,
            watch,
            deadlines,
            timer: None,
            stalled: None,
            ahead: None,
            rest: None,
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

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Ready when the reader of a stream has hung up, which nothing else tells before the stream has something to say.
    fn hung_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.ahead.is_some() {
            return Poll::Pending;
        }
        let mut byte = [0];
        let mut read = ReadBuf::new(&mut byte);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)) {
            Err(error) => return Poll::Ready(error),
            Ok(()) => self.ahead = read.filled().first().copied(),
        }
        if self.ahead.is_some() {
            return Poll::Pending;
        }
        Poll::Ready(io::ErrorKind::ConnectionAborted.into())
    }

    /// Reads what is still sent, within bounds, for nobody.
    fn pass_over(&mut self, mut rest: Rest, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; 8 * 1024];
        loop {
            let mut read = ReadBuf::new(&mut buffer);
            let Poll::Ready(end) = Pin::new(&mut self.stream).poll_read(cx, &mut read) else {
                self.rest = Some(rest);
                return self.wait(rest.until, cx).map(drop);
            };
            let bytes = read.filled().len();
            rest.left = rest.left.saturating_sub(bytes);
            if end.is_err() || bytes == 0 || rest.left == 0 {
                return Poll::Ready(());
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(byte) = self.ahead.take() {
            buffer.put_slice(&[byte]);
            self.watch.received(&[byte]);
            return Poll::Ready(Ok(()));
        }
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
        if self.watch.is_streaming()
            && let Poll::Ready(error) = self.hung_up(cx)
        {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(rest) = self.rest {
            return self.pass_over(rest, cx).map(Ok);
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if !self.watch.is_left_unread() {
            return Poll::Ready(Ok(()));
        }
        let rest = Rest {
            left: MOST_REST,
            until: Instant::now() + self.deadlines.rest,
        };
        self.pass_over(rest, cx).map(Ok)
    }
}

#[cfg(test)]
#[path = "tests/watched.rs"]
mod tests;
