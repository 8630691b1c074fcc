//! The policy information point (PIP): what is known at the moment of a decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Context, Roles};
use crate::modes::HealthBook;

use super::{Moment, Situation};

/// The context of a decision made now. Evidence and counters join it with the rooms that keep them.
pub(super) fn context(situation: &Situation, moment: Moment, health: &HealthBook) -> Context {
    let expired = situation.mode_expired(moment);
    let scope = situation.modes.incident_scope.as_ref().filter(|_| !expired);
    Context {
        epoch: situation.epoch,
        now: moment.wall,
        mode: situation.mode(moment).clone(),
        lockdown: situation.lockdown.on,
        integrity: situation.integrity,
        incident_scope: scope.map(|scope| Arc::from(scope.affected_services.as_slice())),
        service_health: health.services(),
        values: BTreeMap::new(),
        required: Roles::NONE,
        quota: None,
        approval: None,
        overrides: Vec::new(),
    }
}
