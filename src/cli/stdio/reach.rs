//! The gateway behind standard input and output: a named one, the owner of the data directory, or this process.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use tokio_util::sync::CancellationToken;

use crate::app::{App, OpenError};
use crate::config::Config;
use crate::domain::LocalRole;
use crate::outbound::{Client, Headers, OutboundError};
use crate::transport::{Doors, serve};

use super::super::client::SOCKET;
use super::super::{CliError, client::is_served};

/// How long an owner may take to open its doors, or to give the directory up.
const TURN: Duration = Duration::from_secs(30);
/// How often that is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// As whom messages are sent
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Identity {
    /// The agent as which calls are made
    #[arg(long, value_name = "ID", default_value = "local")]
    pub(in crate::cli) agent: String,
    /// What it may do with the gateway: agent, operator or admin
    #[arg(long, value_name = "ROLE", default_value = "agent", value_parser = roles())]
    pub(in crate::cli) role: LocalRole,
}

impl Identity {
    /// The agent of this machine, in this role.
    pub(in crate::cli) fn local(role: LocalRole) -> Self {
        Self {
            agent: "local".to_owned(),
            role,
        }
    }
}

/// Reads a role, and names those that there are to whoever asks for help.
fn roles() -> impl TypedValueParser<Value = LocalRole> {
    PossibleValuesParser::new(LocalRole::ALL.map(LocalRole::as_str))
        .map(|role| LocalRole::parse(&role).unwrap_or_default())
}

/// Where the gateway is.
pub(in crate::cli) enum At {
    /// At this address.
    Url(String),
    /// Behind the socket of the data directory, as this caller.
    Socket(Identity),
}

/// The way to the gateway.
pub(in crate::cli) struct Reach {
    at: At,
    config: Config,
    client: RwLock<Option<Arc<Client>>>,
    /// This process as the owner; held while somebody looks for the gateway.
    own: tokio::sync::Mutex<Option<Own>>,
}

/// This process, serving its data directory to others through the socket.
struct Own {
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Reach {
    /// The way to this gateway; it is looked for when it is first needed.
    pub(in crate::cli) fn to(at: At, config: Config) -> Self {
        Self {
            at,
            config,
            client: RwLock::default(),
            own: tokio::sync::Mutex::default(),
        }
    }

    /// Finds the gateway, or becomes it.
    ///
    /// # Errors
    /// When the data directory cannot be opened, or its owner does not answer.
    pub(super) async fn find(&self) -> Result<(), CliError> {
        let mut own = self.own.lock().await;
        let client = match &self.at {
            At::Url(url) => Client::at(url),
            At::Socket(_) => {
                if own.as_ref().is_none_or(|own| own.serving.is_finished()) {
                    *own = self.become_owner().await?;
                }
                Client::behind(&self.config.data_dir.join(SOCKET))
            }
        };
        let client = client.map_err(|fault| CliError::Unexpected(fault.to_string()))?;
        let client = client.with_key(self.config.api_key.as_ref());
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(client));
        Ok(())
    }

    /// Opens the data directory, if nobody else has it.
    async fn become_owner(&self) -> Result<Option<Own>, CliError> {
        let socket = self.config.data_dir.join(SOCKET);
        let begun = Instant::now();
        loop {
            if is_served(&self.config) {
                return Ok(None);
            }
            match App::open(&self.config).await {
                Ok(app) => {
                    app.check_lockdown_file().await;
                    let doors = Doors::behind(&socket);
                    let doors = doors.map_err(|fault| CliError::Config(fault.to_string()))?;
                    return Ok(Some(Own::of(app, doors)));
                }
                Err(OpenError::Owned(_)) if begun.elapsed() < TURN => {
                    tokio::time::sleep(LOOK).await;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// A client of the gateway.
    pub(super) async fn client(&self) -> Result<Arc<Client>, OutboundError> {
        let found = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match found {
            Some(client) => Ok(client),
            None => self.again().await,
        }
    }

    /// A client of the gateway, looked for once more.
    pub(super) async fn again(&self) -> Result<Arc<Client>, OutboundError> {
        let found = self.find().await;
        found.map_err(|fault| OutboundError::Unreachable(fault.to_string()))?;
        let client = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        client.ok_or_else(|| OutboundError::Unreachable("no gateway".to_owned()))
    }

    /// What tells the owner behind the socket who calls.
    pub(super) fn identity(&self) -> Headers {
        match &self.at {
            At::Url(_) => Headers::new(),
            At::Socket(identity) => vec![
                ("x-policyguard-agent", identity.agent.clone()),
                ("x-policyguard-role", identity.role.as_str().to_owned()),
            ],
        }
    }

    /// Gives the data directory up, with everything on disk, if this process has it.
    pub(super) async fn leave(&self) {
        let own = self.own.lock().await.take();
        if let Some(own) = own {
            own.stop.cancel();
            if let Err(broken) = own.serving.await {
                tracing::error!(%broken, "the gateway did not stop in order");
            }
        }
    }
}

impl Own {
    fn of(app: App, doors: Doors) -> Self {
        let stop = app.stopping();
        let told = stop.clone();
        let serving = tokio::spawn(async move {
            let mut tasks = app.start_tasks();
            tokio::select! {
                () = serve(doors, app.public_service(), app.command_service(), told) => {}
                fatal = app.broken() => {
                    tracing::error!(%fatal, "the gateway ends");
                    return;
                }
            }
            tasks.shutdown().await;
            app.close().await;
        });
        Self { stop, serving }
    }
}
