//! What was heard and is not counted yet: bounded, and what does not fit is read from the trail again.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::signal::Signal;
use crate::audit::{AuditRecord, Listener, StateChange};

/// The most signals that wait; a megabyte or two. Beyond, only the numbers of the records are kept, and the keeper
/// reads these from the trail.
const WAITING: usize = 4096;

/// Hears the trail for incidents. Quick: it notes and rings; the work is the keeper's.
pub struct Watch(pub(super) Arc<Inbox>);

impl Listener for Watch {
    fn recorded(&self, record: &AuditRecord, _changes: &[StateChange]) {
        if let Some(signal) = Signal::of(record) {
            self.0.put(record.seq, signal);
        }
    }
}

/// Between the watch and the keeper.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Guards what was heard; held for a push or a swap.
    heard: Mutex<Heard>,
    bell: Notify,
}

/// What was heard since it was last taken.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// In the order of the trail.
    pub(super) signals: Vec<Signal>,
    /// The records behind the signals that did not fit: first and last number.
    pub(super) missed: Option<(u64, u64)>,
}

impl Inbox {
    fn put(&self, seq: u64, signal: Signal) {
        let mut heard = self.lock();
        if let Some((_, last)) = &mut heard.missed {
            *last = seq;
        } else if heard.signals.len() >= WAITING {
            heard.missed = Some((seq, seq));
        } else {
            heard.signals.push(signal);
        }
        drop(heard);
        self.bell.notify_one();
    }

    /// Takes out what was heard.
    pub(super) fn take(&self) -> Heard {
        std::mem::take(&mut *self.lock())
    }

    /// Waits until something is heard.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AgentId;

    fn signal() -> Signal {
        let agent_id = AgentId::parse("bot").expect("an id");
        Signal::Agent {
            agent_id,
            suspended: false,
        }
    }

    #[test]
    fn what_does_not_fit_is_remembered_by_its_numbers_until_it_is_taken() {
        let inbox = Inbox::default();
        let most = u64::try_from(WAITING).expect("fits");
        for seq in 1..=most + 7 {
            inbox.put(seq, signal());
        }
        let heard = inbox.take();
        assert_eq!(heard.signals.len(), WAITING);
        assert_eq!(heard.missed, Some((most + 1, most + 7)));
        inbox.put(most + 8, signal());
        let heard = inbox.take();
        assert_eq!((heard.signals.len(), heard.missed), (1, None));
    }
}
