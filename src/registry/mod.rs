//! Which agents there are and how far each is trusted.

mod metrics; // figures of agents
mod standing; // what a decision needs of an agent
mod store; // what the registry needs from a store

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::{Agent, AgentId, PatternList, Principal, PrincipalStatus, TrustLevel};
use crate::identity::Identity;

use standing::Standing;

pub use metrics::AgentGauges;
pub use standing::{ListProblem, list_problems};
pub use store::{AgentFilter, AgentStore, RegistryUnread};

/// Why nobody can act for the agent that was named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryRefusal {
    /// The id belongs to the gateway itself.
    #[error("`{0}` is reserved: name an agent of your own")]
    Reserved(AgentId),
    /// The caller may not act for others.
    #[error("`{caller}` may not act for agent `{agent}`: only operators may name another agent")]
    NotForOthers {
        /// Who calls.
        caller: AgentId,
        /// Whom the call names.
        agent: AgentId,
    },
}

/// How many agents there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// In all.
    pub total: u64,
    /// Suspended ones.
    pub suspended: u64,
    /// Those that registered themselves and that nobody has adopted.
    pub auto_registered: u64,
    /// By trust, in the order of [`TrustLevel::ALL`].
    pub by_trust: [u64; 4],
}

/// The registry of agents: what decisions need of each, read from the store at start and kept with every change.
pub struct Registry {
    /// Guards what is known; held for a look-up or the swap of one agent, never while anything is written.
    known: RwLock<Known>,
    store: Arc<dyn AgentStore>,
    no_list: Arc<PatternList>,
}

#[derive(Default)]
struct Known {
    agents: HashMap<AgentId, Standing>,
    counts: Counts,
    /// Counts what was learned: two states of an agent never have the same stamp, not even after it was forgotten.
    learned: u64,
}

impl Registry {
    /// The registry as the store has it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Arc<dyn AgentStore>) -> Result<Self, RegistryUnread> {
        let registry = Self {
            known: RwLock::default(),
            no_list: Arc::default(),
            store,
        };
        registry.store.each(&mut |agent| registry.keep(&agent))?;
        Ok(registry)
    }

    /// The full records of agents.
    #[must_use]
    pub fn store(&self) -> &dyn AgentStore {
        &*self.store
    }

    /// How many agents there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.known().counts
    }

    /// How many agents fit the filter.
    #[must_use]
    pub fn count(&self, filter: AgentFilter) -> u64 {
        let fits = |standing: &&Standing| {
            filter
                .trust_level
                .is_none_or(|trust| trust == standing.trust)
                && filter.status.is_none_or(|status| status == standing.status)
                && (!filter.auto_registered || standing.auto_registered)
        };
        let known = self.known();
        u64::try_from(known.agents.values().filter(fits).count()).unwrap_or(u64::MAX)
    }

    /// The stamp of what is known of the agent; 0 when it is not registered.
    #[must_use]
    pub fn stamp(&self, agent_id: &AgentId) -> u64 {
        self.known()
            .agents
            .get(agent_id)
            .map_or(0, |standing| standing.stamp)
    }

    /// Takes over what was written of an agent.
    pub fn keep(&self, agent: &Agent) {
        let mut standing = Standing::of(agent, &self.no_list);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.learned += 1;
        standing.stamp = known.learned;
        let before = known
            .agents
            .insert(agent.agent_id.clone(), standing.clone());
        known.counts.swap(before.as_ref(), Some(&standing));
    }

    /// Forgets an agent whose end was written.
    pub fn forget(&self, agent_id: &AgentId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.agents.remove(agent_id);
        known.counts.swap(before.as_ref(), None);
    }

    /// The principal for whom a call is decided: the caller, or the agent that it acts for.
    ///
    /// # Errors
    /// When the caller may not act for the agent, or nobody may.
    pub fn resolve(
        &self,
        identity: &Identity,
        named: Option<AgentId>,
    ) -> Result<Principal, RegistryRefusal> {
        let trust = identity.unregistered_trust();
        let caller = self.principal(identity.id.clone(), trust, |principal| Principal {
            roles: identity.roles,
            authentication: identity.authentication,
            credential: identity.credential.clone(),
            ..principal
        });
        match named.filter(|agent| *agent != identity.id) {
            None => Ok(caller),
            Some(agent) if identity.may_act_for_others => self.subject(&caller, agent),
            Some(agent) => Err(RegistryRefusal::NotForOthers {
                caller: identity.id.clone(),
                agent,
            }),
        }
    }

    /// The agent as somebody else asks about it, or acts for it: its own trust and lists, the caller's roles.
    ///
    /// # Errors
    /// When the id belongs to the gateway itself.
    pub fn subject(
        &self,
        caller: &Principal,
        agent_id: AgentId,
    ) -> Result<Principal, RegistryRefusal> {
        if agent_id == caller.agent_id {
            return Ok(caller.clone());
        }
        if agent_id.is_reserved() && agent_id.as_str() != "local" {
            return Err(RegistryRefusal::Reserved(agent_id));
        }
        let asking = caller.acted_by.as_ref().unwrap_or(&caller.agent_id);
        // Of an agent that nobody vouched for nothing is believed; the models of this machine are its operator's.
        let trust = if agent_id.is_reserved() {
            TrustLevel::Admin
        } else {
            TrustLevel::Low
        };
        Ok(self.principal(agent_id, trust, |principal| Principal {
            roles: caller.roles,
            acted_by: Some(asking.clone()),
            authentication: caller.authentication,
            credential: caller.credential.clone(),
            ..principal
        }))
    }

    /// The agent as it is known, or with this trust if it is not, finished by `with`.
    fn principal(
        &self,
        agent_id: AgentId,
        unknown: TrustLevel,
        with: impl FnOnce(Principal) -> Principal,
    ) -> Principal {
        let known = self.known();
        let standing = known.agents.get(&agent_id).cloned();
        drop(known);
        let standing = standing.unwrap_or_else(|| Standing::unregistered(unknown, &self.no_list));
        with(standing.principal(agent_id))
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Counts one agent instead of another.
    fn swap(&mut self, before: Option<&Standing>, after: Option<&Standing>) {
        for (standing, by) in [(before, -1), (after, 1)] {
            let Some(standing) = standing else { continue };
            let add = |count: &mut u64| *count = count.saturating_add_signed(by);
            add(&mut self.total);
            if standing.status == PrincipalStatus::Suspended {
                add(&mut self.suspended);
            }
            if standing.auto_registered {
                add(&mut self.auto_registered);
            }
            let place = TrustLevel::ALL
                .iter()
                .position(|level| *level == standing.trust);
            if let Some(count) = place.and_then(|place| self.by_trust.get_mut(place)) {
                add(count);
            }
        }
    }
}

#[cfg(test)]
mod tests;
