//! Sessions that outlive the process: rmcp's session store over the gateway's own.

use std::sync::Arc;

use async_trait::async_trait;
use rmcp::model::{ClientCapabilities, Implementation, InitializeRequestParams};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::{
    SessionManager as _, SessionState, SessionStore, SessionStoreError,
};
use serde_json::json;

use crate::domain::AgentId;
use crate::pipeline::Greeting;

use super::Road;

/// The longest greeting that is kept whole; of a longer one its version and names are.
const GREETING: usize = 8_192;
/// The longest name of a client that is kept.
const NAME: usize = 128;

tokio::task_local! {
    /// For whom the service works just now: its store is not told otherwise.
    static CALLER: AgentId;
}

/// Runs what the service does for this caller.
pub(super) async fn working_for<F: Future>(caller: AgentId, work: F) -> F::Output {
    CALLER.scope(caller, work).await
}

/// Lets the worker of a session that ended go.
pub(super) async fn end_worker(workers: &LocalSessionManager, id: &Arc<str>) {
    if let Err(fault) = workers.close_session(id).await {
        tracing::debug!(%fault, "the session had no worker");
    }
}

/// The gateway's sessions, as rmcp keeps them.
pub(super) struct Kept {
    road: Arc<Road>,
}

impl Kept {
    pub(super) const fn new(road: Arc<Road>) -> Self {
        Self { road }
    }
}

#[async_trait]
impl SessionStore for Kept {
    /// The door has looked whose it is; here it is only read.
    async fn load(&self, session_id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let Ok(caller) = CALLER.try_with(Clone::clone) else {
            return Ok(None);
        };
        let session = self.road.pipeline.session(session_id, &caller);
        let state = session.map(|session| serde_json::from_str(&session.state));
        Ok(state.transpose()?)
    }

    async fn store(&self, session_id: &str, state: &SessionState) -> Result<(), SessionStoreError> {
        let caller = CALLER.try_with(Clone::clone)?;
        let greeting = greeting(session_id, state)?;
        let opened = self.road.pipeline.open_session(caller, greeting);
        Ok(opened.await?)
    }

    /// The door ends sessions itself, on record.
    async fn delete(&self, _session_id: &str) -> Result<(), SessionStoreError> {
        Ok(())
    }
}

fn greeting(session_id: &str, state: &SessionState) -> Result<Greeting, serde_json::Error> {
    let params = &state.initialize_params;
    let client = &params.client_info;
    let (name, version) = (cut(&client.name), cut(&client.version));
    let mut text = serde_json::to_string(state)?;
    if text.len() > GREETING {
        let mut short = InitializeRequestParams::new(
            ClientCapabilities::default(),
            Implementation::new(name.clone(), version.clone()),
        );
        short.protocol_version = params.protocol_version.clone();
        text = serde_json::to_string(&SessionState::new(short))?;
    }
    Ok(Greeting {
        id: Arc::from(session_id),
        state: text,
        client: json!({
            "name": name,
            "version": version,
            "protocol_version": params.protocol_version,
        }),
    })
}

fn cut(text: &str) -> String {
    text.chars().take(NAME).collect()
}
