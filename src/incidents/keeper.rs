//! What can be done with incidents: to report, to read, to settle, and to count what is heard.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::desk::{Inner, fold};
use super::draft::Draft;
use super::inbox::Watch;
use super::triage::step;
use super::{
    Config, Consequence, Failure, Filter, IncidentStore, Page, Report, Reported, Summary, Suspend,
    Update,
};
use crate::audit::{ChangeNote, Recorder, Redactor};
use crate::domain::{
    AgentId, Clock, IdSequence, Incident, IncidentId, IncidentStatus, SuspensionState, Timestamp,
};

/// How long a reader waits for what was heard to be counted; beyond, it sees what is written.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often counts are written.
const PAUSE: Duration = Duration::from_secs(1);

/// What incidents are kept with.
pub struct Parts {
    /// Where they are read.
    pub store: Arc<dyn IncidentStore>,
    /// Where they are written.
    pub recorder: Recorder,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How they are named.
    pub names: IdSequence,
    /// What takes secrets out of what reporters write.
    pub redactor: Redactor,
    /// Who suspends.
    pub suspend: Arc<dyn Suspend>,
    /// When agents are suspended.
    pub config: Config,
}

/// The incidents. A clone keeps the same ones.
#[derive(Clone)]
pub struct Incidents {
    pub(super) inner: Arc<Inner>,
}

impl Incidents {
    /// The incidents of a store, before what an earlier run left uncounted is counted ([`Incidents::rebuild`]).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(parts: Parts) -> Result<Self, Failure> {
        Ok(Self {
            inner: Arc::new(Inner::new(parts)?),
        })
    }

    /// What listens to the trail for them.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.inner.inbox))
    }

    /// Counts what is heard, for as long as the future is polled.
    pub async fn keep(self) {
        loop {
            // What is heard is counted at once; counts and what failed are looked at every second.
            tokio::select! {
                () = self.inner.inbox.rung() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
            self.caught_up().await;
        }
    }

    /// Counts what was heard so far. Dropping the future stops nothing halfway.
    pub async fn caught_up(&self) {
        let inner = Arc::clone(&self.inner);
        let work = tokio::spawn(async move {
            let mut desk = inner.turn().await;
            inner.catch_up(&mut desk, false).await;
        });
        if let Err(broken) = work.await {
            tracing::error!(%broken, "incidents could not be counted");
        }
    }

    /// Counts what was heard and writes every count, before the trail ends.
    pub async fn close(&self) {
        let mut desk = self.inner.turn().await;
        self.inner.catch_up(&mut desk, true).await;
    }

    /// How many incidents and agents are counted in memory.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.inner.kept.load(Ordering::Relaxed)
    }

    /// How many records were too many to note as they came, and were read from the trail instead.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.inner.missed.load(Ordering::Relaxed)
    }

    /// Files a report, and suspends the agent where the report asks for it and the reporter may.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn report(&self, report: Report) -> Result<Reported, Failure> {
        let inner = &self.inner;
        let redactor = &inner.parts.redactor;
        let report = Report {
            description: redactor.text(&report.description),
            recommended_action: report.recommended_action.map(|text| redactor.text(&text)),
            evidence: redactor.map(&report.evidence),
            ..report
        };
        let mut desk = inner.turn().await;
        let (draft, of) = Draft::of_report(report);
        let asked = draft.suspension.is_some();
        let reserved = draft.agent_id.as_ref().is_some_and(AgentId::is_reserved);
        let incident = inner.file(&mut desk, draft, of).await?;
        inner.carry_out(&mut desk).await;
        let incident = inner.stored(incident.number).await?.unwrap_or(incident);
        let consequence = match (&incident.agent_id, asked, reserved) {
            (None, ..) | (Some(_), false, _) => Consequence::None,
            (Some(_), true, true) => Consequence::Reserved,
            (Some(_), true, false) => consequence(&incident),
        };
        Ok(Reported {
            incident,
            consequence,
        })
    }

    /// The incident of this name, if there is one that the caller may see.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub async fn get(
        &self,
        id: IncidentId,
        visible_to: Option<&AgentId>,
    ) -> Result<Incident, Failure> {
        self.settle().await;
        let found = self.inner.named(id).await?.filter(|incident| {
            visible_to.is_none_or(|agent| {
                incident.agent_id.as_ref() == Some(agent) || incident.reported_by == agent.as_str()
            })
        });
        let incident = found.ok_or(Failure::Unknown(id))?;
        let mut shown = vec![incident];
        self.add_counts(&mut shown).await;
        shown.pop().ok_or(Failure::Unknown(id))
    }

    /// A page of what fits the filter, newest first.
    ///
    /// # Errors
    /// When the cursor does not fit, or the store cannot be read.
    pub async fn list(
        &self,
        filter: Filter,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page, Failure> {
        self.settle().await;
        let read = move |store: &dyn IncidentStore| store.page(&filter, cursor.as_deref(), limit);
        let mut page = self.inner.read(read).await?;
        self.add_counts(&mut page.incidents).await;
        Ok(page)
    }

    /// How things stand, for compliance: for the agent, or for everybody; what was opened since then, or ever.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn summary(
        &self,
        visible_to: Option<AgentId>,
        since: Option<Timestamp>,
    ) -> Result<Summary, Failure> {
        self.settle().await;
        let read = move |store: &dyn IncidentStore| store.summary(visible_to.as_ref(), since);
        let mut summary = self.inner.read(read).await?;
        self.add_counts(&mut summary.recent).await;
        Ok(summary)
    }

    /// Changes the status of an incident.
    ///
    /// # Errors
    /// When there is none of this name, its status does not change so, or it could not be recorded.
    pub async fn update(&self, id: IncidentId, update: Update) -> Result<Incident, Failure> {
        let inner = &self.inner;
        let mut desk = inner.turn().await;
        let Some(mut incident) = inner.named(id).await? else {
            return Err(Failure::Unknown(id));
        };
        let from = incident.status;
        let text = |text: &Option<String>| {
            text.as_ref()
                .map(|text| inner.parts.redactor.short_text(text))
        };
        let update = Update {
            reason: text(&update.reason),
            resolution: text(&update.resolution),
            ..update
        };
        step(&mut incident, &update, inner.now())?;
        let note = ChangeNote::new("incident_update", &update.by)
            .with("incident_id", json!(id))
            .with("from", json!(from))
            .with("status", json!(incident.status))
            .with("reason", json!(update.reason))
            .with("resolution", json!(incident.resolution));
        inner
            .write(&mut desk, &mut incident, note, update.of)
            .await?;
        if incident.status == IncidentStatus::Resolved {
            desk.book.release(incident.number);
        } else {
            inner.track_again(&mut desk.book, &incident);
        }
        Ok(incident)
    }

    /// Waits for what was heard to be counted, so that a denial that was answered is seen by who asks next.
    async fn settle(&self) {
        self.inner.parts.recorder.write_repeats();
        if tokio::time::timeout(PATIENCE, self.caught_up())
            .await
            .is_err()
        {
            tracing::warn!("incidents are behind the trail; what is written is shown");
        }
    }

    /// Adds the counts that are not written yet.
    async fn add_counts(&self, incidents: &mut [Incident]) {
        let Ok(mut desk) = tokio::time::timeout(PATIENCE, self.inner.turn()).await else {
            return;
        };
        for incident in incidents {
            if let Some(tracked) = desk.book.numbered(incident.number) {
                fold(incident, tracked);
            }
        }
    }
}

/// How far the suspension is that the incident asks for.
fn consequence(incident: &Incident) -> Consequence {
    match incident
        .suspension
        .as_ref()
        .map(|suspension| suspension.state)
    {
        Some(SuspensionState::Suspended) => Consequence::Suspended,
        Some(SuspensionState::NotRegistered) => Consequence::Unregistered,
        Some(SuspensionState::Ordered) => Consequence::Waiting,
        None => Consequence::None,
    }
}
