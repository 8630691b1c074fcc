//! A person's second factor, as it is kept: its secret sealed, its tries counted.

use std::time::Duration;

use super::{AgentId, Timestamp};

/// Three wrong tries within this lock it (`spec/identity.md`, "TOTP").
const TRIES_WITHIN: Duration = Duration::from_secs(30);
/// For so long.
const LOCKED_FOR: Duration = Duration::from_mins(15);

/// How far a person's enrolment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotpStatus {
    /// There is none.
    None,
    /// There is a secret, of which no code was seen yet: it does not count.
    Pending,
    /// It counts.
    Confirmed,
}

impl TotpStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::None, Self::Pending, Self::Confirmed];

    /// The status's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
        }
    }
}

/// A person's enrolment for codes of RFC 6238.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totp {
    /// Counts changes; a change names the revision that it makes, and fails if that is not the next one.
    pub revision: u64,
    /// Whose it is.
    pub user_id: AgentId,
    /// The secret under a key of the store, bound to the person.
    pub sealed: Vec<u8>,
    /// When the secret was made.
    pub enrolled_at: Timestamp,
    /// When a code of it was first seen.
    pub confirmed_at: Option<Timestamp>,
    /// The last step whose code was used; 0: none.
    pub last_step: u64,
    /// The last two wrong tries, the earlier one first.
    pub wrong: [Option<Timestamp>; 2],
    /// Until when every code is refused.
    pub locked_until: Option<Timestamp>,
}

impl Totp {
    /// How far the enrolment is.
    #[must_use]
    pub const fn status(&self) -> TotpStatus {
        if self.confirmed_at.is_some() {
            TotpStatus::Confirmed
        } else {
            TotpStatus::Pending
        }
    }

    /// For how long every code is refused, if it is locked.
    ///
    /// Never longer than a lock lasts: a clock that was set back must not lock anybody out for days.
    #[must_use]
    pub fn locked_for(&self, now: Timestamp) -> Option<Duration> {
        let end = self.locked_until.filter(|end| now < *end)?;
        Some(now.until(end).min(LOCKED_FOR))
    }

    /// The enrolment after one more wrong try: locked, if it was the third within the time.
    #[must_use]
    pub fn after_wrong_try(&self, now: Timestamp) -> Self {
        let [earlier, last] = self.wrong;
        // Only the earlier one counts: if it is recent, so is the later one.
        let is_third = earlier.is_some_and(|at| now < at.plus(TRIES_WITHIN));
        let (wrong, locked_until) = if is_third {
            ([None, None], Some(now.plus(LOCKED_FOR)))
        } else {
            ([last, Some(now)], None)
        };
        Self {
            revision: self.revision + 1,
            wrong,
            locked_until,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn after(tries: &[i64]) -> Totp {
        let fresh = Totp {
            revision: 1,
            user_id: AgentId::parse("olga").unwrap(),
            sealed: Vec::new(),
            enrolled_at: at(0),
            confirmed_at: None,
            last_step: 0,
            wrong: [None, None],
            locked_until: None,
        };
        tries
            .iter()
            .fold(fresh, |totp, second| totp.after_wrong_try(at(*second)))
    }

    #[test]
    fn three_wrong_tries_within_half_a_minute_lock_for_a_quarter_of_an_hour() {
        for (tries, locked) in [
            (&[100][..], false),
            (&[100, 101], false),
            (&[100, 101, 129], true),
            (&[100, 101, 130], false),
            (&[100, 120, 131, 149], true),
            (&[100, 120, 140, 160, 180, 200], false),
        ] {
            let totp = after(tries);
            let last = at(*tries.last().unwrap());
            let left = totp.locked_for(last);
            assert_eq!(left, locked.then_some(LOCKED_FOR), "{tries:?}");
            assert_eq!(totp.locked_for(last.plus(LOCKED_FOR)), None, "{tries:?}");
        }
    }

    #[test]
    fn a_lock_starts_the_count_again_and_outlives_no_clock_that_is_set_back() {
        let locked = after(&[5000, 5001, 5002]);
        assert_eq!(locked.after_wrong_try(at(5902)).locked_for(at(5902)), None);
        assert_eq!(locked.locked_for(at(10)), Some(LOCKED_FOR));
    }
}
