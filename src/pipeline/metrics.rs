//! Figures of the road: how many calls are on it, where they came from, how they ended.

use std::sync::OnceLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::audit::Door;
use crate::policy::Code;
use crate::tools::Fault;

use super::{Answer, Body, Unanswered};

/// What doors turn away before it is a call, by the names that the doors use.
const REASONS: &[&str] = &[
    "unreadable_body",
    "invalid_value",
    "invalid_fields",
    "forbidden_origin",
    "forbidden",
    "too_large",
    "unsupported_media_type",
    "unauthenticated",
    "registry_full",
];

/// How a call can end, as labels say it.
const RESULTS: [&str; 6] = [
    "done",
    "failed",
    "mendable",
    "refused",
    "shadow",
    "unanswered",
];

/// Counts calls; every label is one of a closed set.
#[derive(Debug, Default)]
pub struct PipelineMetrics {
    calls: Family<[(&'static str, &'static str); 2], Counter>,
    /// The same by place, each made when it first counts.
    cells: [[OnceLock<Counter>; RESULTS.len()]; Door::ALL.len()],
    running: Gauge,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
    limits: Family<[(&'static str, &'static str); 1], Counter>,
}

/// One call on the road; it left when this is dropped.
pub(super) struct OnTheRoad<'a>(&'a Gauge);

impl Drop for OnTheRoad<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl PipelineMetrics {
    /// Shows the figures under their names.
    ///
    /// Small closed sets are shown from the start, so that a first count is seen as a rise.
    pub fn register(&self, registry: &mut Registry) {
        for reason in REASONS {
            drop(self.refused.get_or_create(&[("reason", *reason)]));
        }
        for limit in ["body", "rate", "registry_full"] {
            drop(self.limits.get_or_create(&[("limit", limit)]));
        }
        for door in Door::ALL {
            for result in RESULTS {
                let labels = [("door", door.as_str()), ("result", result)];
                drop(self.calls.get_or_create(&labels));
            }
        }
        registry.register(
            "policyguard_calls",
            "Calls, by door and how they ended",
            self.calls.clone(),
        );
        registry.register(
            "policyguard_calls_running",
            "Calls that are on their way now",
            self.running.clone(),
        );
        registry.register(
            "policyguard_refused_requests",
            "Requests that a door turned away before they were calls, by reason",
            self.refused.clone(),
        );
        registry.register(
            "policyguard_limits_hit",
            "How often a limit stopped something, by limit",
            self.limits.clone(),
        );
    }

    /// A call sets out.
    pub(super) fn enter(&self) -> OnTheRoad<'_> {
        self.running.inc();
        OnTheRoad(&self.running)
    }

    /// A call arrived.
    pub(super) fn arrived(&self, door: Door, end: &Result<Answer, Unanswered>) {
        let result = result(end);
        let cell = self
            .cells
            .get(door as usize)
            .and_then(|row| row.get(result));
        if let (Some(cell), Some(word)) = (cell, RESULTS.get(result)) {
            let labels = [("door", door.as_str()), ("result", *word)];
            cell.get_or_init(|| self.calls.get_or_create_owned(&labels))
                .inc();
        }
        if let Some(limit) = limit(end) {
            self.limits.get_or_create(&[("limit", limit)]).inc();
        }
    }

    /// A door turned something away.
    pub(super) fn refused(&self, reason: &str) {
        let known = REASONS.iter().find(|known| **known == reason);
        let reason = known.copied().unwrap_or("_other");
        self.refused.get_or_create(&[("reason", reason)]).inc();
        let limit = match reason {
            "too_large" => "body",
            "registry_full" => reason,
            _ => return,
        };
        self.limits.get_or_create(&[("limit", limit)]).inc();
    }
}

/// The place of the end in [`RESULTS`].
fn result(end: &Result<Answer, Unanswered>) -> usize {
    match end.as_ref().map(|answer| &answer.body) {
        Ok(Body::Done(_)) => 0,
        Ok(Body::Failed { .. }) => 1,
        Ok(Body::Mendable { .. }) => 2,
        Ok(Body::Refused) => 3,
        Ok(Body::Shadow { .. }) => 4,
        Err(_) => 5,
    }
}

/// The limit that stopped the call, if one did.
fn limit(end: &Result<Answer, Unanswered>) -> Option<&'static str> {
    let answer = end.as_ref().ok()?;
    match answer.body {
        Body::Mendable {
            fault: Fault::Busy | Fault::Locked(_),
            error,
            ..
        } => Some(error),
        Body::Refused if answer.decision.code() == Code::RateLimited => Some("rate"),
        Body::Done(_)
        | Body::Failed { .. }
        | Body::Mendable { .. }
        | Body::Refused
        | Body::Shadow { .. } => None,
    }
}
