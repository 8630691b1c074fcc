//! What requests hold in memory, bounded over all of them: the bytes of bodies and the values made of them
//! (`spec/limits.md`, L1).

use std::future::Future;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::wire::MAX_NODES;

/// What the values of all heavy bodies may take at once, in KiB.
const HEAVY: u32 = 12 * 1024;
/// From this weight on a body waits for its turn, in bytes; what is lighter never waits behind it.
const LIGHT: usize = 64 * 1024;
/// What a value costs where it lies and while its list grows, in bytes.
const VALUE: usize = 96;
/// What an object costs by itself, in bytes: a node of a B-tree has room for eleven members, and is copied once.
const OBJECT: usize = 1024;

tokio::task_local! {
    /// What the request holds that is answered just now.
    static SHARE: Arc<Share>;
}

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// How much is held, of all that may be.
#[derive(Debug)]
pub(super) struct Held {
    bytes: AtomicUsize,
    most: usize,
    /// Room for what heavy bodies make, in KiB.
    heavy: Arc<Semaphore>,
}

impl Held {
    /// At most so many bytes of bodies and light values.
    pub(super) fn at_most(most: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            most,
            heavy: Arc::new(Semaphore::new(HEAVY as usize)),
        }
    }
}

/// What one request holds of it, until it is answered.
#[derive(Debug)]
pub(super) struct Share {
    held: Arc<Held>,
    bytes: AtomicUsize,
    /// The room of a heavy body.
    heavy: OnceLock<OwnedSemaphorePermit>,
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
    /// A share that holds nothing yet.
    pub(super) fn of(held: &Arc<Held>) -> Arc<Self> {
        Arc::new(Self {
            held: Arc::clone(held),
            bytes: AtomicUsize::new(0),
            heavy: OnceLock::new(),
            progress: AtomicU8::new(Progress::Untouched as u8),
        })
    }

    /// Answers a request that holds this share.
    pub(super) async fn holding<F: Future>(self: Arc<Self>, answer: F) -> F::Output {
        SHARE.scope(self, answer).await
    }

    /// The share of the request that is answered just now; none where nobody counts, as for a command in process.
    pub(super) fn current() -> Option<Arc<Self>> {
        SHARE.try_with(Arc::clone).ok()
    }

    /// How far the body was read until now.
    pub(super) fn progress(&self) -> Progress {
        let noted = self.progress.load(Ordering::Relaxed);
        [Progress::Untouched, Progress::Begun]
            .into_iter()
            .find(|progress| *progress as u8 == noted)
            .unwrap_or(Progress::Whole)
    }

    /// Notes how far the body was read.
    pub(super) fn note(&self, progress: Progress) {
        self.progress.store(progress as u8, Ordering::Relaxed);
    }

    /// Holds so many more bytes.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Full> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let before = self.held.bytes.fetch_add(bytes, Ordering::Relaxed);
        // What is too much is given back with the rest, when the request ends.
        if before + bytes > self.held.most {
            return Err(Full);
        }
        Ok(())
    }

    /// Holds what a body makes, before anything is made of it; a heavy one waits until there is room.
    pub(super) async fn admit(&self, body: &[u8]) -> Result<(), Full> {
        let weight = weight(body);
        if weight <= LIGHT {
            return self.take(weight);
        }
        let room = u32::try_from(weight / 1024).map_or(HEAVY, |kib| kib.min(HEAVY));
        let heavy = Arc::clone(&self.held.heavy).acquire_many_owned(room).await;
        // A request has one body.
        self.heavy.set(heavy.map_err(|_| Full)?).map_err(|_| Full)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.held.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// At most so many bytes are made of a JSON text, as far as its marks tell: none of them is read here.
fn weight(text: &[u8]) -> usize {
    let (mut objects, mut others) = (0, 0);
    for byte in text {
        objects += usize::from(*byte == b'{');
        others += usize::from(matches!(byte, b'[' | b','));
    }
    let values = objects + others;
    text.len() + values.min(MAX_NODES) * VALUE + objects.min(MAX_NODES) * OBJECT
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A body of the heaviest kind.
    fn heaviest() -> Vec<u8> {
        [b"[".to_vec(), b"{},".repeat(MAX_NODES), b"0]".to_vec()].concat()
    }

    #[tokio::test]
    async fn a_heavy_body_waits_for_its_turn_and_a_light_one_does_not() {
        let held = Arc::new(Held::at_most(LIGHT));
        let (first, second, light) = (Share::of(&held), Share::of(&held), Share::of(&held));
        first.admit(&heaviest()).await.expect("room for one");
        let body = heaviest();
        let mut waiting = Box::pin(second.admit(&body));
        let waited = tokio::time::timeout(Duration::ZERO, waiting.as_mut()).await;
        assert!(waited.is_err(), "there was room for two");
        light.admit(b"{\"tool_name\":\"a\"}").await.expect("room");
        drop(first);
        waiting.await.expect("room again");
    }

    #[tokio::test]
    async fn light_bodies_are_refused_when_together_they_are_too_much() {
        let held = Arc::new(Held::at_most(LIGHT));
        let body = b"[{},{},{},{},{},{},{},{}]";
        let mut shares = Vec::new();
        let refused = loop {
            let share = Share::of(&held);
            let admitted = share.admit(body).await;
            shares.push(share);
            if admitted.is_err() || shares.len() > 100 {
                break admitted;
            }
        };
        assert_eq!(refused, Err(Full));
        shares.clear();
        assert_eq!(Share::of(&held).admit(body).await, Ok(()));
    }
}
