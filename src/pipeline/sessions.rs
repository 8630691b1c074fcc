//! Sessions of clients, opened and ended on record; they say which client speaks, never who.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit::{Caller, ChangeNote, StateChange};
use crate::domain::{AgentId, Roles, Session};
use crate::identity::{Credentials, NoPlace, Sessions};

use super::{Pipeline, Unanswered};

/// Why a session does not open.
#[derive(Debug, thiserror::Error)]
pub enum SessionRefused {
    /// There are too many.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// It cannot be put on record.
    #[error("the session cannot be recorded: {0}")]
    Unrecorded(String),
}

/// What a client says of itself when it opens a session.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// The session's name.
    pub id: Arc<str>,
    /// What takes it up again.
    pub state: String,
    /// The client, as it calls itself: shown, never believed.
    pub client: Value,
}

impl Pipeline {
    /// Whose requests these are.
    ///
    /// # Errors
    /// When the credential is not accepted; the refusal is counted on the trail.
    pub fn identify(
        &self,
        caller: &Caller,
        credentials: &Credentials,
    ) -> Result<AgentId, Unanswered> {
        self.admit(caller, credentials).map(|identity| identity.id)
    }

    /// Fetches what it takes to judge these credentials, where that is not at hand.
    pub async fn prepare(&self, credentials: &Credentials) {
        if let Some(preparing) = self.authenticator.prepare(credentials) {
            preparing.await;
        }
    }

    /// What the caller may do with the gateway; `None` when its credential is not accepted.
    #[must_use]
    pub fn roles(&self, caller: &Caller, credentials: &Credentials) -> Option<Roles> {
        let identity = self.authenticator.authenticate(caller.door, credentials);
        identity.ok().map(|identity| identity.roles)
    }

    /// The session of this name, if it is the caller's.
    #[must_use]
    pub fn session(&self, id: &str, agent_id: &AgentId) -> Option<Session> {
        self.sessions.of(id, agent_id, self.clock.monotonic())
    }

    /// Ends what must end so that the caller can open a session; the names of what ended.
    ///
    /// # Errors
    /// When there is no place, or an end cannot be recorded.
    pub async fn make_room(&self, agent_id: &AgentId) -> Result<Vec<Arc<str>>, SessionRefused> {
        let ending = self.sessions.make_room(agent_id, self.clock.monotonic())?;
        let mut ended = Vec::with_capacity(ending.len());
        for session in ending {
            self.end_session(&session, "to make room").await?;
            ended.push(session.id);
        }
        Ok(ended)
    }

    /// Opens a session for the caller.
    ///
    /// # Errors
    /// When it cannot be recorded: then there is none.
    pub async fn open_session(
        &self,
        agent_id: AgentId,
        greeting: Greeting,
    ) -> Result<(), SessionRefused> {
        let note = ChangeNote::new("session_opened", agent_id.as_str())
            .with("session", json!(short(&greeting.id)))
            .with("client", greeting.client);
        let session = Session {
            id: greeting.id,
            agent_id,
            opened_at: self.clock.now(),
            state: Arc::from(greeting.state),
        };
        let change = StateChange::OpenSession(session.clone());
        self.recorder
            .change(note, vec![change], None)
            .await
            .map_err(|fault| SessionRefused::Unrecorded(fault.to_string()))?;
        self.sessions.keep(session, self.clock.monotonic());
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When it cannot be recorded: then it is still open.
    pub async fn end_session(&self, session: &Session, why: &str) -> Result<(), SessionRefused> {
        let note = ChangeNote::new("session_closed", session.agent_id.as_str())
            .with("session", json!(short(&session.id)))
            .with("reason", json!(why));
        let change = StateChange::CloseSession(Arc::clone(&session.id));
        self.recorder
            .change(note, vec![change], None)
            .await
            .map_err(|fault| SessionRefused::Unrecorded(fault.to_string()))?;
        self.sessions.forget(&session.id);
        Ok(())
    }

    /// The sessions there are.
    #[must_use]
    pub const fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }
}

/// As much of a session's name as tells it from others; all of it is its client's alone.
fn short(id: &str) -> &str {
    id.split('-').next().unwrap_or_default()
}
