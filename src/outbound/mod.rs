//! The one HTTP client: whatever leaves this process over HTTP leaves here.

use std::path::Path;
use std::time::Duration;

/// How long an answer may take; verifying a long trail takes longest.
const DEADLINE: Duration = Duration::from_mins(5);

/// Why a gateway gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// Nobody answers there.
    #[error("{0}")]
    Unreachable(String),
    /// The system gives no client.
    #[error("no HTTP client: {0}")]
    NoClient(String),
}

/// A client of one gateway.
pub struct Client {
    inner: reqwest::Client,
    base: String,
}

impl Client {
    /// A client of the gateway at this address, `http://HOST:PORT`.
    ///
    /// # Errors
    /// When the system gives no client.
    pub fn at(base: &str) -> Result<Self, OutboundError> {
        Self::build(builder(), base)
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
        })
    }

    /// Asks for a path; the status and the body of the answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn get(&self, path: &str) -> Result<(u16, Vec<u8>), OutboundError> {
        Self::send(self.inner.get(format!("{}{path}", self.base))).await
    }

    /// Sends JSON to a path; the status and the body of the answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post(&self, path: &str, json: String) -> Result<(u16, Vec<u8>), OutboundError> {
        Self::send(with_json(
            self.inner.post(format!("{}{path}", self.base)),
            json,
        ))
        .await
    }

    /// Sends JSON to a path as a change of what is there; the status and the body of the answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn patch(&self, path: &str, json: String) -> Result<(u16, Vec<u8>), OutboundError> {
        Self::send(with_json(
            self.inner.patch(format!("{}{path}", self.base)),
            json,
        ))
        .await
    }

    async fn send(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), OutboundError> {
        let unreachable = |fault: reqwest::Error| OutboundError::Unreachable(innermost(&fault));
        let reply = request.send().await.map_err(unreachable)?;
        let status = reply.status().as_u16();
        Ok((status, reply.bytes().await.map_err(unreachable)?.to_vec()))
    }
}

fn with_json(request: reqwest::RequestBuilder, json: String) -> reqwest::RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(json)
}

fn builder() -> reqwest::ClientBuilder {
    // A gateway never redirects, and a proxy of the environment has no business between a command and its gateway.
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(DEADLINE)
}

/// The innermost reason, which is the one that helps.
fn innermost(fault: &dyn std::error::Error) -> String {
    let mut inner = fault;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
