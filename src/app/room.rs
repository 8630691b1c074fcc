//! Whether there is room for more records: looked at from time to time, said where people look (`spec/limits.md`, L16).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::audit::Recorder;
use crate::storage::{Room, Space};

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// From so many hundredths on denials are summarized.
const SCARCE: u128 = 90;
/// From so many hundredths of `audit.max_size` on the log warns.
const SOON: u128 = 80;

/// Watches the room of a store.
#[derive(Clone)]
pub(super) struct RoomWatch {
    room: Room,
    /// What the store may take, in bytes.
    allowed: u64,
    recorder: Recorder,
    /// Why room runs out, while it does.
    shortage: Arc<ArcSwapOption<String>>,
    /// Whether the log said that it is soon to run out.
    told: Arc<AtomicBool>,
}

impl RoomWatch {
    pub(super) fn new(room: Room, allowed: u64, recorder: &Recorder) -> Self {
        Self {
            room,
            allowed,
            recorder: recorder.clone(),
            shortage: Arc::default(),
            told: Arc::default(),
        }
    }

    /// Why room runs out, if it does.
    pub(super) fn shortage(&self) -> Option<String> {
        self.shortage.load().as_ref().map(|why| String::clone(why))
    }

    /// Looks for as long as the future is polled.
    pub(super) async fn keep(self) {
        loop {
            self.look();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks once: two system calls.
    pub(super) fn look(&self) {
        let space = match self.room.measure() {
            Ok(space) => space,
            Err(fault) => return tracing::warn!(%fault, "the store's room is not known"),
        };
        let shortage = shortage(&space, self.allowed);
        match (&shortage, self.shortage().is_some()) {
            (Some(why), false) => tracing::warn!("{why}; denials are summarized"),
            (None, true) => tracing::info!("there is room for records again"),
            (Some(_), true) | (None, false) => {}
        }
        let soon = hundredths(space.store, self.allowed) >= SOON;
        if soon && !self.told.swap(soon, Ordering::Relaxed) {
            tracing::warn!(
                bytes = space.store,
                "the store takes 80 % of audit.max_size"
            );
        }
        self.recorder.set_scarce(shortage.is_some());
        self.shortage.store(shortage.map(Arc::new));
    }
}

/// Why there is little room, if there is.
fn shortage(space: &Space, allowed: u64) -> Option<String> {
    let of_allowed = hundredths(space.store, allowed);
    if of_allowed >= SCARCE {
        return Some(format!(
            "the store takes {of_allowed} % of `audit.max_size`: raise it, or archive the trail"
        ));
    }
    let of_disk = hundredths(space.used, space.used.saturating_add(space.free));
    (of_disk >= SCARCE).then(|| format!("the disk of the store is {of_disk} % full: make room"))
}

fn hundredths(part: u64, whole: u64) -> u128 {
    u128::from(part) * 100 / u128::from(whole.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_short_from_nine_tenths_of_what_is_allowed_or_of_the_disk() {
        let space = |store, used, free| Space { store, free, used };
        for (space, short) in [
            (space(899, 10, 90), None),
            (space(900, 10, 90), Some("audit.max_size")),
            (space(5_000, 10, 90), Some("audit.max_size")),
            (space(10, 89, 11), None),
            (space(10, 90, 10), Some("disk")),
            (space(10, 0, 0), None),
        ] {
            let found = shortage(&space, 1_000);
            match short {
                None => assert_eq!(found, None, "{space:?}"),
                Some(word) => assert!(found.unwrap().contains(word), "{space:?}"),
            }
        }
    }
}
