//! What an earlier run left uncounted: denials on the trail that no incident tells of, suspensions that were ordered.

use std::collections::HashMap;
use std::sync::Arc;

use super::book::{Book, Key, Tracked};
use super::counting::{CHUNK, Uncounted};
use super::desk::{Desk, Inner};
use super::draft::GATEWAY;
use super::orders::{Todo, ordered};
use super::signal::{Denial, Signal};
use super::{COUNTING, Failure, IncidentStore, Incidents};
use crate::domain::{Incident, IncidentStatus, SuspensionState, Timestamp};

/// Up to which record of the trail the store already counts.
#[derive(Default)]
struct Counted {
    on_incidents: HashMap<Key, u64>,
    towards_suspension: HashMap<Arc<str>, u64>,
}

impl Incidents {
    /// Takes up where the last run left off, which wrote its last record at `last`. Called once, before the first call.
    ///
    /// Incidents of the last ten minutes count on; denials that the last run did not write down any more are counted
    /// now, each once; an agent that was to be suspended is.
    ///
    /// # Errors
    /// When the store cannot be read, or what is found cannot be recorded.
    pub async fn rebuild(&self, last: Option<Timestamp>) -> Result<(), Failure> {
        let inner = &self.inner;
        let window = COUNTING.max(inner.parts.config.window);
        let now = inner.now();
        let last = last.unwrap_or(now).min(now);
        let back = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp::from_millis(last.as_millis().saturating_sub(back));
        let mut desk = inner.turn().await;
        let counted = inner.take_up(&mut desk, since).await?;
        inner.count_left(&mut desk, since, &counted).await?;
        inner.catch_up(&mut desk, true).await;
        Ok(())
    }
}

impl Inner {
    async fn take_up(&self, desk: &mut Desk, since: Timestamp) -> Result<Counted, Failure> {
        let touched = self.read(move |store| store.touched_since(since)).await?;
        let mut counted = Counted::default();
        for incident in touched {
            if incident.reported_by == GATEWAY {
                counted.note(&incident);
            }
            if incident.status == IncidentStatus::Resolved {
                continue;
            }
            self.track_again(&mut desk.book, &incident);
            if let (Some(suspension), Some(agent_id)) = (&incident.suspension, &incident.agent_id)
                && suspension.state == SuspensionState::Ordered
            {
                let numbers = suspension.numbers.clone();
                desk.expect(Todo::suspend(ordered(&incident, agent_id.clone(), numbers)));
            }
        }
        Ok(counted)
    }

    /// Lets a denial incident count on from where it stands, if it does not already.
    pub(super) fn track_again(&self, book: &mut Book, incident: &Incident) {
        let (Some(key), Some(counted)) = (key_of(incident), incident.counted) else {
            return;
        };
        if book.numbered(incident.number).is_none() {
            let tracked = Tracked {
                number: incident.number,
                severity: incident.severity,
                last_at: counted.last_at,
                last_seq: counted.last_seq,
                unwritten: 0,
                written: self.parts.clock.monotonic(),
                armed: true,
            };
            book.track(key, tracked);
        }
    }

    async fn count_left(
        &self,
        desk: &mut Desk,
        since: Timestamp,
        counted: &Counted,
    ) -> Result<(), Failure> {
        let first = move |store: &dyn IncidentStore| store.first_record_since(since);
        let mut from = self.read(first).await?;
        loop {
            let records = self
                .read(move |store| store.telling(from, u64::MAX >> 1, CHUNK))
                .await?;
            for signal in records.iter().filter_map(Signal::of) {
                match signal {
                    Signal::Denied(denial) => {
                        self.count(desk, &denial, counted.leaves(&denial)).await?;
                    }
                    Signal::Agent {
                        agent_id,
                        suspended,
                    } => desk.book.note(&agent_id, suspended),
                }
            }
            match records.last() {
                Some(last) if records.len() == CHUNK => from = last.seq + 1,
                Some(_) | None => return Ok(()),
            }
        }
    }
}

impl Counted {
    fn note(&mut self, incident: &Incident) {
        if let (Some(key), Some(counted)) = (key_of(incident), incident.counted) {
            let until = self.on_incidents.entry(key).or_default();
            *until = counted.last_seq.max(*until);
        }
        let numbers = incident
            .suspension
            .as_ref()
            .map(|suspension| &suspension.numbers);
        let through = numbers.and_then(|numbers| numbers.get("last_seq")?.as_u64());
        if let (Some(agent), Some(through)) = (&incident.agent_id, through) {
            let agent = Arc::from(agent.as_str());
            let until = self.towards_suspension.entry(agent).or_default();
            *until = through.max(*until);
        }
    }

    /// What is left to count of the denial.
    fn leaves(&self, denial: &Denial) -> Uncounted {
        let mut key = Key {
            agent: Arc::clone(&denial.agent),
            code: Arc::clone(&denial.code),
            tool: Some(Arc::clone(&denial.tool)),
        };
        let on_its_own = self.on_incidents.get(&key).copied();
        key.tool = None;
        let on_a_collective = self.on_incidents.get(&key).copied();
        let suspended = self.towards_suspension.get(&denial.agent).copied();
        Uncounted {
            incident: denial.seq > on_its_own.max(on_a_collective).unwrap_or(0),
            run: denial.seq > suspended.unwrap_or(0),
        }
    }
}

/// What a denial incident counts together; `None` for others.
fn key_of(incident: &Incident) -> Option<Key> {
    Some(Key {
        agent: Arc::from(incident.agent_id.as_ref()?.as_str()),
        code: Arc::from(incident.code.as_deref()?),
        tool: incident.tool.as_deref().map(Arc::from),
    })
}
