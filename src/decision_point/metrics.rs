//! Figures of decisions, and of what holds (`spec/operations.md`, "Telemetry").

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::domain::{Clock, ModeName};
use crate::policy::{Code, Decision, Effect};

use super::{Gate, Moment};

type Labels = [(&'static str, String); 3];

/// The tool's label when the catalogue has no such tool.
const OTHER: &str = "_other";
/// So many modes are told apart; a policy has a few, and each reload may bring others.
const MODES: usize = 64;
/// What a decision can come to, as labels say it.
const RESULTS: [&str; 3] = ["allowed", "blocked", "pending"];

/// Counts decisions by tool, mode and result.
///
/// Every series has its place in a table, which is found by the tool's place in the catalogue: counting looks up no
/// name and allocates nothing, but for the first decision of its kind.
pub struct DecisionMetrics {
    tools: Vec<Arc<str>>,
    modes: ArcSwap<Vec<Arc<ModeCounters>>>,
    validations: Family<Labels, Counter>,
    violations: Family<Labels, Counter>,
    duration: Histogram,
}

/// The counters of one mode, each made when it first counts.
struct ModeCounters {
    mode: ModeName,
    /// A row for each tool, and one for all others.
    results: Box<[[OnceLock<Counter>; RESULTS.len()]]>,
    reasons: Box<[[OnceLock<Counter>; Code::ALL.len()]]>,
}

impl DecisionMetrics {
    /// Counters for the tools of this catalogue, in its order.
    #[must_use]
    pub fn new(tools: Vec<Arc<str>>) -> Self {
        // From 10 µs to 2.6 s.
        let buckets = exponential_buckets(0.000_01, 4.0, 10);
        Self {
            tools,
            modes: ArcSwap::default(),
            validations: Family::default(),
            violations: Family::default(),
            duration: Histogram::new(buckets),
        }
    }

    /// Shows the counters under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "policy_validations",
            "Decisions about calls and questions",
            self.validations.clone(),
        );
        registry.register(
            "policy_violations",
            "Decisions that were no allow, by their code",
            self.violations.clone(),
        );
        registry.register(
            "policy_validation_duration_seconds",
            "How long a decision took, its facts included, its record not",
            self.duration.clone(),
        );
    }

    /// Counts a decision that took so long.
    pub(super) fn count(&self, decision: &Decision, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        let modes = self.modes.load();
        let known = modes.iter().find(|known| known.mode == *decision.mode());
        match known {
            Some(counters) => self.count_in(counters, decision),
            None => self.count_in(&self.counters_of(decision.mode()), decision),
        }
    }

    fn count_in(&self, counters: &ModeCounters, decision: &Decision) {
        let (row, tool) = self.row(decision);
        let label = |name: &str, value: &str| -> Labels {
            [
                ("tool_name", tool.to_owned()),
                ("mode", counters.mode.to_string()),
                if name == "result" {
                    ("result", value.to_owned())
                } else {
                    ("reason", value.to_owned())
                },
            ]
        };
        let result = match decision.effect() {
            Effect::Allow => 0,
            Effect::Deny => 1,
            Effect::RequireApproval => 2,
        };
        if let Some(cell) = counters.results.get(row).and_then(|row| row.get(result)) {
            let make = || {
                let word = RESULTS.get(result).copied().unwrap_or_default();
                self.validations.get_or_create_owned(&label("result", word))
            };
            cell.get_or_init(make).inc();
        }
        if decision.effect() == Effect::Allow {
            return;
        }
        let code = decision.code();
        let cells = counters.reasons.get(row);
        if let Some(cell) = cells.and_then(|row| row.get(code as usize)) {
            let make = || {
                let labels = label("reason", code.as_str());
                self.violations.get_or_create_owned(&labels)
            };
            cell.get_or_init(make).inc();
        }
    }

    /// The row of the decision's tool, and its label. A catalogue of another version may have another tool there.
    fn row(&self, decision: &Decision) -> (usize, &str) {
        let place = decision.tool_place();
        let known = place.and_then(|place| Some((place, self.tools.get(place)?)));
        match known {
            Some((place, tool)) if **tool == *decision.request().resource.name => (place, tool),
            Some(_) | None => (self.tools.len(), OTHER),
        }
    }

    /// The counters of a mode, made now if nobody was decided in it yet.
    fn counters_of(&self, mode: &ModeName) -> Arc<ModeCounters> {
        let rows = self.tools.len() + 1;
        let made = Arc::new(ModeCounters::new(mode.clone(), rows));
        self.modes.rcu(|modes| {
            let known = modes.iter().any(|known| known.mode == made.mode);
            if known || modes.len() >= MODES {
                return Vec::clone(modes);
            }
            let mut more = Vec::clone(modes);
            more.push(Arc::clone(&made));
            more
        });
        let modes = self.modes.load();
        let found = modes.iter().find(|known| known.mode == *mode);
        found.map_or(made, Arc::clone)
    }
}

impl ModeCounters {
    fn new(mode: ModeName, rows: usize) -> Self {
        let empty = || std::array::from_fn(|_| OnceLock::new());
        Self {
            mode,
            results: (0..rows).map(|_| empty()).collect(),
            reasons: (0..rows)
                .map(|_| std::array::from_fn(|_| OnceLock::new()))
                .collect(),
        }
    }
}

impl fmt::Debug for DecisionMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionMetrics").finish_non_exhaustive()
    }
}

/// Gauges of what holds: mode, lockdown, version of the policy.
pub struct SituationGauges {
    gate: Arc<Gate>,
    mode: Family<[(&'static str, String); 1], Gauge>,
    lockdown: Gauge,
    policy_version: Gauge,
}

impl SituationGauges {
    /// Gauges of what this gate holds.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            mode: Family::default(),
            lockdown: Gauge::default(),
            policy_version: Gauge::default(),
        }
    }

    /// Shows the gauges under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "policyguard_mode",
            "1 for the mode that holds, 0 for every other mode of the policy",
            self.mode.clone(),
        );
        registry.register(
            "policyguard_lockdown",
            "1 while lockdown is on",
            self.lockdown.clone(),
        );
        registry.register(
            "policyguard_policy_version",
            "The live version of the policy",
            self.policy_version.clone(),
        );
    }

    /// Reads what holds now.
    pub fn refresh(&self) {
        let situation = self.gate.situation();
        let clock: &dyn Clock = self.gate.clock();
        let now = situation.mode(Moment::of(clock));
        // A mode that a reload took away is no longer shown.
        self.mode.clear();
        for mode in situation.engine.bundle().modes.keys() {
            let gauge = self.mode.get_or_create_owned(&[("mode", mode.to_string())]);
            gauge.set(i64::from(mode == now));
        }
        self.lockdown.set(i64::from(situation.lockdown.on));
        let version = i64::try_from(situation.engine.version()).unwrap_or(i64::MAX);
        self.policy_version.set(version);
    }
}
