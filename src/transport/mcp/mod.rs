//! MCP: one more door of the same road; no tool, rule or record is written here (`spec/mcp.md`).
#![expect(
    deprecated,
    reason = "the library marks what the newest revision left out; clients of older ones use it"
)]

mod answer; // from an answer of the road to a result
mod bare; // calls that need nothing of the library
mod calls; // a call on the road, with a way back
mod door; // `/mcp`: which service reads a request, and errors in JSON-RPC
mod fault; // those errors
mod guide; // what there is beside tools: policies to read, a guide to decisions
mod handler; // what every revision asks of a server
mod line; // the way back from a tool to its client
mod listed; // tools as MCP shows them
mod native; // answers in MCP's own words
mod sessions; // sessions that outlive the process
mod spans; // calls as spans, in the words of MCP
mod shelves; // resources and prompts of backends
mod state; // what clients keep for tools that ask back
mod wishes; // what a session asked to be told
mod watch; // tells clients when what they may see has changed

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::Tool;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{AgentId, TrustLevel};
use crate::pipeline::{Answer, Call, Caller, Credentials, Decision, Door, Pipeline, Unanswered};
use crate::telemetry::{Span, Traces};
use crate::transport::running::Running;

pub(super) use door::{PATH, routes};
pub(super) use fault::refusal;
pub use state::States;

/// How often an open stream hears from us, so that nobody between takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What the door needs.
pub struct Parts {
    /// The road.
    pub pipeline: Arc<Pipeline>,
    /// The calls that run; stopping waits for them.
    pub running: TaskTracker,
    /// Cancelled when the server stops, so that streams end.
    pub stop: CancellationToken,
    /// Through which door calls come: MCP over HTTP, or the socket behind stdio.
    pub door: Door,
    /// The longest message, in bytes.
    pub body_limit: usize,
    /// How long a session that nobody uses stays in memory; the store keeps it longer.
    pub session_idle: Duration,
    /// What clients keep for tools that ask back; one for all doors of a gateway, so that each is taken back once.
    pub states: Arc<States>,
    /// Where spans are recorded.
    pub traces: Traces,
}

/// The MCP door.
pub struct Mcp {
    road: Arc<Road>,
    door: Door,
    body_limit: usize,
    /// For calls that stand alone: bare ones, and those of the revision without sessions.
    alone: StreamableHttpService<Arc<handler::Handler>, NeverSessionManager>,
    /// For sessions.
    in_session: StreamableHttpService<Arc<handler::Handler>, LocalSessionManager>,
    workers: Arc<LocalSessionManager>,
    traces: Traces,
}

/// Who sent a request; travels with it to the handler.
#[derive(Debug, Clone)]
struct Guest {
    caller: Caller,
    credentials: Credentials,
    /// Who that is.
    agent_id: AgentId,
    /// The session that it speaks in.
    session: Option<Arc<str>>,
    /// The span of its call, if it is one.
    span: Span,
}

/// A tool that is offered here.
struct Offered {
    /// As MCP words it.
    tool: Tool,
    /// Whether it answers in MCP's own words.
    in_mcp: bool,
}

/// The road as this door sees it.
struct Road {
    pipeline: Arc<Pipeline>,
    running: TaskTracker,
    stop: CancellationToken,
    /// What of the catalogue is offered here, as MCP words it.
    tools: HashMap<Arc<str>, Offered>,
    states: Arc<States>,
    /// What sessions asked to be told.
    wishes: Mutex<wishes::Wishes>,
}

impl Road {
    /// Takes a call down the road; `None` when its client cancelled it, which breaks nothing off.
    async fn take(
        &self,
        call: Call,
        cancelled: &CancellationToken,
    ) -> Option<Result<Answer, Unanswered>> {
        tokio::select! {
            end = Running::new(&self.pipeline, &self.running, call) => Some(end),
            () = cancelled.cancelled() => None,
        }
    }

    /// The tools that the guest is shown, in the order of lists.
    fn shown(&self, guest: &Guest) -> Result<Vec<Tool>, Unanswered> {
        let shown = self.pipeline.tools_for(&guest.caller, &guest.credentials)?;
        let names = shown.into_iter().map(|tool| &tool.facts.name);
        Ok(names
            .filter_map(|name| Some(self.tools.get(name)?.tool.clone()))
            .collect())
    }

    /// Whether the tool answers in MCP's own words.
    fn is_in_mcp(&self, tool: &str) -> bool {
        self.tools.get(tool).is_some_and(|offered| offered.in_mcp)
    }

    /// Whether the caller may learn why it was denied: of a tool that it is shown, or one of medium trust of any.
    fn may_know(&self, decision: &Decision) -> bool {
        let principal = &decision.request().principal;
        principal.trust >= TrustLevel::Medium
            || self
                .pipeline
                .is_shown(principal, &decision.request().resource.name)
    }
}

impl Mcp {
    /// The door to this road.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            pipeline,
            running,
            stop,
            door,
            body_limit,
            session_idle,
            states,
            traces,
        } = parts;
        let tools = listed::tools(pipeline.catalog().definitions());
        let road = Arc::new(Road {
            pipeline,
            running,
            stop: stop.clone(),
            tools,
            states,
            wishes: Mutex::default(),
        });
        let handler = Arc::new(handler::Handler::new(Arc::clone(&road)));
        let serve = move || Ok(Arc::clone(&handler));
        // Hosts and origins are looked at by the guard around every route, bodies before they come here. Older
        // clients take the event that primes a stream for a broken message, so there is none.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_sse_keep_alive(Some(KEEP_ALIVE))
            .with_sse_retry(None)
            .with_max_request_body_bytes(body_limit)
            .with_cancellation_token(stop);
        let mut workers = LocalSessionManager::default();
        workers.session_config.keep_alive = Some(session_idle);
        workers.session_config.sse_retry = None;
        let workers = Arc::new(workers);
        let mut kept = config.clone();
        kept.session_store = Some(Arc::new(sessions::Kept::new(Arc::clone(&road))));
        Self {
            alone: StreamableHttpService::new(
                serve.clone(),
                Arc::default(),
                config
                    .with_legacy_session_mode(false)
                    .with_json_response(true),
            ),
            in_session: StreamableHttpService::new(serve, Arc::clone(&workers), kept),
            road,
            door,
            body_limit,
            workers,
            traces,
        }
    }
}
