//! Policy, mode and lockdown as they stand, swapped whole.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Clock, Integrity, LockdownState, ModeName, ModeState, Timestamp};
use crate::modes;
use crate::policy::Engine;

/// An instant on both clocks: the wall's for people, the monotonic for ends that no clock jump may move.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub monotonic: Duration,
}

impl Moment {
    /// The instant that the clock shows.
    #[must_use]
    pub fn of(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }
}

/// What every decision of one epoch shares.
#[derive(Clone)]
pub struct Situation {
    /// Counts changes since the process started.
    pub epoch: u64,
    /// The rules.
    pub engine: Arc<Engine>,
    /// The mode, until it expires.
    pub modes: ModeState,
    /// The end of the mode on the monotonic clock.
    pub mode_ends: Option<Duration>,
    /// Lockdown.
    pub lockdown: LockdownState,
    /// Whether the policy is the signed one.
    pub integrity: Integrity,
}

impl Situation {
    /// Whether the mode has run out; either clock suffices, so that a jump of the wall clock lengthens nothing.
    #[must_use]
    pub fn mode_expired(&self, moment: Moment) -> bool {
        self.modes.expires_at.is_some_and(|end| moment.wall >= end)
            || self.mode_ends.is_some_and(|end| moment.monotonic >= end)
    }

    /// The mode in force at the moment.
    #[must_use]
    pub fn mode(&self, moment: Moment) -> &ModeName {
        if self.mode_expired(moment) {
            &self.modes.base_mode
        } else {
            &self.modes.mode
        }
    }

    /// The state of the mode at the moment: the stored one, or what it fell back to.
    ///
    /// It keeps the revision of the stored one, which is what the next change follows, recorded end or not.
    #[must_use]
    pub fn mode_state(&self, moment: Moment) -> ModeState {
        if self.mode_expired(moment) {
            ModeState {
                revision: self.modes.revision,
                ..modes::fall_back(&self.modes, moment.wall)
            }
        } else {
            self.modes.clone()
        }
    }

    /// This situation with another mode, whose end is also set on the monotonic clock.
    ///
    /// The end of a mode that goes on moves there as far as it moves here: a wall clock that was set back meanwhile
    /// lengthens nothing.
    #[must_use]
    pub fn with_mode(&self, modes: ModeState, moment: Moment) -> Self {
        let goes_on = modes.mode == self.modes.mode && modes.since == self.modes.since;
        let mode_ends = match (self.modes.expires_at, self.mode_ends, modes.expires_at) {
            (Some(was), Some(ends), Some(end)) if goes_on => {
                Some((ends + was.until(end)).saturating_sub(end.until(was)))
            }
            (_, _, end) => end.map(|end| moment.monotonic + moment.wall.until(end)),
        };
        Self {
            modes,
            mode_ends,
            ..self.clone()
        }
    }
}
