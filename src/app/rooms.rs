//! The road through the rooms.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Inspector, Recorder};
use crate::config::Config;
use crate::decision_point::{DecisionPoint, Gate, Rates};
use crate::domain::Clock;
use crate::governance::{Books, CallRoles, Facts, Governance, Policies};
use crate::identity::{Keys, Sessions, Totps};
use crate::incidents::Incidents;
use crate::pipeline::{Pipeline, RoadValues, Stations};
use crate::storage::Store;
use crate::tools::{Catalog, ToolBackend};

use super::{OpenError, identities};

/// The rooms below the road.
pub(super) struct Rooms<'a> {
    pub(super) store: &'a Store,
    pub(super) versions: &'a Arc<Policies>,
    pub(super) recorder: &'a Recorder,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) facts: &'a Facts,
    pub(super) inspector: &'a Arc<Inspector>,
    pub(super) incidents: &'a Incidents,
    pub(super) keys: &'a Arc<Keys>,
    pub(super) tool_deadline: Duration,
}

impl Rooms<'_> {
    /// The road through the rooms, to these backends and the gateway's own.
    pub(super) fn road(
        &self,
        mut offers: Vec<Arc<dyn ToolBackend>>,
        config: &Config,
    ) -> Result<Arc<Pipeline>, OpenError> {
        let internal = |fault: &dyn std::fmt::Display| OpenError::Internal(fault.to_string());
        let clock = Arc::clone(self.clock);
        let decision_point = Arc::new(
            DecisionPoint::new(
                Arc::clone(self.gate),
                self.recorder.clone(),
                Arc::clone(&self.facts.health),
                Arc::new(CallRoles::new(Arc::clone(self.gate))),
                clock,
            )
            .with_rates(Rates::new(&config.rates)),
        );
        let books = Books {
            inspector: Arc::clone(self.inspector),
            cursors: self.store.cursors(),
            policies: Arc::clone(self.versions),
            modes: Arc::clone(self.store.states()) as Arc<_>,
            keys: Arc::clone(self.keys),
            totps: Arc::new(Totps::new(
                Arc::clone(self.store.states()) as Arc<_>,
                self.store.key(),
                self.recorder.clone(),
            )),
        };
        let governance = Governance::new(
            Arc::clone(&decision_point),
            books,
            self.facts.clone(),
            self.incidents.clone(),
            config.data_dir.clone(),
        );
        offers.push(Arc::new(governance));
        let sessions = Sessions::open(&**self.store.states(), self.clock.monotonic())
            .map_err(|fault| OpenError::Store(fault.to_string()))?;
        let authenticator = identities::authenticator(config, self.keys, self.clock)?;
        let pipeline = Arc::new(Pipeline::new(Stations {
            authenticator: Box::new(authenticator),
            registry: Arc::clone(self.gate.registry()),
            decision_point: Arc::clone(&decision_point),
            catalog: Arc::new(Catalog::new(&offers).map_err(|fault| internal(&fault))?),
            recorder: self.recorder.clone(),
            clock: Arc::clone(self.clock),
            sessions: Arc::new(sessions),
            deadline: self.tool_deadline,
            auto_register: config.auto_register,
        }));
        decision_point
            .values()
            .ask_through(Arc::new(RoadValues(Arc::downgrade(&pipeline))));
        Ok(pipeline)
    }
}
