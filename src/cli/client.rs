//! Where a command finds its gateway: at an address, behind the socket of the data directory, or in itself.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::app::{App, OpenError};
use crate::config::Config;
use crate::outbound::{Client, Events, OutboundError};
use crate::transport::rest::Service;

use super::{CliError, Exit};

/// The name of the socket in the data directory.
pub(super) const SOCKET: &str = "gateway.sock";
/// How long a command waits for another one to give up the data directory.
const TURN: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

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
        client: Client,
        /// What people call it.
        at: String,
    },
    /// This process, which owns the data directory for the length of the command.
    Own(Box<App>, Service),
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
        let begun = Instant::now();
        let config = without_traces(self.config);
        loop {
            match App::open(&config).await {
                Ok(app) => {
                    let service = app.command_service();
                    let service = service.with_key(self.config.api_key.clone());
                    return Ok(Gateway::Own(Box::new(app), service));
                }
                // An owner without a socket is another command, or a gateway that is about to open its doors.
                Err(OpenError::Owned(_)) if !self.is_served() && begun.elapsed() < TURN => {
                    tokio::time::sleep(LOOK).await;
                }
                Err(OpenError::Owned(_)) => return self.behind_socket(),
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// Whether a gateway listens on the socket of the data directory.
    pub(super) fn is_served(&self) -> bool {
        is_served(self.config)
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
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(CliError::Usage(format!(
                "`{base}` is not an address of a gateway: write http://HOST:PORT or https://HOST:PORT"
            )));
        }
        let client = Client::at(&base).map_err(|fault| unanswered(&fault, &base))?;
        let client = client.with_key(self.config.api_key.as_ref());
        Ok(Some(Gateway::Running { client, at: base }))
    }

    fn behind_socket(&self) -> Result<Gateway, CliError> {
        let socket = self.config.data_dir.join(SOCKET);
        let at = socket.display().to_string();
        let client = Client::behind(&socket).map_err(|fault| unanswered(&fault, &at))?;
        let client = client.with_key(self.config.api_key.as_ref());
        Ok(Gateway::Running { client, at })
    }
}

/// The configuration for the length of a command, which waits for no collector of traces.
pub(super) fn without_traces(config: &Config) -> Config {
    Config {
        traces: None,
        ..config.clone()
    }
}

/// Whether a gateway listens on the socket of the data directory, as far as this user can see.
pub(super) fn is_served(config: &Config) -> bool {
    served(config).unwrap_or(false)
}

/// Whether a gateway listens on the socket of the data directory.
///
/// # Errors
/// When this user cannot see that.
pub(super) fn served(config: &Config) -> io::Result<bool> {
    match UnixStream::connect(config.data_dir.join(SOCKET)) {
        Ok(_) => Ok(true),
        Err(fault) if is_silence(&fault) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Whether nobody listens, as far as anybody could tell.
fn is_silence(fault: &io::Error) -> bool {
    let kind = fault.kind();
    kind == ErrorKind::NotFound || kind == ErrorKind::ConnectionRefused
}

impl Gateway {
    /// Asks for a path.
    pub(super) async fn get(&self, path: &str) -> Result<Reply, CliError> {
        self.send("GET", path, None).await
    }

    /// Opens a stream of events; only a running gateway has one.
    pub(super) async fn events(&self, path: &str, after: Option<&str>) -> Result<Events, CliError> {
        match self {
            Self::Running { client, at } => client
                .events(path, after)
                .await
                .map_err(|fault| unanswered(&fault, at)),
            Self::Own(..) => Err(CliError::Usage(
                "no gateway is running that could be streamed from".to_owned(),
            )),
        }
    }

    /// Posts a body to a path.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Reply, CliError> {
        self.send("POST", path, Some(body)).await
    }

    /// Sends a request, with a body if there is one.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, CliError> {
        let json = body.map(Value::to_string);
        let (status, bytes) = match self {
            Self::Running { client, at } => client
                .send(method, path, json)
                .await
                .map_err(|fault| unanswered(&fault, at))?,
            Self::Own(_, service) => {
                let bytes = json.unwrap_or_default().into_bytes();
                service.ask(method, path, bytes).await
            }
        };
        Ok(Reply {
            status,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        })
    }

    /// Ends the command's own ownership of the data directory, if it has one.
    pub(super) async fn close(self) {
        match self {
            Self::Running { .. } => {}
            Self::Own(app, _) => app.close().await,
        }
    }
}

fn unanswered(fault: &OutboundError, at: &str) -> CliError {
    match fault {
        OutboundError::Unreachable(why) | OutboundError::Broken(why) => CliError::Unreachable {
            at: at.to_owned(),
            why: why.clone(),
        },
        OutboundError::NoClient(_) => CliError::Unexpected(fault.to_string()),
    }
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
            Some(Value::Array(problems)) => problems
                .iter()
                .filter_map(|problem| problem.get("msg")?.as_str())
                .collect::<Vec<_>>()
                .join("; "),
            _ => format!("the gateway answered {}", self.status),
        };
        let hint = self
            .body
            .get("hint")
            .and_then(Value::as_str)
            .map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
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
            OpenError::Owned(_) | OpenError::Policy(_) | OpenError::Store(_) => {
                Self::Config(error.to_string())
            }
            OpenError::Unsafe(text) => Self::Unsafe(text),
            OpenError::Internal(_) => Self::Unexpected(error.to_string()),
        }
    }
}

/// What a command ends with after it closed its gateway.
pub(super) async fn finish(
    gateway: Gateway,
    result: Result<Exit, CliError>,
) -> Result<Exit, CliError> {
    gateway.close().await;
    result
}
