//! Where incidents are written: everything that changes one takes its turn at the desk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use super::book::{Book, Tracked};
use super::draft::{Draft, GATEWAY};
use super::inbox::Inbox;
use super::orders::Todo;
use super::signal::Signal;
use super::triage::add_line;
use super::{Failure, IncidentStore, Parts, StoreFailure};
use crate::audit::{ChangeNote, OutcomeOf, StateChange};
use crate::domain::{Incident, IncidentEvent, IncidentId, IncidentStatus, Timestamp};

/// What every clone of the incidents shares.
pub(super) struct Inner {
    pub(super) parts: Parts,
    pub(super) inbox: Arc<Inbox>,
    /// Orders the changes; held while one is written.
    desk: Mutex<Desk>,
    /// How many records were too many to note.
    pub(super) missed: AtomicU64,
    /// How many incidents and agents the book keeps.
    pub(super) kept: AtomicUsize,
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

impl Inner {
    pub(super) fn new(parts: Parts) -> Result<Self, StoreFailure> {
        let last = parts.store.last_number()?;
        let desk = Desk {
            next_number: last + 1,
            book: Book::new(parts.config),
            backlog: VecDeque::new(),
            missed: None,
            todo: VecDeque::new(),
        };
        Ok(Self {
            parts,
            inbox: Arc::new(Inbox::default()),
            desk: Mutex::new(desk),
            missed: AtomicU64::new(0),
            kept: AtomicUsize::new(0),
        })
    }

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
    pub(super) async fn named(&self, id: IncidentId) -> Result<Option<Incident>, StoreFailure> {
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
