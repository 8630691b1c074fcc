//! What is written together: a record, and the changes of state that ride with it.

use std::sync::Arc;

use serde_json::Value;

use super::record::AuditRecord;
use super::render::Body;
use crate::domain::{
    Agent, AgentId, ApiKey, Digest, Health, Incident, KeyId, LockdownState, ModeState, PolicyId,
    Session, Timestamp, Totp, User,
};

/// Every change of stored state there is. Each is written in the transaction of its record, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum StateChange {
    /// Switches the mode. Holds if the new revision follows the stored one.
    SetMode(ModeState),
    /// Switches lockdown. Holds if the new revision follows the stored one.
    SetLockdown(LockdownState),
    /// Keeps the simulated cloud. Of two states the newer revision stays; an older one is passed over.
    PutCloud {
        /// Counts the cloud's operations.
        revision: u64,
        /// The cloud.
        state: Value,
    },
    /// Keeps what was last seen of a service's health. An older observation is passed over.
    ObserveHealth {
        /// The service.
        service: String,
        /// Its health.
        health: Health,
        /// When it was seen.
        at: Timestamp,
    },
    /// Activates a version of the policy. Holds if it follows the latest one.
    ActivateRelease(Release),
    /// Keeps a runtime policy as it is from a version on, or its end. Rides with the release of that version.
    PutPolicy(PolicyVersion),
    /// Keeps an agent. Holds if the new revision follows the stored one.
    PutAgent(Box<Agent>),
    /// Forgets an agent. Holds if this is its stored revision.
    RemoveAgent {
        /// The agent.
        agent_id: AgentId,
        /// Its revision.
        revision: u64,
    },
    /// Keeps an incident. Holds if the new revision follows the stored one.
    PutIncident(Box<Incident>),
    /// Keeps an API key. Holds if the new revision follows the stored one.
    PutKey(Box<ApiKey>),
    /// Keeps a person. Holds if the new revision follows the stored one.
    PutUser(Box<User>),
    /// Keeps when keys were last used; one that is not there is passed over.
    UseKeys(Vec<(KeyId, Timestamp)>),
    /// Keeps a person's second factor. Holds if the new revision follows the stored one.
    PutTotp(Box<Totp>),
    /// Uses up the code of a step, and those before it. Holds if no later step was used, and the factor counts.
    UseTotpStep {
        /// Whose.
        user_id: AgentId,
        /// The step.
        step: u64,
    },
    /// Forgets a person's second factor. Holds if this is its stored revision.
    RemoveTotp {
        /// Whose.
        user_id: AgentId,
        /// Its revision.
        revision: u64,
    },
    /// Keeps a client's session.
    OpenSession(Session),
    /// Forgets a session; one that is not there is passed over.
    CloseSession(Arc<str>),
}

/// A runtime policy as one version of the bundle has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The version of the bundle.
    pub version: u64,
    /// The policy.
    pub id: PolicyId,
    /// The policy as it was given, as JSON text; `None`: it ended with this version.
    pub document: Option<String>,
}

/// A version of the policy, as it was activated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its number, from 1.
    pub version: u64,
    /// The digest of its bundle.
    pub digest: Digest,
    /// Its name.
    pub name: String,
    /// Who activated it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The version it replaces.
    pub parent: Option<u64>,
    /// Its files, as text; empty where they are those of its parent.
    pub content: String,
}

/// When an entry counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Once it has its place in the queue; the entry that answers for it waits.
    Queued,
    /// Once it is committed: it survives the end of the process.
    Committed,
    /// Once it is on disk: it survives the loss of power.
    Synced,
}

/// A record and its changes of state, ready to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The record. The store fills in its place in the chain. Boxed: it goes through many hands.
    pub record: Box<AuditRecord>,
    /// Its canonical text, but for that place.
    pub body: Body,
    /// What changes with it.
    pub changes: Vec<StateChange>,
}

impl Entry {
    /// An entry of the record and what changes with it.
    #[must_use]
    pub fn new(record: AuditRecord, changes: Vec<StateChange>) -> Self {
        let body = Body::of(&record);
        Self {
            record: Box::new(record),
            body,
            changes,
        }
    }
}
