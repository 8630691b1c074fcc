//! What a connection is at, known to its stream and to its service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long things may take (`spec/limits.md`, L3).
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// The head of a request, from its first byte on.
    pub(super) head: Duration,
    /// Nothing: between requests, or while an answer is not taken.
    pub(super) idle: Duration,
    /// What is still being sent when the last answer was.
    pub(super) rest: Duration,
}

/// Those of every connection.
pub(super) const DEADLINES: Deadlines = Deadlines {
    head: Duration::from_secs(10),
    idle: Duration::from_mins(1),
    rest: Duration::from_secs(2),
};

/// How much of what was read is kept to be looked at; the head of a chunked request must fit.
const KEPT: usize = 8 * 1024;
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
    /// Whether more of the last request may be on its way.
    unread: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing of the next request came yet.
    Idle,
    /// Something of its head came.
    Head,
    /// It is answered.
    Working,
    /// It is answered with a stream that only its reader ends.
    Streaming,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            phase: Phase::Idle,
            since: Instant::now(),
            head: Vec::new(),
            unread: false,
        })))
    }

    /// A request was read; what its head was read from, as far as that is known.
    pub(super) fn handed_on(&self) -> Vec<u8> {
        let mut state = self.lock();
        state.phase = Phase::Working;
        state.unread = false;
        std::mem::take(&mut state.head)
    }

    /// The answer is a stream that goes on until its reader hangs up.
    pub(super) fn streams(&self) {
        self.lock().phase = Phase::Streaming;
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.lock().phase == Phase::Streaming
    }

    /// The request is answered though not all of it was read.
    pub(super) fn left_unread(&self) {
        self.lock().unread = true;
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

    pub(super) fn received(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Working | Phase::Streaming) {
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

    /// Whether more may be on its way that nobody will read: of a request, or of a head that could not be read.
    pub(super) fn is_left_unread(&self) -> bool {
        let state = self.lock();
        state.unread || state.phase == Phase::Head
    }

    /// Until when something must be read.
    pub(super) fn deadline(&self, of: Deadlines) -> Option<Instant> {
        let state = self.lock();
        match state.phase {
            Phase::Idle => Some(state.since + of.idle),
            Phase::Head => Some(state.since + of.head),
            Phase::Working | Phase::Streaming => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
