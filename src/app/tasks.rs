//! What goes on beside calls: incidents, the end of modes, the lockdown file, policy files that change, a trail that breaks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::audit::{AuditError, ChangeNote, Inspector, Recorder};
use crate::decision_point::{Gate, keep_time};
use crate::governance::{self, Facts, LOCKDOWN_FILE, Policies};
use crate::policy_admin;

use super::{App, bootstrap};

/// How often the lockdown file is looked for; it must be seen within a second.
const LOOK: Duration = Duration::from_millis(400);

/// For each moment of verifying, so many of rest: under load the calls come first, and it catches up later.
const SHARE: u32 = 40;
/// How long the verification pauses between two chunks.
const BREATH: Duration = Duration::from_millis(50);
/// How long it waits for new records.
const LEVEL: Duration = Duration::from_secs(2);

/// How often agents that nobody saw for long are looked for.
const HOUSEKEEPING: Duration = Duration::from_hours(1);

/// The trail broke: the process must end and start again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub AuditError);

impl App {
    /// Starts what goes on beside calls; it ends with the returned set.
    #[must_use]
    pub fn start_tasks(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_time(Arc::clone(&self.gate)));
        tasks.spawn(look_for_lockdown(
            Arc::clone(&self.gate),
            self.data_dir.clone(),
        ));
        tasks.spawn(inspect(Arc::clone(&self.inspector)));
        tasks.spawn(Reloads::of(self).run());
        tasks.spawn(forget_unseen(
            Arc::clone(&self.gate),
            Arc::clone(&self.inspector),
        ));
        tasks.spawn(self.room.clone().keep());
        tasks.spawn(bootstrap::keep_keys(
            Arc::clone(&self.keys),
            Arc::clone(&self.gate),
            self.first_key_file.clone(),
        ));
        tasks.spawn(self.incidents.clone().keep());
        tasks
    }

    /// Reads the policy files now, as a hangup signal asks for; a bad policy keeps the last good one.
    pub async fn reload(&self) {
        Reloads::of(self).reload(true).await;
    }

    /// Waits until the trail breaks for good.
    pub async fn broken(&self) -> Fatal {
        Fatal(self.recorder.fatal().await)
    }

    /// Looks now whether there is room for more records, as it is done every few seconds.
    pub fn look_at_room(&self) {
        self.room.look();
    }

    /// Looks for the lockdown file before the first call.
    pub async fn check_lockdown_file(&self) {
        look_once(&self.gate, &self.data_dir.join(LOCKDOWN_FILE)).await;
    }
}

/// Verifies the chain behind the writer, with pauses that leave the machine to calls.
async fn inspect(inspector: Arc<Inspector>) {
    // The first calls come first.
    tokio::time::sleep(LEVEL).await;
    loop {
        let inspector = Arc::clone(&inspector);
        let begun = Instant::now();
        let step = tokio::task::spawn_blocking(move || inspector.step()).await;
        let pause = match step {
            Ok(Ok(true)) => BREATH.max(begun.elapsed() * SHARE),
            Ok(Ok(false)) => LEVEL,
            Ok(Err(fault)) => {
                tracing::warn!(%fault, "the chain is not verified just now");
                LEVEL
            }
            // It panicked, and said so; what stands still is not called verified.
            Err(_) => return,
        };
        tokio::time::sleep(pause).await;
    }
}

async fn forget_unseen(gate: Arc<Gate>, inspector: Arc<Inspector>) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        let forgotten = governance::forget_unseen(&gate, &**inspector.reader()).await;
        if forgotten > 0 {
            tracing::info!(forgotten, "agents that nobody vouched for or saw for long");
        }
    }
}

async fn look_for_lockdown(gate: Arc<Gate>, data_dir: PathBuf) {
    let file = data_dir.join(LOCKDOWN_FILE);
    loop {
        look_once(&gate, &file).await;
        tokio::time::sleep(LOOK).await;
    }
}

async fn look_once(gate: &Gate, file: &std::path::Path) {
    if gate.situation().lockdown.on || !file.exists() {
        return;
    }
    match governance::lock_down(gate, file).await {
        Ok(()) => tracing::warn!(file = %file.display(), "lockdown is on"),
        Err(fault) => tracing::error!(%fault, "the lockdown could not be recorded; tried again"),
    }
}

/// Policy files, read again when they change or when the process is told to (SIGHUP).
struct Reloads {
    gate: Arc<Gate>,
    recorder: Recorder,
    path: Option<PathBuf>,
    versions: Arc<Policies>,
    facts: Facts,
}

impl Reloads {
    fn of(app: &App) -> Self {
        Self {
            gate: Arc::clone(&app.gate),
            recorder: app.recorder.clone(),
            path: app.policies.clone(),
            versions: Arc::clone(&app.versions),
            facts: app.facts.clone(),
        }
    }

    async fn run(self) {
        let Some(path) = self.path.clone() else {
            return;
        };
        let (sender, mut changed) = mpsc::channel(1);
        let watch = policy_admin::watch(&path, sender);
        if let Err(fault) = &watch {
            tracing::warn!("{fault}; send SIGHUP to reload");
        }
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            return;
        };
        loop {
            let told = tokio::select! {
                Some(()) = changed.recv() => false,
                Some(()) = hangup.recv() => true,
                else => return,
            };
            self.reload(told).await;
        }
    }

    /// Reads the files; a bad policy keeps the last good one, and says so in status, log and record.
    async fn reload(&self, told: bool) {
        let (path, compiler, now) = (
            self.path.clone(),
            self.versions.compiler().clone(),
            self.gate.clock().now(),
        );
        let read = tokio::task::spawn_blocking(move || {
            governance::load(path.as_deref(), compiler.tools(), now)
        })
        .await;
        let loaded = match read {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(fault)) => return self.keep_last_good(fault).await,
            Err(broken) => return self.keep_last_good(broken.to_string()).await,
        };
        match self.versions.reload(&self.gate, &loaded).await {
            Ok(true) => {
                super::start::report(&loaded);
                tracing::info!(
                    version = self.gate.situation().engine.version(),
                    "the policy was reloaded"
                );
                self.facts.note_policy_fault(None);
            }
            Ok(false) => {
                self.facts.note_policy_fault(None);
                if told {
                    tracing::info!("the policy is unchanged");
                }
            }
            Err(fault) => self.keep_last_good(fault.to_string()).await,
        }
    }

    async fn keep_last_good(&self, fault: String) {
        if !self.facts.note_policy_fault(Some(fault.clone())) {
            return;
        }
        let version = self.gate.situation().engine.version();
        tracing::error!(
            version,
            "the policy files do not load, the last good version stays:\n{fault}"
        );
        let note = ChangeNote::new("policy_reload_failed", "gateway")
            .with("kept_version", json!(version))
            .with("error", json!(fault));
        if let Err(fault) = self.recorder.change(note, Vec::new(), None).await {
            tracing::error!(%fault, "the failed reload could not be recorded");
        }
    }
}
