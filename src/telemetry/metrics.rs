//! The figures of one server, as Prometheus reads them.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::Health;

/// Tells how much there is of something now.
pub(super) type Count = Box<dyn Fn() -> usize + Send + Sync>;

/// The media type of the figures.
pub const METRICS_MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Refresh = Box<dyn Fn() + Send + Sync>;

/// A registry per server, so that tests run side by side; filled by the composition root.
#[derive(Default)]
pub struct Metrics {
    registry: Registry,
    refresh: Vec<Refresh>,
    /// Held while figures are read, so that nobody sees a half-refreshed set.
    reading: Mutex<()>,
}

impl Metrics {
    /// Figures of a build of this version, which so far say only that.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        let mut metrics = Self::default();
        let build = Info::new([("version", version)]);
        metrics
            .registry
            .register("policyguard_build", "The build that runs", build);
        metrics
    }

    /// Adds figures of a room, and what brings them up to date before they are read.
    pub fn add(
        &mut self,
        register: impl FnOnce(&mut Registry),
        refresh: impl Fn() + Send + Sync + 'static,
    ) {
        register(&mut self.registry);
        self.refresh.push(Box::new(refresh));
    }

    /// Adds what is kept in memory within bounds: how much there is of each.
    pub fn add_kept(&mut self, kept: Vec<(&'static str, Count)>) {
        let sizes = Family::<[(&'static str, &'static str); 1], Gauge>::default();
        let shown = sizes.clone();
        let refresh = move || {
            for (what, count) in &kept {
                let gauge = sizes.get_or_create_owned(&[("what", *what)]);
                gauge.set(i64::try_from(count()).unwrap_or(i64::MAX));
            }
        };
        let help = "What is kept in memory within bounds, by what it is";
        self.add(
            |registry| registry.register("policyguard_kept", help, shown),
            refresh,
        );
    }

    /// Adds the named checks: 1 for each that finds nothing.
    pub fn add_health(&mut self, health: Arc<Health>) {
        let checks = Family::<[(&'static str, &'static str); 1], Gauge>::default();
        let shown = checks.clone();
        let refresh = move || {
            for check in health.checks() {
                let gauge = checks.get_or_create_owned(&[("check", check.name)]);
                gauge.set(i64::from(check.fault.is_none()));
            }
        };
        let help = "1 for each check of readiness that finds nothing";
        self.add(
            |registry| registry.register("policyguard_ready", help, shown),
            refresh,
        );
    }

    /// The figures as text.
    #[must_use]
    pub fn text(&self) -> String {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh.iter().for_each(|refresh| refresh());
        let mut text = String::new();
        if let Err(fault) = encode(&mut text, &self.registry) {
            tracing::error!(%fault, "the figures could not be written");
        }
        text
    }
}
