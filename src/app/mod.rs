//! The composition root: a configuration becomes opened stores, rooms and doors. The only room that names every other.

mod bootstrap; // the first administrator's key
mod doors; // what is served where
mod figures; // what is measured
mod given_keys; // keys that files give
mod identities; // who is believed to be who
mod places; // where things are
mod rooms; // the road through the rooms
mod room; // whether there is room for more records
mod start; // what holds at the first moment
mod tasks; // what goes on beside calls

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::{AuditError, ChangeNote, Inspector, Recorder};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::decision_point::Gate;
use crate::domain::Clock;
use crate::governance::{self, Facts, Policies, Suspender};
use crate::identity::Keys;
use crate::incidents::{Incidents, Suspend};
use crate::pipeline::{Pipeline, TOOL_DEADLINE};
use crate::storage::{Store, StoreError};
use crate::telemetry::{Health, Metrics, Traces};
use crate::tools::{CloudBackend, ToolBackend, ToolDefinition};

use doors::AtDoors;
use room::RoomWatch;
use rooms::Rooms;

pub use bootstrap::FirstKey;
pub use tasks::Fatal;

/// Why the gateway does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns the data directory.
    #[error("{0}")]
    Owned(String),
    /// The policy does not load.
    #[error("the policy does not load:\n{0}")]
    Policy(String),
    /// The store does not open.
    #[error("{0}")]
    Store(String),
    /// Others could read what must stay secret.
    #[error("{0}")]
    Unsafe(String),
    /// What should never happen.
    #[error("internal error at start: {0}")]
    Internal(String),
}

/// What stands behind a gateway besides its configuration; tests put their own here.
pub struct Parts {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Further backends behind the same road.
    pub backends: Vec<Arc<dyn ToolBackend>>,
    /// Who suspends agents for incidents, instead of the registry.
    pub suspend: Option<Arc<dyn Suspend>>,
    /// The longest a tool may take.
    pub tool_deadline: Duration,
    /// Whether room is short when the disk is nearly full, whoever filled it.
    pub heeds_disk: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            backends: Vec::new(),
            suspend: None,
            tool_deadline: TOOL_DEADLINE,
            heeds_disk: true,
        }
    }
}

/// An opened gateway.
pub struct App {
    /// The road.
    pub pipeline: Arc<Pipeline>,
    /// The gate before dispatch.
    pub gate: Arc<Gate>,
    /// The trail.
    pub recorder: Recorder,
    /// What is known of its chain.
    pub inspector: Arc<Inspector>,
    /// What somebody should look at.
    pub incidents: Incidents,
    /// The named checks.
    pub health: Arc<Health>,
    /// The figures for Prometheus.
    pub metrics: Arc<Metrics>,
    /// Where spans are recorded.
    traces: Traces,
    /// Credentials, and the people behind them.
    pub keys: Arc<Keys>,
    /// Makes versions of the policy.
    versions: Arc<Policies>,
    facts: Facts,
    policies: Option<PathBuf>,
    data_dir: PathBuf,
    /// Where the first administrator's key is, if it is made here.
    first_key_file: Option<PathBuf>,
    running: TaskTracker,
    stop: CancellationToken,
    room: RoomWatch,
    doors: AtDoors,
    /// Owns the data directory; dropped last, when nothing writes any more.
    _store: Store,
}

impl App {
    /// Opens the gateway of this configuration.
    ///
    /// # Errors
    /// When another process owns the data directory, or policy or store do not open.
    pub async fn open(config: &Config) -> Result<Self, OpenError> {
        Self::open_with(config, Parts::default()).await
    }

    /// Opens the gateway of this configuration over these parts.
    ///
    /// # Errors
    /// As [`App::open`].
    pub async fn open_with(config: &Config, parts: Parts) -> Result<Self, OpenError> {
        let (clock, backends) = (parts.clock, parts.backends);
        let store = places::store(&config.data_dir)?;
        let cloud = start::cloud(&store)?;
        let definitions = definitions(&cloud, &backends);
        let policies = places::policy_path(config);
        let compiler = start::compiler(config, &definitions, policies.as_deref());
        let loaded = start::policy(policies.as_deref(), &compiler, &store, clock.now())?;
        start::report(&loaded);
        let facts = start::facts(config, &store, &cloud, definitions)?;
        let (recorder, recovery) = start::recorder(config, &store, &clock)?;
        recorder.listen(Arc::clone(&facts.health) as Arc<_>);
        let trail = figures::trail(&store)?;
        recorder.listen(Arc::clone(&trail) as Arc<_>);
        let first = start::First {
            store: &store,
            loaded: &loaded,
            compiler: &compiler,
            recovery: &recovery,
            clock: &*clock,
        };
        let gate = first.gate(&recorder, &clock).await?;
        let own = Suspender::new(Arc::clone(&gate));
        let suspend = parts.suspend.unwrap_or_else(|| Arc::new(own));
        let watched = start::Watched {
            config,
            store: &store,
            recorder: &recorder,
            clock: &clock,
        };
        let incidents = watched.incidents(suspend, recovery.last_at).await?;
        let mut offers: Vec<Arc<dyn ToolBackend>> = vec![cloud];
        offers.extend(backends);
        let keys = identities::keys(&store, &recorder)?;
        let inspector = Arc::new(Inspector::new(store.reader()?));
        let releases = Arc::clone(store.states()) as Arc<_>;
        let versions = Arc::new(Policies::new(compiler, releases, config.loosening));
        let rooms = Rooms {
            store: &store,
            versions: &versions,
            recorder: &recorder,
            gate: &gate,
            clock: &clock,
            facts: &facts,
            inspector: &inspector,
            incidents: &incidents,
            keys: &keys,
            tool_deadline: parts.tool_deadline,
        };
        let pipeline = rooms.road(offers, config)?;
        let room = RoomWatch::new(store.room(parts.heeds_disk), config.audit_size, &recorder);
        let health = Arc::new(start::checks(&recorder, &facts, &room));
        let mut metrics = figures::of(&pipeline, &recorder, &trail, store.incidents()?, &health);
        let door_metrics = figures::doors(&mut metrics);
        let traces = figures::traces(&mut metrics, config)?;
        let kept = figures::kept(&mut metrics, &pipeline, &recorder, &incidents)?;
        Ok(Self {
            pipeline,
            gate,
            health,
            room,
            metrics: Arc::new(metrics),
            traces,
            inspector,
            incidents,
            recorder,
            keys,
            versions,
            facts,
            policies,
            data_dir: config.data_dir.clone(),
            first_key_file: bootstrap::file(config),
            running: TaskTracker::new(),
            stop: CancellationToken::new(),
            doors: AtDoors::new(config, door_metrics, kept),
            _store: store,
        })
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where the policy comes from, for people.
    #[must_use]
    pub fn policy_place(&self) -> String {
        self.policies.as_ref().map_or_else(
            || "the copy built in".to_owned(),
            |path| path.display().to_string(),
        )
    }

    /// What ends the gateway's streams when it is cancelled; doors stop with it.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Says in the trail that what stands before came from a backup.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn note_restore(&self, records: u64, head: &str) -> Result<(), AuditError> {
        let note = ChangeNote::new("restore", "gateway")
            .with("records", json!(records))
            .with("head", json!(head));
        self.recorder.change(note, Vec::new(), None).await.map(drop)
    }

    /// Ends the gateway: running calls end, the trail is sealed with a `stop` record and synced.
    pub async fn close(self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
        self.incidents.close().await;
        if let Err(fault) = self.keys.write_uses().await {
            tracing::warn!(%fault, "when keys were last used is not written");
        }
        self.recorder.write_counts();
        let note = ChangeNote::new("stop", "gateway").with("pid", json!(std::process::id()));
        if let Err(fault) = self.recorder.change(note, Vec::new(), None).await {
            tracing::error!(%fault, "the stop could not be recorded");
        }
        let recorder = self.recorder.clone();
        drop(tokio::task::spawn_blocking(move || recorder.close()).await);
        self.traces.close().await;
    }
}

/// Every tool there will be: the rules are compiled for them before the road that leads to them exists.
fn definitions(cloud: &CloudBackend, backends: &[Arc<dyn ToolBackend>]) -> Vec<ToolDefinition> {
    let further = backends.iter().flat_map(|backend| backend.definitions());
    cloud
        .definitions()
        .into_iter()
        .chain(further)
        .chain(governance::definitions())
        .collect()
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Owned { .. } => Self::Owned(error.to_string()),
            StoreError::KeyExposed { .. } => Self::Unsafe(error.to_string()),
            StoreError::Absent(_)
            | StoreError::Taken(_)
            | StoreError::NoBackup(_)
            | StoreError::File { .. }
            | StoreError::KeyMalformed(_)
            | StoreError::KeyMissing(_)
            | StoreError::KeyWrong(_)
            | StoreError::TooNew { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Unusable { .. }
            | StoreError::Database(_) => Self::Store(error.to_string()),
        }
    }
}
