//! Figures of the trail.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::entry::StateChange;
use super::kinds::{OutcomeStatus, RecordKind};
use super::record::AuditRecord;
use super::recorder::Recorder;
use super::writer::Listener;
use crate::domain::{Severity, Timestamp};

type One = [(&'static str, &'static str); 1];

/// The operation of a change record that says that the halt path was proved.
const DRILL: &str = "lockdown_drill";

/// Counters of one closed set: in a family for whoever reads them, and by place for whoever counts.
#[derive(Debug)]
struct Set {
    family: Family<One, Counter>,
    counters: Vec<Counter>,
}

impl Set {
    /// A counter for each word, shown from the start, so that a first count is seen as a rise.
    fn new(label: &'static str, words: impl Iterator<Item = &'static str>) -> Self {
        let family = Family::<One, Counter>::default();
        let counters = words.map(|word| family.get_or_create_owned(&[(label, word)]));
        Self {
            counters: counters.collect(),
            family,
        }
    }

    fn count(&self, place: usize) {
        if let Some(counter) = self.counters.get(place) {
            counter.inc();
        }
    }
}

/// Counts what is written, and shows how the writer is.
#[derive(Debug)]
pub struct TrailMetrics {
    records: Set,
    outcomes: Set,
    incidents: Set,
    head: Gauge,
    last_drill: Gauge,
    waiting: Gauge,
    failures: Counter,
    takes_records: Gauge,
}

impl Default for TrailMetrics {
    fn default() -> Self {
        let kinds = RecordKind::ALL.iter().map(|kind| kind.as_str());
        let statuses = OutcomeStatus::ALL.iter().map(|status| status.as_str());
        let severities = Severity::ALL.iter().map(|severity| severity.as_str());
        Self {
            records: Set::new("kind", kinds),
            outcomes: Set::new("status", statuses),
            incidents: Set::new("severity", severities),
            head: Gauge::default(),
            last_drill: Gauge::default(),
            waiting: Gauge::default(),
            failures: Counter::default(),
            takes_records: Gauge::default(),
        }
    }
}

impl TrailMetrics {
    /// Shows the figures under their names.
    pub fn register(&self, registry: &mut Registry) {
        for (name, help, family) in [
            (
                "policyguard_audit_records",
                "Records written, by kind",
                &self.records.family,
            ),
            (
                "policyguard_call_outcomes",
                "Calls that were let through, by what came of them",
                &self.outcomes.family,
            ),
            (
                "policyguard_incidents_opened",
                "Incidents opened, by severity",
                &self.incidents.family,
            ),
        ] {
            registry.register(name, help, family.clone());
        }
        for (name, help, gauge) in [
            (
                "policyguard_audit_chain_length",
                "The number of the last record of the chain",
                &self.head,
            ),
            (
                "policyguard_audit_queue_length",
                "Records that wait to be written",
                &self.waiting,
            ),
            (
                "policyguard_audit_up",
                "1 while the trail takes records",
                &self.takes_records,
            ),
            (
                "policyguard_lockdown_last_drill_timestamp_seconds",
                "When the halt path was last proved; 0: never",
                &self.last_drill,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "policyguard_audit_write_failures",
            "Batches of records that the store did not take",
            self.failures.clone(),
        );
    }

    /// Takes over when the halt path was proved before this start.
    pub fn know_drill(&self, at: Timestamp) {
        self.last_drill.set(at.as_millis() / 1000);
    }

    /// Reads how the writer is now.
    pub fn refresh(&self, recorder: &Recorder) {
        let figures = recorder.figures();
        self.waiting
            .set(i64::try_from(figures.waiting).unwrap_or(i64::MAX));
        let known = self.failures.get();
        self.failures.inc_by(figures.failures.saturating_sub(known));
        self.takes_records.set(i64::from(recorder.health().is_ok()));
    }
}

impl Listener for TrailMetrics {
    fn recorded(&self, record: &AuditRecord, changes: &[StateChange]) {
        self.records.count(record.kind as usize);
        self.head.set(i64::try_from(record.seq).unwrap_or(i64::MAX));
        if let Some(outcome) = &record.outcome {
            self.outcomes.count(outcome.status as usize);
        }
        if record.kind == RecordKind::Change && record.action.as_deref() == Some(DRILL) {
            self.know_drill(record.at);
        }
        for change in changes {
            if let StateChange::PutIncident(incident) = change
                && incident.revision == 1
            {
                self.incidents.count(incident.severity as usize);
            }
        }
    }
}
