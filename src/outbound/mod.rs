//! The one HTTP client: whatever leaves this process over HTTP leaves here.

mod events; // what comes over a stream
mod key_sets; // keys of token issuers
mod message; // JSON-RPC
mod spans; // traces for a collector

use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};

use crate::domain::Secret;

/// How long an answer may take; verifying a long trail takes longest.
const DEADLINE: Duration = Duration::from_mins(5);

/// How long a stream may take to open.
const OPENING: Duration = Duration::from_secs(30);
/// How long a stream may be silent: it has a heartbeat every 15 seconds.
const SILENCE: Duration = Duration::from_mins(1);

pub use events::{Event, EventReader};
pub use key_sets::{KeySets, check_key_address};
pub use message::Headers;
pub use spans::{Collector, check_collector, check_header};

/// Why a gateway gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// Nobody answers there.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke after the request was sent.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The system gives no client.
    #[error("no HTTP client: {0}")]
    NoClient(String),
}

/// A client of one gateway.
pub struct Client {
    inner: reqwest::Client,
    base: String,
    /// What is shown as credential.
    key: Option<HeaderValue>,
}

impl Client {
    /// A client of the gateway at this address, `http://HOST:PORT` or `https://HOST:PORT`.
    ///
    /// # Errors
    /// When the system gives no client.
    pub fn at(base: &str) -> Result<Self, OutboundError> {
        let builder = if base.starts_with("https:") {
            commonly().timeout(DEADLINE)
        } else {
            builder()
        };
        Self::build(builder, base)
    }

    /// A client of the gateway behind this socket.
    ///
    /// # Errors
    /// When the system gives no client.
    pub fn behind(socket: &Path) -> Result<Self, OutboundError> {
        Self::build(builder().unix_socket(socket), "http://localhost")
    }

    fn build(builder: reqwest::ClientBuilder, base: &str) -> Result<Self, OutboundError> {
        let inner = builder
            .build()
            .map_err(|fault| OutboundError::NoClient(innermost(&fault)))?;
        Ok(Self {
            inner,
            base: base.to_owned(),
            key: None,
        })
    }

    /// The same, asking with this key; what no header can hold is no key.
    #[must_use]
    pub fn with_key(mut self, key: Option<&Secret>) -> Self {
        let bearer = |key: &Secret| {
            let bytes = [b"Bearer ", key.expose()].concat();
            let mut value = HeaderValue::from_bytes(&bytes).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        self.key = key.and_then(bearer);
        self
    }

    /// A request that shows the key.
    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.inner.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, key),
            None => request,
        }
    }

    /// Opens a stream of events, behind the event of this id if one is named.
    ///
    /// # Errors
    /// When nobody answers within half a minute.
    pub async fn events(&self, path: &str, after: Option<&str>) -> Result<Events, OutboundError> {
        let mut request = self.request(reqwest::Method::GET, path);
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let request = request.timeout(Duration::MAX).send();
        let reply = tokio::time::timeout(OPENING, request)
            .await
            .map_err(|_| OutboundError::Unreachable("no answer in time".to_owned()))?
            .map_err(|fault| OutboundError::Unreachable(innermost(&fault)))?;
        Ok(Events { reply })
    }

    /// Sends a request, with JSON if there is any; the status and the body of the answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        json: Option<String>,
    ) -> Result<(u16, Vec<u8>), OutboundError> {
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        let mut request = self.request(method, path);
        if let Some(json) = json {
            request = request
                .header("content-type", "application/json")
                .body(json);
        }
        let unreachable = |fault: reqwest::Error| OutboundError::Unreachable(innermost(&fault));
        let reply = request.send().await.map_err(unreachable)?;
        let status = reply.status().as_u16();
        Ok((status, reply.bytes().await.map_err(unreachable)?.to_vec()))
    }
}

/// A stream of events that was answered.
pub struct Events {
    reply: reqwest::Response,
}

impl Events {
    /// The status of the answer; only 200 is followed by events.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.reply.status().as_u16()
    }

    /// The next bytes, or `None` at the end.
    ///
    /// # Errors
    /// When nothing came for longer than heartbeats take, or the connection broke.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, OutboundError> {
        let chunk = tokio::time::timeout(SILENCE, self.reply.chunk())
            .await
            .map_err(|_| OutboundError::Unreachable("the stream fell silent".to_owned()))?
            .map_err(|fault| OutboundError::Unreachable(innermost(&fault)))?;
        Ok(chunk.map(|bytes| bytes.to_vec()))
    }
}

/// For gateways over plain HTTP or a socket.
fn builder() -> reqwest::ClientBuilder {
    without_certificates().timeout(DEADLINE)
}

/// What every client has in common.
fn commonly() -> reqwest::ClientBuilder {
    // Nobody whom we ask redirects, and a proxy of the environment has no business between us and them.
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
}

/// For what is not TLS: reading the machine's certificates takes time, and an image may have none.
fn without_certificates() -> reqwest::ClientBuilder {
    commonly().tls_certs_only([])
}

/// The innermost reason, which is the one that helps.
fn innermost(fault: &dyn std::error::Error) -> String {
    let mut inner = fault;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
