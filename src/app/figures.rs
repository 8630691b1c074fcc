//! Which figures there are: each room's own, brought up to date when somebody reads them.

use std::sync::Arc;

use crate::audit::{Filter, RecordKind, Recorder, TrailMetrics};
use crate::config::Config;
use crate::decision_point::SituationGauges;
use crate::identity::SessionGauge;
use crate::incidents::{IncidentGauges, IncidentStore, Incidents};
use crate::outbound::Collector;
use crate::pipeline::Pipeline;
use crate::registry::AgentGauges;
use crate::storage::Store;
use crate::telemetry::{Health, Metrics, TraceMetrics, Traces};
use crate::transport::DoorMetrics;
use crate::transport::mcp::States;
use crate::transport::rest::{Guesses, Streams};

use super::{OpenError, start};

/// The figures of this server.
pub(super) fn of(
    pipeline: &Arc<Pipeline>,
    recorder: &Recorder,
    trail: &Arc<TrailMetrics>,
    incidents: Arc<dyn IncidentStore>,
    health: &Arc<Health>,
) -> Metrics {
    let mut metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let decisions = pipeline.decision_point();
    metrics.add(|registry| decisions.metrics().register(registry), || ());
    metrics.add(|registry| pipeline.metrics().register(registry), || ());
    let situation = Arc::new(SituationGauges::new(Arc::clone(decisions.gate())));
    let shown = Arc::clone(&situation);
    metrics.add(
        |registry| situation.register(registry),
        move || shown.refresh(),
    );
    let agents = Arc::new(AgentGauges::default());
    let (shown, gate) = (Arc::clone(&agents), Arc::clone(decisions.gate()));
    metrics.add(
        |registry| agents.register(registry),
        move || shown.refresh(gate.registry()),
    );
    let sessions = Arc::new(SessionGauge::default());
    let (shown, book) = (Arc::clone(&sessions), Arc::clone(pipeline.sessions()));
    metrics.add(
        |registry| sessions.register(registry),
        move || shown.refresh(&book),
    );
    let (shown, recorder) = (Arc::clone(trail), recorder.clone());
    metrics.add(
        |registry| trail.register(registry),
        move || shown.refresh(&recorder),
    );
    let incidents = Arc::new(IncidentGauges::new(incidents));
    let shown = Arc::clone(&incidents);
    metrics.add(
        |registry| incidents.register(registry),
        move || shown.refresh(),
    );
    metrics.add_health(Arc::clone(health));
    metrics
}

/// What doors keep in memory.
pub(super) struct Kept {
    pub(super) streams: Streams,
    pub(super) states: Arc<States>,
    pub(super) guesses: Guesses,
}

/// Makes what doors keep in memory, and shows how much there is of that and of what rooms keep.
pub(super) fn kept(
    metrics: &mut Metrics,
    pipeline: &Pipeline,
    recorder: &Recorder,
    incidents: &Incidents,
) -> Result<Kept, OpenError> {
    let kept = Kept {
        streams: Streams::default(),
        states: start::states()?,
        guesses: Guesses::default(),
    };
    let decisions = Arc::clone(pipeline.decision_point());
    let (recorder, incidents) = (recorder.clone(), incidents.clone());
    let (readers, used) = (kept.streams.clone(), Arc::clone(&kept.states));
    let guesses = kept.guesses.clone();
    metrics.add_kept(vec![
        (
            "callers_with_limits",
            Box::new(move || decisions.rates().callers()),
        ),
        (
            "counted_for_the_trail",
            Box::new(move || recorder.figures().counted),
        ),
        ("counted_for_incidents", Box::new(move || incidents.kept())),
        ("readers_of_streams", Box::new(move || readers.readers())),
        ("used_states", Box::new(move || used.remembered())),
        (
            "addresses_that_guess",
            Box::new(move || guesses.addresses()),
        ),
    ]);
    Ok(kept)
}

/// Where spans are recorded, if that is configured, and how many there are.
pub(super) fn traces(metrics: &mut Metrics, config: &Config) -> Result<Traces, OpenError> {
    let figures = TraceMetrics::default();
    metrics.add(|registry| figures.register(registry), || ());
    let Some(traces) = &config.traces else {
        return Ok(Traces::default());
    };
    let collector = Collector::at(&traces.endpoint, &config.trace_headers);
    let collector = collector.map_err(|fault| OpenError::Internal(fault.to_string()))?;
    Ok(Traces::start(traces, Arc::new(collector), &figures))
}

/// The figures of the doors.
pub(super) fn doors(metrics: &mut Metrics) -> DoorMetrics {
    let doors = DoorMetrics::default();
    metrics.add(|registry| doors.register(registry), || ());
    doors
}

/// What the trail told before this start: when the halt path was last proved.
pub(super) fn trail(store: &Store) -> Result<Arc<TrailMetrics>, OpenError> {
    let metrics = TrailMetrics::default();
    let drills = Filter {
        kind: Some(RecordKind::Change),
        action_type: Some("lockdown_drill".to_owned()),
        ..Filter::default()
    };
    let last = store.reader()?.query(&drills, None, 1);
    let last = last.map_err(|fault| OpenError::Store(fault.to_string()))?;
    if let Some(record) = last.records.first() {
        metrics.know_drill(record.at);
    }
    Ok(Arc::new(metrics))
}
