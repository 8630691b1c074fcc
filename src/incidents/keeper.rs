//! The one who writes incidents: everything that changes one goes through here, one change at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use super::book::{Book, Tracked};
use super::draft::{Draft, GATEWAY};
use super::inbox::{Inbox, Watch};
use super::orders::Todo;
use super::signal::Signal;
use super::triage::{add_line, step};
use super::{
    Config, Consequence, Failure, Filter, IncidentStore, Page, Report, Reported, StoreFailure,
    Summary, Suspend, Update,
};
use crate::audit::{ChangeNote, OutcomeOf, Recorder, Redactor, StateChange};
use crate::domain::{
    AgentId, Clock, IdSequence, Incident, IncidentEvent, IncidentId, IncidentStatus,
    SuspensionState, Timestamp,
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

pub(super) struct Inner {
    pub(super) parts: Parts,
    pub(super) inbox: Arc<Inbox>,
    /// Orders the changes; held while one is written.
    desk: Mutex<Desk>,
    /// How many records were too many to note.
    pub(super) missed: AtomicU64,
}

/// What is being worked on.
pub(super) struct Desk {
    pub(super) next_number: u64,
    pub(super) book: Book,
    /// Heard, and not counted yet.
    pub(super) backlog: VecDeque<Signal>,
    /// Records that must be read again because they were too many to note.
    pub(super) missed: Option<(u64, u64)>,
    /// Suspensions that are due.
    pub(super) todo: VecDeque<Todo>,
}

impl Incidents {
    /// The incidents of a store, before what an earlier run left uncounted is counted ([`Incidents::rebuild`]).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(parts: Parts) -> Result<Self, Failure> {
        let last = parts.store.last_number()?;
        let desk = Desk {
            next_number: last + 1,
            book: Book::new(parts.config),
            backlog: VecDeque::new(),
            missed: None,
            todo: VecDeque::new(),
        };
        let inner = Inner {
            parts,
            inbox: Arc::new(Inbox::default()),
            desk: Mutex::new(desk),
            missed: AtomicU64::new(0),
        };
        Ok(Self {
            inner: Arc::new(inner),
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

impl Inner {
    /// Waits for its turn to change something.
    pub(super) async fn turn(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Reads on a thread of its own kind, so that calls go on.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn IncidentStore) -> Result<T, StoreFailure> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let store = Arc::clone(&self.parts.store);
        tokio::task::spawn_blocking(move || read(&*store))
            .await
            .unwrap_or_else(|broken| Err(StoreFailure::Unavailable(broken.to_string())))
    }

    pub(super) async fn stored(&self, number: u64) -> Result<Option<Incident>, StoreFailure> {
        self.read(move |store| store.get(number)).await
    }

    /// The incident of this name; a name that was never given belongs to no number, or to another's.
    async fn named(&self, id: IncidentId) -> Result<Option<Incident>, StoreFailure> {
        let number = self.parts.names.counter(id.bits());
        let found = self.stored(number).await?;
        Ok(found.filter(|incident| incident.incident_id == id))
    }

    /// Writes a new incident, and notes the suspension that it asks for.
    pub(super) async fn file(
        &self,
        desk: &mut Desk,
        draft: Draft,
        of: Option<OutcomeOf>,
    ) -> Result<Incident, Failure> {
        let number = desk.next_number;
        desk.next_number += 1;
        let suspension = draft.suspension.clone();
        let now = self.now();
        let incident_id = IncidentId::from_bits(self.parts.names.id(number));
        let mut incident = Incident {
            revision: 1,
            number,
            incident_id,
            kind: draft.kind,
            severity: draft.severity,
            status: IncidentStatus::Open,
            agent_id: draft.agent_id,
            tool: draft.tool.as_deref().map(str::to_owned),
            code: draft.code.as_deref().map(str::to_owned),
            action_id: draft.action_id,
            description: draft.description,
            evidence: draft.evidence,
            reported_by: draft.reported_by,
            recommended_action: draft.recommended_action,
            needs_operator: draft.needs_operator,
            count: 1,
            counted: draft.counted,
            suspension: None,
            created_at: now,
            updated_at: now,
            timeline: Vec::new(),
            resolution: None,
        };
        let by = incident.reported_by.clone();
        incident.timeline.push(IncidentEvent {
            at: now,
            by: by.clone(),
            event: "reported".to_owned(),
        });
        let order = suspension.and_then(|numbers| Self::order(&mut incident, numbers));
        let note = ChangeNote::new("incident_report", &by)
            .with("incident_id", json!(incident_id))
            .with("incident_type", json!(incident.kind))
            .with("severity", json!(incident.severity))
            .with("related_agent", json!(incident.agent_id))
            .with("code", json!(incident.code))
            .with("reported_action", json!(incident.action_id))
            .with("suspension", json!(incident.suspension));
        let changes = vec![StateChange::PutIncident(Box::new(incident.clone()))];
        self.parts.recorder.change(note, changes, of).await?;
        tracing::warn!(incident = %incident_id, kind = incident.kind.as_str(), severity = incident.severity.as_str(), "incident_opened");
        if let Some(order) = order {
            desk.expect(Todo::suspend(order));
        }
        Ok(incident)
    }

    /// Writes the next revision of an incident, with the counts that were not written yet.
    pub(super) async fn write(
        &self,
        desk: &mut Desk,
        incident: &mut Incident,
        note: ChangeNote,
        of: Option<OutcomeOf>,
    ) -> Result<(), Failure> {
        if let Some(tracked) = desk.book.numbered(incident.number) {
            fold(incident, tracked);
        }
        incident.revision += 1;
        incident.updated_at = self.now();
        let changes = vec![StateChange::PutIncident(Box::new(incident.clone()))];
        self.parts.recorder.change(note, changes, of).await?;
        if let Some(tracked) = desk.book.numbered(incident.number) {
            tracked.unwritten = 0;
            tracked.written = self.parts.clock.monotonic();
        }
        Ok(())
    }

    /// Adds a line of the gateway's to an incident, with whatever else `change` does to it.
    pub(super) async fn amend(
        &self,
        desk: &mut Desk,
        number: u64,
        event: String,
        change: impl FnOnce(&mut Incident),
    ) -> Result<(), Failure> {
        let Some(mut incident) = self.stored(number).await? else {
            return Ok(());
        };
        change(&mut incident);
        let note = ChangeNote::new("incident_update", GATEWAY)
            .with("incident_id", json!(incident.incident_id))
            .with("severity", json!(incident.severity))
            .with("event", json!(event));
        add_line(&mut incident, self.now(), GATEWAY, event);
        self.write(desk, &mut incident, note, None).await
    }
}

/// Adds what is counted and not written.
pub(super) fn fold(incident: &mut Incident, tracked: &Tracked) {
    if tracked.unwritten == 0 {
        return;
    }
    incident.count += tracked.unwritten;
    incident.updated_at = incident.updated_at.max(tracked.last_at);
    if let Some(counted) = &mut incident.counted {
        counted.last_seq = tracked.last_seq;
        counted.last_at = tracked.last_at;
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
