//! From one mode to the next (`spec/identity.md`, "Modes").

use std::time::Duration;

use crate::domain::{IncidentScope, ModeName, ModeState, Timestamp};

/// The length of a switch for which no duration is asked.
const DEFAULT_DURATION: Duration = Duration::from_mins(15);

/// What the policy says of the mode that is asked for.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The mode to which all others return.
    pub default_mode: ModeName,
    /// The longest time in the mode that is asked for; `None`: no bound.
    pub max_duration: Option<Duration>,
}

/// Who asks for a mode, why, and for how long.
#[derive(Debug, Clone)]
pub struct SwitchOrder {
    /// The mode asked for, which the policy has.
    pub mode: ModeName,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: String,
    /// For how long; `None`: the default length.
    pub duration: Option<Duration>,
}

/// Why a mode does not change; each says what would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeRefusal {
    /// Longer than the policy lets the mode last.
    #[error("{mode} lasts at most {max} seconds, not {asked}")]
    TooLong {
        /// The mode.
        mode: ModeName,
        /// Seconds the policy allows.
        max: u64,
        /// Seconds that were asked for.
        asked: u64,
    },
    /// There is no grant to extend or revoke.
    #[error("no temporary grant is running")]
    NoGrant,
}

/// The state after a switch to the ordered mode.
///
/// The default mode ends whatever runs. Any other expires; a second switch while one runs keeps what it
/// returns to.
///
/// # Errors
/// When the duration is longer than the policy allows.
pub fn switch(
    state: &ModeState,
    order: SwitchOrder,
    terms: &Terms,
    now: Timestamp,
) -> Result<ModeState, ModeRefusal> {
    if order.mode == terms.default_mode {
        return Ok(ModeState {
            revision: state.revision + 1,
            base_mode: order.mode.clone(),
            mode: order.mode,
            since: now,
            by: order.by,
            reason: order.reason,
            expires_at: None,
            temporary: false,
            incident_scope: None,
        });
    }
    let default = terms
        .max_duration
        .map_or(DEFAULT_DURATION, |max| max.min(DEFAULT_DURATION));
    let duration = within(order.duration.unwrap_or(default), &order.mode, terms)?;
    Ok(ModeState {
        revision: state.revision + 1,
        mode: order.mode,
        base_mode: base(state),
        since: now,
        by: order.by,
        reason: order.reason,
        expires_at: Some(now.plus(duration)),
        temporary: false,
        incident_scope: state.incident_scope.clone(),
    })
}

/// The state after a temporary grant of the ordered mode: a second one replaces the end, never by an earlier.
///
/// # Errors
/// When the duration is longer than the policy allows.
pub fn grant(
    state: &ModeState,
    order: SwitchOrder,
    terms: &Terms,
    now: Timestamp,
) -> Result<ModeState, ModeRefusal> {
    let duration = within(
        order.duration.unwrap_or(DEFAULT_DURATION),
        &order.mode,
        terms,
    )?;
    let end = now.plus(duration);
    let running = if state.mode == order.mode {
        state.expires_at
    } else {
        None
    };
    Ok(ModeState {
        revision: state.revision + 1,
        mode: order.mode,
        base_mode: base(state),
        since: if running.is_some() { state.since } else { now },
        by: order.by,
        reason: order.reason,
        expires_at: Some(running.map_or(end, |running| running.max(end))),
        temporary: true,
        incident_scope: state.incident_scope.clone(),
    })
}

/// The state after a running grant was made longer.
///
/// # Errors
/// When none runs, or when it would last longer than the policy allows.
pub fn extend(state: &ModeState, by: Duration, terms: &Terms) -> Result<ModeState, ModeRefusal> {
    let (true, Some(end)) = (state.temporary, state.expires_at) else {
        return Err(ModeRefusal::NoGrant);
    };
    let end = end.plus(by);
    within(state.since.until(end), &state.mode, terms)?;
    Ok(ModeState {
        revision: state.revision + 1,
        expires_at: Some(end),
        ..state.clone()
    })
}

/// The state after a running grant was taken back.
///
/// # Errors
/// When none runs.
pub fn revoke(state: &ModeState, by: String, now: Timestamp) -> Result<ModeState, ModeRefusal> {
    if !state.temporary {
        return Err(ModeRefusal::NoGrant);
    }
    Ok(ModeState {
        by,
        reason: "grant revoked".to_owned(),
        ..fall_back(state, now)
    })
}

/// The state after the mode ended: its base, without an incident scope.
#[must_use]
pub fn fall_back(state: &ModeState, now: Timestamp) -> ModeState {
    ModeState {
        revision: state.revision + 1,
        mode: state.base_mode.clone(),
        base_mode: state.base_mode.clone(),
        since: now,
        by: "gateway".to_owned(),
        reason: format!("{} expired", state.mode),
        expires_at: None,
        temporary: false,
        incident_scope: None,
    }
}

/// The state with repairs confined to these services.
#[must_use]
pub fn set_scope(state: &ModeState, scope: IncidentScope) -> ModeState {
    ModeState {
        revision: state.revision + 1,
        incident_scope: Some(scope),
        ..state.clone()
    }
}

/// The state with repairs confined to no service.
#[must_use]
pub fn clear_scope(state: &ModeState) -> ModeState {
    ModeState {
        revision: state.revision + 1,
        incident_scope: None,
        ..state.clone()
    }
}

/// What the next mode returns to: what the running one would, or the standing one.
fn base(state: &ModeState) -> ModeName {
    if state.expires_at.is_some() {
        state.base_mode.clone()
    } else {
        state.mode.clone()
    }
}

fn within(duration: Duration, mode: &ModeName, terms: &Terms) -> Result<Duration, ModeRefusal> {
    match terms.max_duration {
        Some(max) if duration > max => Err(ModeRefusal::TooLong {
            mode: mode.clone(),
            max: max.as_secs(),
            asked: duration.as_secs(),
        }),
        Some(_) | None => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn normal() -> ModeState {
        ModeState {
            revision: 7,
            mode: ModeName::normal(),
            base_mode: ModeName::normal(),
            since: at(0),
            by: "gateway".to_owned(),
            reason: "first start".to_owned(),
            expires_at: None,
            temporary: false,
            incident_scope: None,
        }
    }

    fn terms(max_seconds: u64) -> Terms {
        Terms {
            default_mode: ModeName::normal(),
            max_duration: Some(Duration::from_secs(max_seconds)),
        }
    }

    fn order(seconds: Option<u64>) -> SwitchOrder {
        SwitchOrder {
            mode: ModeName::emergency(),
            by: "ops".to_owned(),
            reason: "the cache is down".to_owned(),
            duration: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_switch_lasts_the_smaller_of_a_quarter_hour_and_what_the_policy_allows() {
        let long = switch(&normal(), order(None), &terms(3600), at(0)).expect("a switch");
        let short = switch(&normal(), order(None), &terms(60), at(0)).expect("a switch");
        assert_eq!(
            (long.expires_at, short.expires_at),
            (Some(at(900)), Some(at(60)))
        );
        let refusal = switch(&normal(), order(Some(61)), &terms(60), at(0));
        assert!(matches!(
            refusal,
            Err(ModeRefusal::TooLong {
                max: 60,
                asked: 61,
                ..
            })
        ));
    }

    #[test]
    fn a_second_grant_never_ends_earlier_and_never_moves_the_base() {
        let first = grant(&normal(), order(Some(30)), &terms(3600), at(0)).expect("a grant");
        let second = grant(&first, order(Some(2)), &terms(3600), at(10)).expect("a grant");
        assert_eq!(second.expires_at, Some(at(30)));
        assert_eq!(second.base_mode, ModeName::normal());
        assert_eq!(fall_back(&second, at(30)).mode, ModeName::normal());
    }

    #[test]
    fn only_a_running_grant_can_be_extended_and_only_as_far_as_the_policy_allows() {
        let granted = grant(&normal(), order(Some(30)), &terms(40), at(0)).expect("a grant");
        let longer = extend(&granted, Duration::from_secs(5), &terms(40)).expect("longer");
        assert_eq!(longer.expires_at, Some(at(35)));
        assert!(extend(&longer, Duration::from_secs(6), &terms(40)).is_err());
        assert_eq!(
            extend(&normal(), Duration::from_secs(5), &terms(40)),
            Err(ModeRefusal::NoGrant)
        );
        let switched = switch(&granted, order(None), &terms(40), at(1)).expect("a switch");
        assert_eq!(
            extend(&switched, Duration::from_secs(5), &terms(40)),
            Err(ModeRefusal::NoGrant)
        );
    }

    #[test]
    fn the_way_back_clears_the_incident_scope() {
        let scope = IncidentScope {
            affected_services: vec!["cache".to_owned()],
            incident_type: "outage".to_owned(),
            reason: "cache down".to_owned(),
        };
        let scoped = set_scope(
            &grant(&normal(), order(Some(30)), &terms(40), at(0)).expect("a grant"),
            scope,
        );
        assert_eq!(fall_back(&scoped, at(30)).incident_scope, None);
        let back = SwitchOrder {
            mode: ModeName::normal(),
            ..order(None)
        };
        let normal_again = switch(&scoped, back, &terms(40), at(5)).expect("a switch");
        assert_eq!(
            (normal_again.incident_scope, normal_again.expires_at),
            (None, None)
        );
    }
}
