//! Where a command finds its gateway: at an address, behind the socket of the data directory, or in itself.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::app::{App, OpenError};
use crate::config::Config;
use crate::outbound;

use super::{CliError, Exit};

/// The name of the socket in the data directory.
pub(super) const SOCKET: &str = "gateway.sock";

/// How to find the gateway.
pub(super) struct Find<'a> {
    /// The configuration of this process.
    pub(super) config: &'a Config,
    /// The address that was named.
    pub(super) url: Option<String>,
}

/// A gateway that was found.
pub(super) enum Gateway {
    /// A running one.
    Running {
        /// The client.
        client: reqwest::Client,
        /// What paths are appended to.
        base: String,
        /// What people call it.
        at: String,
    },
    /// This process, which owns the data directory for the length of the command.
    Own(Box<App>),
}

/// What a gateway answered.
pub(super) struct Reply {
    /// The status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: Value,
}

impl Find<'_> {
    /// The gateway that the command acts on; without a running one the process becomes the owner itself.
    pub(super) async fn gateway(&self) -> Result<Gateway, CliError> {
        if let Some(running) = self.named()? {
            return Ok(running);
        }
        match App::open(self.config).await {
            Ok(app) => Ok(Gateway::Own(Box::new(app))),
            Err(OpenError::Owned(_)) => self.behind_socket(),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The running gateway; there must be one.
    pub(super) fn running(&self) -> Result<Gateway, CliError> {
        match self.named()? {
            Some(running) => Ok(running),
            None => self.behind_socket(),
        }
    }

    /// Whether an address was named, so that files of this machine say nothing.
    pub(super) const fn is_remote(&self) -> bool {
        self.url.is_some()
    }

    fn named(&self) -> Result<Option<Gateway>, CliError> {
        let Some(url) = &self.url else { return Ok(None) };
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") {
            return Err(CliError::Usage(format!("`{base}` is not an address of a gateway: write http://HOST:PORT (https is not supported yet)")));
        }
        let client = outbound::client().map_err(|fault| CliError::Unexpected(fault.to_string()))?;
        Ok(Some(Gateway::Running { client, at: base.clone(), base }))
    }

    fn behind_socket(&self) -> Result<Gateway, CliError> {
        let socket = self.config.data_dir.join(SOCKET);
        let client = outbound::socket_client(&socket).map_err(|fault| CliError::Unexpected(fault.to_string()))?;
        Ok(Gateway::Running { client, base: "http://localhost".to_owned(), at: socket.display().to_string() })
    }
}

impl Gateway {
    /// Asks for a path.
    pub(super) async fn get(&self, path: &str) -> Result<Reply, CliError> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a body to a path.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Reply, CliError> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Ends the command's own ownership of the data directory, if it has one.
    pub(super) async fn close(self) {
        match self {
            Self::Running { .. } => {}
            Self::Own(app) => app.close().await,
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, CliError> {
        let unexpected = |fault: &dyn std::fmt::Display| CliError::Unexpected(fault.to_string());
        let text = body.map(Value::to_string).unwrap_or_default();
        match self {
            Self::Running { client, base, at } => {
                let mut request = client.request(method, format!("{base}{path}"));
                if body.is_some() {
                    request = request.header(header::CONTENT_TYPE, "application/json").body(text);
                }
                let reply = request.send().await.map_err(|fault| CliError::Unreachable { at: at.clone(), why: cause(&fault) })?;
                let status = reply.status().as_u16();
                let bytes = reply.bytes().await.map_err(|fault| unexpected(&fault))?;
                Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
            }
            Self::Own(app) => {
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(Body::from(text))
                    .map_err(|fault| unexpected(&fault))?;
                let reply = app.command_router().oneshot(request).await.map_err(|fault| unexpected(&fault))?;
                let status = reply.status().as_u16();
                let bytes = axum::body::to_bytes(reply.into_body(), usize::MAX).await.map_err(|fault| unexpected(&fault))?;
                Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
            }
        }
    }
}

/// The innermost reason, which is the one that helps.
fn cause(fault: &dyn std::error::Error) -> String {
    let mut inner = fault;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

impl Reply {
    /// The body of a success.
    ///
    /// # Errors
    /// What the gateway said instead.
    pub(super) fn success(self) -> Result<Value, CliError> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let detail = match self.body.get("detail") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(problems)) => {
                problems.iter().filter_map(|problem| problem.get("msg")?.as_str()).collect::<Vec<_>>().join("; ")
            }
            _ => format!("the gateway answered {}", self.status),
        };
        let hint = self.body.get("hint").and_then(Value::as_str).map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
        let text = super::output::plain(&format!("{detail}{hint}"));
        Err(match self.status {
            400..=499 if self.status == 403 || self.status == 401 => CliError::Denied(text),
            400..=499 => CliError::Usage(text),
            _ => CliError::Unexpected(text),
        })
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Owned(_) | OpenError::Policy(_) | OpenError::Store(_) => Self::Config(error.to_string()),
            OpenError::Internal(_) => Self::Unexpected(error.to_string()),
        }
    }
}

/// What a command ends with after it closed its gateway.
pub(super) async fn finish(gateway: Gateway, result: Result<Exit, CliError>) -> Result<Exit, CliError> {
    gateway.close().await;
    result
}
