//! From what was heard to what is written: a denial opens an incident or counts on one.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::book::{Key, Tracked};
use super::desk::{Desk, Inner, fold};
use super::draft::{CRITICAL, Draft, GATEWAY, trigger};
use super::orders::Todo;
use super::signal::{Denial, Signal};
use super::{Failure, IncidentStore, StoreFailure};
use crate::audit::{ChangeNote, StateChange};
use crate::domain::{Incident, IncidentType, Severity};

/// How many incidents one record of counts names.
const TOGETHER: usize = 64;
/// How many records are read again at a time.
pub(super) const CHUNK: usize = 1000;

/// Which parts of a denial are still to be counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uncounted {
    /// On an incident.
    pub(super) incident: bool,
    /// Towards suspension.
    pub(super) run: bool,
}

impl Inner {
    /// Counts what was heard, writes what is due, suspends where that follows.
    pub(super) async fn catch_up(&self, desk: &mut Desk, all: bool) {
        if let Err(failure) = self.hear_all(desk).await {
            tracing::error!(%failure, "incidents could not be opened, tried again");
        }
        // Once more, because carrying out a crossing puts its suspension on the list.
        self.carry_out(desk).await;
        self.carry_out(desk).await;
        self.write_counts(desk, all).await;
        self.kept.store(desk.book.len(), Ordering::Relaxed);
    }

    async fn hear_all(&self, desk: &mut Desk) -> Result<(), Failure> {
        // Once: what is heard meanwhile rings again, and whoever waits for the desk gets its turn in between.
        let mut taken = false;
        loop {
            while let Some(signal) = desk.backlog.front().cloned() {
                self.hear(desk, &signal).await?;
                desk.backlog.pop_front();
            }
            if self.read_missed(desk).await? {
                continue;
            }
            if std::mem::replace(&mut taken, true) {
                return Ok(());
            }
            let heard = self.inbox.take();
            if let Some((from, to)) = heard.missed {
                tracing::warn!(
                    from,
                    to,
                    "more was denied than could be noted: read from the trail"
                );
                self.missed.fetch_add(to + 1 - from, Ordering::Relaxed);
            }
            desk.backlog.extend(heard.signals);
            desk.missed = heard.missed;
        }
    }

    /// Reads some of what was too much to note from the trail; `false` when nothing is left.
    async fn read_missed(&self, desk: &mut Desk) -> Result<bool, Failure> {
        let Some((from, to)) = desk.missed else {
            return Ok(false);
        };
        let read = move |store: &dyn IncidentStore| store.telling(from, to, CHUNK);
        let records = self.read(read).await?;
        desk.backlog.extend(records.iter().filter_map(Signal::of));
        let last = records.last().filter(|_| records.len() == CHUNK);
        desk.missed = last.map(|last| (last.seq + 1, to));
        Ok(true)
    }

    async fn hear(&self, desk: &mut Desk, signal: &Signal) -> Result<(), Failure> {
        match signal {
            Signal::Agent {
                agent_id,
                suspended,
            } => desk.book.note(agent_id, *suspended),
            Signal::Denied(denial) => {
                let all = Uncounted {
                    incident: true,
                    run: true,
                };
                self.count(desk, denial, all).await?;
            }
        }
        Ok(())
    }

    /// Counts a denial. On an error nothing of it is counted.
    pub(super) async fn count(
        &self,
        desk: &mut Desk,
        denial: &Denial,
        uncounted: Uncounted,
    ) -> Result<(), Failure> {
        if let Some(opening) = denial.opening.filter(|_| uncounted.incident) {
            self.count_on_incident(desk, denial, opening).await?;
        }
        let reserved = crate::domain::RESERVED_AGENTS.contains(&&*denial.agent);
        if uncounted.run
            && !reserved
            && let Some(crossing) = desk.book.count_run(denial)
        {
            desk.expect(Todo::open(crossing));
        }
        Ok(())
    }

    async fn count_on_incident(
        &self,
        desk: &mut Desk,
        denial: &Denial,
        opening: (IncidentType, Severity),
    ) -> Result<(), Failure> {
        let halted = desk.book.is_halted(&denial.agent);
        let (_, severity) = opening;
        let (number, worse, armed) = match desk.book.place_of(denial) {
            Err(key) => return self.open(desk, denial, key, opening).await,
            Ok(tracked) => (tracked.number, severity > tracked.severity, tracked.armed),
        };
        let suspends = severity == Severity::Critical && !halted && (worse || armed);
        if worse || suspends {
            self.raise(desk, denial, number, suspends).await?;
        }
        if let Some(tracked) = desk.book.numbered(number) {
            tracked.severity = tracked.severity.max(severity);
            tracked.armed &= !suspends;
            tracked.unwritten += denial.attempts;
            tracked.last_at = denial.at;
            tracked.last_seq = denial.seq;
        }
        Ok(())
    }

    async fn open(
        &self,
        desk: &mut Desk,
        denial: &Denial,
        key: Key,
        opening: (IncidentType, Severity),
    ) -> Result<(), Failure> {
        let halted = desk.book.is_halted(&denial.agent);
        let draft = Draft::of_denial(denial, &key, opening).suspending(halted);
        let incident = self.file(desk, draft, None).await?;
        let tracked = Tracked {
            number: incident.number,
            severity: incident.severity,
            last_at: denial.at,
            last_seq: denial.seq,
            unwritten: denial.attempts.saturating_sub(1),
            written: self.parts.clock.monotonic(),
            armed: false,
        };
        desk.book.track(key, tracked);
        Ok(())
    }

    /// An incident became worse, or happened again though it is critical.
    async fn raise(
        &self,
        desk: &mut Desk,
        denial: &Denial,
        number: u64,
        suspends: bool,
    ) -> Result<(), Failure> {
        let severity = denial
            .opening
            .map_or(Severity::Medium, |(_, severity)| severity);
        let event = format!("happened again, {}: {}", severity.as_str(), denial.reason);
        let mut order = None;
        self.amend(desk, number, event, |incident: &mut Incident| {
            incident.severity = incident.severity.max(severity);
            if suspends {
                order = Self::order(incident, trigger(CRITICAL));
            }
        })
        .await?;
        if let Some(order) = order {
            desk.expect(Todo::suspend(order));
        }
        Ok(())
    }

    /// Writes the counts that are due, many in one record.
    async fn write_counts(&self, desk: &mut Desk, all: bool) {
        desk.book.forget_quiet(self.now());
        let due = desk.book.due(self.parts.clock.monotonic(), all);
        for numbers in due.chunks(TOGETHER) {
            if let Err(failure) = self.write_some_counts(desk, numbers).await {
                tracing::error!(%failure, "counts of incidents could not be written, tried again");
                desk.book.put_off(numbers, self.parts.clock.monotonic());
            }
        }
    }

    async fn write_some_counts(&self, desk: &mut Desk, numbers: &[u64]) -> Result<(), Failure> {
        let wanted = numbers.to_vec();
        let read = move |store: &dyn IncidentStore| {
            let stored = wanted.iter().map(|number| store.get(*number));
            stored.collect::<Result<Vec<Option<Incident>>, StoreFailure>>()
        };
        let mut incidents: Vec<Incident> = self.read(read).await?.into_iter().flatten().collect();
        let now = self.now();
        for incident in &mut incidents {
            if let Some(tracked) = desk.book.numbered(incident.number) {
                fold(incident, tracked);
                incident.revision += 1;
                incident.updated_at = now;
            }
        }
        let counts: Vec<_> = incidents
            .iter()
            .map(|incident| json!({ "incident_id": incident.incident_id, "count": incident.count }))
            .collect();
        let note = ChangeNote::new("incident_count", GATEWAY).with("incidents", json!(counts));
        let put = |incident: Incident| StateChange::PutIncident(Box::new(incident));
        let changes = incidents.into_iter().map(put).collect();
        self.parts.recorder.change(note, changes, None).await?;
        for number in numbers {
            if let Some(tracked) = desk.book.numbered(*number) {
                tracked.unwritten = 0;
                tracked.written = self.parts.clock.monotonic();
            }
        }
        Ok(())
    }
}
