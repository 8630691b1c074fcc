//! What holds at the first moment: the stored mode, the policy's version, lockdown, and the record of the start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::json;

use crate::audit::{self, ChangeNote, DurabilityPolicy, Recorder, Recovery, Redactor, StateChange};
use crate::config::Config;
use crate::decision_point::{Gate, Moment, Situation};
use crate::domain::{
    Agent, AgentId, Clock, Health, IdSequence, Integrity, LockdownState, ModeState,
    PrincipalStatus, Timestamp, TrustLevel,
};
use crate::governance::{self, Facts, Loaded};
use crate::incidents::{self, Incidents, Suspend};
use crate::modes::{self, HealthBook};
use crate::policy_admin::{Activation, Compiler, Release};
use crate::registry::{AgentStore, Registry};
use crate::storage::Store;
use crate::telemetry;
use crate::tools::{CloudBackend, ToolDefinition};
use crate::transport::mcp;

use super::OpenError;
use super::room::RoomWatch;

/// What every version of the policy is compiled for.
pub(super) fn compiler(
    config: &Config,
    definitions: &[ToolDefinition],
    policies: Option<&Path>,
) -> Compiler {
    let facts = definitions
        .iter()
        .map(|definition| definition.facts.clone());
    let folders = [Some(config.data_dir.as_path()), policies];
    Compiler::new(
        facts.collect(),
        &folders.into_iter().flatten().collect::<Vec<_>>(),
    )
}

/// Says what lint found.
pub(super) fn report(loaded: &Loaded) {
    for finding in &loaded.findings {
        tracing::warn!("{}", finding.headline());
    }
}

/// The policy to start with: the files, and the runtime policies of the last version.
pub(super) fn policy(
    path: Option<&Path>,
    compiler: &Compiler,
    store: &Store,
    now: Timestamp,
) -> Result<Loaded, OpenError> {
    let loaded = governance::load(path, compiler.tools(), now).map_err(OpenError::Policy)?;
    let stored = match store.states().latest_release()? {
        Some(latest) => store.states().runtime_policies(latest.version)?,
        None => Vec::new(),
    };
    let joined = loaded.with_runtime(compiler, &stored, now);
    joined.map_err(OpenError::Policy)
}

/// What status shows, as it is known at start.
pub(super) fn facts(
    config: &Config,
    store: &Store,
    cloud: &CloudBackend,
    definitions: Vec<ToolDefinition>,
) -> Result<Facts, OpenError> {
    let stored = store.states().load_health()?;
    let mut health: BTreeMap<String, Health> = stored
        .into_iter()
        .map(|(service, health, _)| (service, health))
        .collect();
    if health.is_empty() {
        health = cloud.health().into_iter().collect();
    }
    let auth = config.auth.as_str();
    let tools = OnceLock::from(definitions);
    Ok(Facts {
        auth,
        mcp_role: config.mcp_role.as_str(),
        tools: Arc::new(tools),
        health: Arc::new(HealthBook::new(health)),
        ..Facts::default()
    })
}

/// The simulated cloud as it was stored.
pub(super) fn cloud(store: &Store) -> Result<Arc<CloudBackend>, OpenError> {
    let stored = store.states().load_cloud()?.map(|(_, state)| state);
    let cloud = CloudBackend::new(stored).map_err(|fault| OpenError::Store(fault.to_string()))?;
    Ok(Arc::new(cloud))
}

/// Takes the trail over, with what an earlier run left open.
pub(super) fn recorder(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> Result<(Recorder, Recovery), OpenError> {
    let durability = if config.sync_everything {
        DurabilityPolicy::Strict
    } else {
        DurabilityPolicy::Balanced
    };
    let settings = audit::Config {
        durability,
        identical_denials: config.identical_denials,
        ..audit::Config::default()
    };
    let opened = Recorder::open(store.trail()?, Arc::clone(clock), settings);
    let (recorder, recovery) = opened.map_err(|fault| OpenError::Store(fault.to_string()))?;
    if !recovery.closed.is_empty() {
        tracing::warn!(
            count = recovery.closed.len(),
            "calls whose outcome nobody saw are closed as unknown"
        );
    }
    Ok((recorder, recovery))
}

/// What clients keep for tools that ask back, under a key that only this run has: what it sealed is worth nothing
/// after it.
pub(super) fn states() -> Result<Arc<mcp::States>, OpenError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|fault| OpenError::Internal(fault.to_string()))?;
    Ok(Arc::new(mcp::States::new(&key)))
}

/// What incidents watch.
pub(super) struct Watched<'a> {
    pub(super) config: &'a Config,
    pub(super) store: &'a Store,
    pub(super) recorder: &'a Recorder,
    pub(super) clock: &'a Arc<dyn Clock>,
}

impl Watched<'_> {
    /// The incidents, from where the last run, which wrote its last record at `last`, left off.
    pub(super) async fn incidents(
        &self,
        suspend: Arc<dyn Suspend>,
        last: Option<Timestamp>,
    ) -> Result<Incidents, OpenError> {
        let fault = |failure: incidents::Failure| OpenError::Store(failure.to_string());
        let key = self.store.key();
        let incidents = Incidents::new(incidents::Parts {
            store: self.store.incidents()?,
            recorder: self.recorder.clone(),
            clock: Arc::clone(self.clock),
            names: IdSequence::new(&audit::derive(key, "names of incidents")),
            redactor: Redactor::new(key),
            suspend,
            config: self.config.violations,
        })
        .map_err(fault)?;
        self.recorder.listen(Arc::new(incidents.watch()));
        incidents.rebuild(last).await.map_err(fault)?;
        Ok(incidents)
    }
}

/// The checks of readiness.
pub(super) fn checks(recorder: &Recorder, facts: &Facts, room: &RoomWatch) -> telemetry::Health {
    let health = telemetry::Health::default();
    let trail = recorder.clone();
    health.watch("audit", move || {
        trail.health().err().map(|fault| fault.to_string())
    });
    room.look();
    let room = room.clone();
    health.warn("room", move || room.shortage());
    let facts = facts.clone();
    health.watch("policy", move || {
        facts
            .policy_fault()
            .map(|_| "degraded: the newest files do not load".to_owned())
    });
    health
}

/// What the first situation is made of.
pub(super) struct First<'a> {
    pub(super) store: &'a Store,
    pub(super) loaded: &'a Loaded,
    pub(super) compiler: &'a Compiler,
    pub(super) recovery: &'a Recovery,
    pub(super) clock: &'a dyn Clock,
}

impl First<'_> {
    /// The gate that opens with the first situation and the registered agents.
    pub(super) async fn gate(
        &self,
        recorder: &Recorder,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<Gate>, OpenError> {
        let situation = self.situation(recorder).await?;
        let agents = Registry::open(Arc::clone(self.store.states()) as Arc<_>);
        let agents = agents.map_err(|fault| OpenError::Store(fault.to_string()))?;
        Ok(Arc::new(Gate::new(
            situation,
            Arc::new(agents),
            recorder.clone(),
            Arc::clone(clock),
        )))
    }

    /// The first situation, which stands on the record of the start.
    async fn situation(&self, recorder: &Recorder) -> Result<Situation, OpenError> {
        let moment = Moment::of(self.clock);
        let bundle = &self.loaded.bundle;
        let latest = self.store.states().latest_release()?.map(|stored| Release {
            version: stored.version,
            digest: stored.digest,
        });
        let (release, is_new) = Release::after(latest.as_ref(), bundle);
        let (mode, moved) = self.mode(moment.wall)?;
        let lockdown = self
            .store
            .states()
            .load_lockdown()?
            .unwrap_or_else(|| never_locked(moment.wall));
        let mut changes = Vec::new();
        if is_new {
            let activation = Activation::of_files(self.loaded.content.clone());
            changes.push(release.activate(&bundle.name, activation));
        }
        if moved {
            changes.push(StateChange::SetMode(mode.clone()));
        }
        if let Some(local) = self.local(moment.wall)? {
            changes.push(StateChange::PutAgent(Box::new(local)));
        }
        let note = ChangeNote::new("start", "gateway")
            .with("pid", json!(std::process::id()))
            .with("version", json!(env!("CARGO_PKG_VERSION")))
            .with("policy_version", json!(release.version))
            .with("mode", json!(mode.mode));
        recorder
            .change(note, changes, None)
            .await
            .map_err(|fault| OpenError::Store(fault.to_string()))?;
        let engine = self.compiler.engine(bundle, release.version);
        let situation = Situation {
            epoch: 0,
            engine: Arc::new(engine),
            modes: mode.clone(),
            mode_ends: None,
            lockdown,
            integrity: Integrity::Ok,
        };
        Ok(situation.with_mode(mode, moment))
    }

    /// The agent of this machine's models, at the first start (`spec/identity.md`, "Who is calling").
    fn local(&self, now: Timestamp) -> Result<Option<Agent>, OpenError> {
        let id = AgentId::parse("local").map_err(|fault| OpenError::Internal(fault.to_string()))?;
        let stored = AgentStore::get(&**self.store.states(), &id);
        if stored
            .map_err(|fault| OpenError::Store(fault.to_string()))?
            .is_some()
        {
            return Ok(None);
        }
        Ok(Some(Agent {
            revision: 1,
            agent_id: id,
            name: "Models on this machine".to_owned(),
            description: Some("whoever calls over MCP in local mode".to_owned()),
            trust_level: TrustLevel::Admin,
            allowed_tools: Vec::new(),
            denied_tools: Vec::new(),
            metadata: serde_json::Map::new(),
            status: PrincipalStatus::Active,
            registered_at: now,
            updated_at: now,
            registered_by: "gateway".to_owned(),
            owner: None,
            auto_registered: false,
            suspended_at: None,
            suspension_reason: None,
            incident_id: None,
        }))
    }

    /// The mode to start with, and whether it is another than the stored one.
    ///
    /// A mode that ended while nobody looked has ended; so has one whose end a clock that went back cannot tell.
    fn mode(&self, now: Timestamp) -> Result<(ModeState, bool), OpenError> {
        let bundle = &self.loaded.bundle;
        let Some(stored) = self.store.states().load_mode()? else {
            let first = ModeState {
                revision: 1,
                mode: bundle.default_mode.clone(),
                base_mode: bundle.default_mode.clone(),
                since: now,
                by: "gateway".to_owned(),
                reason: "first start".to_owned(),
                expires_at: None,
                temporary: false,
                incident_scope: None,
            };
            return Ok((first, true));
        };
        if let Some(state) = governance::homeless(&stored, bundle, now) {
            return Ok((state, true));
        }
        let went_back = self.recovery.last_at.is_some_and(|last| now < last);
        let ended = stored.expires_at.is_some_and(|end| now >= end || went_back);
        if ended {
            Ok((modes::fall_back(&stored, now), true))
        } else {
            Ok((stored, false))
        }
    }
}

fn never_locked(now: Timestamp) -> LockdownState {
    LockdownState {
        revision: 0,
        on: false,
        since: now,
        by: "gateway".to_owned(),
        reason: "never".to_owned(),
    }
}
