//! The gate before dispatch: no call starts under a policy, mode, lockdown or registration older than the last one
//! acknowledged.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::audit::{AuditError, ChangeError, ChangeNote, OutcomeOf, Recorder, StateChange};
use crate::domain::{Agent, AgentId, Clock};
use crate::policy::Decision;
use crate::registry::{Registry, RegistryUnread};

use super::{Moment, Situation};

/// The decision was made under a state that no longer holds: decide again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy, mode, lockdown or the agent's registration changed since the decision")]
pub struct Stale;

/// A change that was worked out and waits to be written.
pub struct Edit {
    /// The situation once it is acknowledged; its epoch is set by the gate.
    pub next: Situation,
    /// What the record says of it.
    pub note: ChangeNote,
    /// What is stored in the transaction of the record.
    pub changes: Vec<StateChange>,
    /// The decision of which the record is the outcome, when a call makes the change.
    pub of: Option<OutcomeOf>,
}

/// A change of an agent that was worked out and waits to be written.
pub struct AgentEdit {
    /// The agent once it is acknowledged, whose revision is set by the gate; `None`: it is forgotten.
    pub next: Option<Agent>,
    /// What the record says of it.
    pub note: ChangeNote,
    /// What else is stored in the transaction of the record.
    pub changes: Vec<StateChange>,
    /// The decision of which the record is the outcome, when a call makes the change.
    pub of: Option<OutcomeOf>,
}

/// Changes of so many agents are written side by side.
const AGENT_LOCKS: usize = 64;

/// Holds the situation; calls enter through it, changes go around it one at a time.
pub struct Gate {
    live: ArcSwap<Situation>,
    /// Held shared from the check of an epoch until the call has started, exclusively while a situation is
    /// swapped: so a change is acknowledged only when no call can start under what it replaced.
    entering: RwLock<()>,
    /// Guards the order of changes; held while one is written.
    changing: Mutex<()>,
    /// Guard the order of changes of an agent, whose id chooses one of them; held while one is written.
    changing_agent: Vec<Mutex<()>>,
    hasher: RandomState,
    registry: Arc<Registry>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    /// Tells those who wait for the next end of a mode that it moved.
    moved: tokio::sync::Notify,
}

impl Gate {
    /// A gate that opens with this situation and these agents.
    #[must_use]
    pub fn new(
        situation: Situation,
        registry: Arc<Registry>,
        recorder: Recorder,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            live: ArcSwap::from_pointee(situation),
            entering: RwLock::new(()),
            changing: Mutex::new(()),
            changing_agent: (0..AGENT_LOCKS).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
            registry,
            recorder,
            clock,
            moved: tokio::sync::Notify::new(),
        }
    }

    /// The situation as it stands.
    #[must_use]
    pub fn situation(&self) -> Arc<Situation> {
        self.live.load_full()
    }

    /// The agents.
    #[must_use]
    pub const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The clock by which modes end.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Starts a call if what it was decided under still holds; `start` runs under the gate's lock.
    ///
    /// # Errors
    /// When a change was acknowledged, or the mode ended, since the decision.
    pub fn enter<T>(&self, decision: &Decision, start: impl FnOnce() -> T) -> Result<T, Stale> {
        let _entered = self.entering.read().unwrap_or_else(PoisonError::into_inner);
        let situation = self.live.load();
        let request = decision.request();
        let (context, principal) = (&request.context, &request.principal);
        let holds = situation.epoch == context.epoch
            && situation.mode(Moment::of(&*self.clock)) == &context.mode
            && self.registry.stamp(&principal.agent_id) == principal.stamp;
        if holds { Ok(start()) } else { Err(Stale) }
    }

    /// Changes the situation: works the change out, writes it, swaps, and only then returns.
    ///
    /// # Errors
    /// When `make` refuses, or the change cannot be written; the situation is then as before.
    pub async fn change<E>(
        &self,
        make: impl FnOnce(&Situation, Moment) -> Result<Edit, E>,
    ) -> Result<Arc<Situation>, ChangeError<E>> {
        let _turn = self.changing.lock().await;
        let now = self.situation();
        let edit = make(&now, Moment::of(&*self.clock)).map_err(ChangeError::Refused)?;
        self.recorder
            .change(edit.note, edit.changes, edit.of)
            .await
            .map_err(ChangeError::Audit)?;
        let next = Arc::new(Situation {
            epoch: now.epoch + 1,
            ..edit.next
        });
        {
            let _alone = self
                .entering
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            self.live.store(Arc::clone(&next));
        }
        self.moved.notify_waiters();
        Ok(next)
    }

    /// Changes an agent: works the change out, writes it, lets it count, and only then returns.
    ///
    /// # Errors
    /// When `make` refuses, or the change cannot be written; the agent is then as before.
    pub async fn change_agent<E>(
        &self,
        agent_id: &AgentId,
        make: impl FnOnce(Option<Agent>, Moment) -> Result<AgentEdit, E>,
    ) -> Result<Option<Agent>, ChangeError<E>> {
        let _turn = match self.lock_of(agent_id) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        let stored = self.registry.store().get(agent_id);
        let unread = |fault: RegistryUnread| AuditError::Unavailable(fault.to_string());
        let stored = stored.map_err(unread).map_err(ChangeError::Audit)?;
        let revision = stored.as_ref().map_or(0, |agent| agent.revision);
        let edit = make(stored, Moment::of(&*self.clock)).map_err(ChangeError::Refused)?;
        let AgentEdit {
            next,
            note,
            mut changes,
            of,
        } = edit;
        let next = next.map(|agent| Agent {
            revision: revision + 1,
            ..agent
        });
        changes.push(match &next {
            Some(agent) => StateChange::PutAgent(Box::new(agent.clone())),
            None => StateChange::RemoveAgent {
                agent_id: agent_id.clone(),
                revision,
            },
        });
        self.recorder
            .change(note, changes, of)
            .await
            .map_err(ChangeError::Audit)?;
        let _alone = self
            .entering
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match &next {
            Some(agent) => self.registry.keep(agent),
            None => self.registry.forget(agent_id),
        }
        Ok(next)
    }

    fn lock_of(&self, agent_id: &AgentId) -> Option<&Mutex<()>> {
        let hash = self.hasher.hash_one(agent_id);
        let place = usize::try_from(hash).unwrap_or(0) % AGENT_LOCKS;
        self.changing_agent.get(place)
    }

    /// Waits until the situation changes.
    pub(super) fn moved(&self) -> tokio::sync::futures::Notified<'_> {
        self.moved.notified()
    }
}
