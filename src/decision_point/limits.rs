//! What one caller may ask of us in a time (`spec/limits.md`, L16).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::{
    AgentId, Authentication, Owner, Principal, QuotaVerdict, ToolClass, ToolFacts,
};

/// So many callers are told apart: the registry holds no more agents. Beyond, nobody is served who was not a moment ago.
const CALLERS: usize = 100_000;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// How much one caller may ask; `None`: as much as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Calls a second, of which `burst` may come at once.
    pub calls_per_second: Option<NonZeroU32>,
    /// How many calls may come at once.
    pub burst: Option<NonZeroU32>,
    /// Calls of tools that destroy, a minute.
    pub critical_per_minute: Option<NonZeroU32>,
    /// Calls of other tools that change something, a minute.
    pub high_per_minute: Option<NonZeroU32>,
}

/// What callers have used of their limits.
#[derive(Debug, Default)]
pub struct Rates {
    calls: Option<Rate>,
    critical: Option<Rate>,
    high: Option<Rate>,
}

impl Rates {
    /// Nobody has used anything of these limits.
    #[must_use]
    pub fn new(limits: &RateLimits) -> Self {
        let a_minute = |limit: Option<NonZeroU32>, what: &str| {
            let name = |limit| format!("{limit} calls a minute of tools that {what}");
            limit.map(|limit| Rate::new(name(limit), limit, MINUTE, limit))
        };
        Self {
            calls: limits.calls_per_second.map(|limit| {
                let burst = limits.burst.unwrap_or(limit);
                Rate::new(format!("{limit} calls a second"), limit, SECOND, burst)
            }),
            critical: a_minute(limits.critical_per_minute, "destroy"),
            high: a_minute(limits.high_per_minute, "change something"),
        }
    }

    /// Whether there is no limit at all.
    pub(super) const fn are_unlimited(&self) -> bool {
        self.calls.is_none() && self.critical.is_none() && self.high.is_none()
    }

    /// Counts a call at `now`; tells which limit it is beyond, if it is. The gateway's own questions are not counted.
    pub(super) fn take(
        &self,
        principal: &Principal,
        tool: Option<&ToolFacts>,
        now: Duration,
    ) -> Option<QuotaVerdict> {
        if principal.authentication == Authentication::Internal {
            return None;
        }
        let caller = principal.acted_by.as_ref().unwrap_or(&principal.agent_id);
        let foreign = tool.filter(|tool| tool.owner != Owner::Gateway);
        let by_risk = match foreign.map(|tool| tool.class) {
            Some(ToolClass::Destructive) => self.critical.as_ref(),
            Some(ToolClass::Modify) => self.high.as_ref(),
            Some(ToolClass::Read) | None => None,
        };
        let rates = [self.calls.as_ref(), by_risk];
        let mut rates = rates.into_iter().flatten();
        rates.find_map(|rate| rate.take(caller, now).err())
    }

    /// How many callers are told apart just now.
    #[must_use]
    pub fn callers(&self) -> usize {
        let rates = [&self.calls, &self.critical, &self.high];
        rates.into_iter().flatten().map(Rate::callers).sum()
    }
}

/// One limit, by the virtual scheduling algorithm (ITU-T I.371, GCRA): for each caller the moment at which all that it
/// asked would have been asked at the allowed pace.
#[derive(Debug)]
struct Rate {
    name: Arc<str>,
    /// From one call to the next, at the allowed pace.
    pace: Duration,
    /// How far ahead of that pace a caller may be.
    ahead: Duration,
    /// Guards the moments; a caller that is not in it has used nothing. Held for a look.
    paid_until: Mutex<HashMap<AgentId, Duration>>,
}

impl Rate {
    fn new(name: String, limit: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let pace = per / limit.get();
        Self {
            name: name.into(),
            pace,
            ahead: pace * burst.get(),
            paid_until: Mutex::default(),
        }
    }

    fn take(&self, caller: &AgentId, now: Duration) -> Result<(), QuotaVerdict> {
        let mut callers = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= CALLERS && !callers.contains_key(caller) {
            callers.retain(|_, paid_until| *paid_until > now);
            if callers.len() >= CALLERS {
                return Err(self.verdict(SECOND));
            }
        }
        let paid_until = callers.entry(caller.clone()).or_default();
        let next = (*paid_until).max(now) + self.pace;
        let too_soon = next.saturating_sub(now).saturating_sub(self.ahead);
        if too_soon > Duration::ZERO {
            return Err(self.verdict(too_soon));
        }
        *paid_until = next;
        Ok(())
    }

    fn verdict(&self, wait: Duration) -> QuotaVerdict {
        QuotaVerdict {
            name: Arc::clone(&self.name),
            retry_after_seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
        }
    }

    fn callers(&self) -> usize {
        self.paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(limit: u32, per: Duration, burst: u32) -> Rate {
        let number = |number| NonZeroU32::new(number).unwrap();
        Rate::new("a test".to_owned(), number(limit), per, number(burst))
    }

    fn taken(rate: &Rate, caller: &str, at: Duration, tries: usize) -> usize {
        let caller = AgentId::parse(caller).unwrap();
        (0..tries)
            .filter(|_| rate.take(&caller, at).is_ok())
            .count()
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_pace_holds() {
        let rate = rate(50, SECOND, 200);
        let begin = Duration::from_secs(1_000);
        assert_eq!(taken(&rate, "a", begin, 1_000), 200);
        assert_eq!(
            taken(&rate, "b", begin, 1_000),
            200,
            "each caller has its own"
        );
        assert_eq!(taken(&rate, "a", begin + SECOND, 1_000), 50);
        assert_eq!(
            taken(&rate, "a", begin + MINUTE, 1_000),
            200,
            "no more is saved up"
        );
    }

    #[test]
    fn who_is_refused_learns_when_to_come_back() {
        let rate = rate(5, MINUTE, 5);
        let begin = Duration::from_secs(7);
        assert_eq!(taken(&rate, "a", begin, 9), 5);
        let verdict = rate.take(&AgentId::parse("a").unwrap(), begin).unwrap_err();
        assert_eq!(verdict.retry_after_seconds, 12);
        let back = begin + Duration::from_secs(12);
        assert_eq!(taken(&rate, "a", back, 9), 1);
    }

    #[test]
    fn callers_who_used_nothing_lately_make_room_and_nobody_is_let_in_without_it() {
        let rate = rate(1, SECOND, 1);
        let begin = Duration::from_secs(1);
        for number in 0..CALLERS {
            assert_eq!(taken(&rate, &format!("a{number}"), begin, 1), 1);
        }
        assert_eq!(taken(&rate, "one-more", begin, 1), 0);
        assert_eq!(
            taken(&rate, "a7", begin + SECOND / 2, 1),
            0,
            "known, and too soon"
        );
        assert_eq!(taken(&rate, "one-more", begin + SECOND, 1), 1);
        assert_eq!(rate.callers(), 1);
    }
}
