//! The right to commit, of which there is one, and how it goes from hand to hand.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::line::lock;
use super::writer::Writer;

/// The right to commit. Whoever drops it without a commit leaves it to the clerk.
pub(super) struct Lead {
    writer: Arc<Writer>,
    held: bool,
}

impl Lead {
    /// Takes over what [`Line::take_lead`](super::line::Line::take_lead) gave.
    pub(super) fn taken(writer: &Arc<Writer>) -> Self {
        Self {
            writer: Arc::clone(writer),
            held: true,
        }
    }

    /// Lets everybody come first who is about to have something to commit, if there is anybody.
    ///
    /// A commit of twenty entries costs little more than a commit of one. The runtime comes back here when its
    /// other tasks wait, for the most part for this commit; a caller who is alone loses nothing by it.
    pub(super) async fn gather(&self) {
        if self.writer.crowded.load(Ordering::Relaxed) {
            yield_now().await;
        }
    }

    /// Commits what waits, once; if somebody waits then, a task of its own goes on.
    pub(super) fn commit(mut self) {
        if self.writer.desk.try_lock().is_err() {
            // The log is being folded in: a thread of the runtime has better things to do than to wait.
            return;
        }
        let batch = lock(&self.writer.line).take();
        self.writer.commit(batch);
        let mut line = lock(&self.writer.line);
        if !line.urgent() {
            line.give_up_lead();
            self.held = false;
            return;
        }
        drop(line);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                self.gather().await;
                self.commit();
            });
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.held {
            lock(&self.writer.line).handed = true;
            self.writer.bell.notify_one();
        }
    }
}
