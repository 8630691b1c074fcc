//! A gateway in this process, with a port of its own.

use std::path::Path;

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::{App, Fatal};
use crate::cli::CliError;
use crate::cli::client::{Gateway, SOCKET};
use crate::cli::serve::limits;
use crate::config::Config;
use crate::outbound::Client;
use crate::transport::{Doors, serve};

/// A gateway that is asked over HTTP like any other.
pub(super) struct Running {
    app: App,
    gateway: Gateway,
    address: String,
    port: u16,
    tasks: JoinSet<()>,
    served: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    /// Opens the gateway of this configuration and its doors.
    pub(super) async fn open(config: &Config) -> Result<Self, CliError> {
        let app = App::open(config).await?;
        match Self::doors(config, &app).await {
            Ok((doors, gateway, port)) => {
                let stop = app.stopping();
                let tasks = app.start_tasks();
                let (public, local) = (app.public_service(), app.command_service());
                Ok(Self {
                    served: tokio::spawn(serve(doors, public, local, stop.clone())),
                    address: base(port),
                    app,
                    gateway,
                    port,
                    tasks,
                    stop,
                })
            }
            Err(fault) => {
                app.close().await;
                Err(fault)
            }
        }
    }

    async fn doors(config: &Config, app: &App) -> Result<(Doors, Gateway, u16), CliError> {
        let socket = app.data_dir().join(SOCKET);
        let doors = Doors::open(&config.host, config.port, Some(&socket))
            .await
            .map_err(|fault| CliError::Config(fault.to_string()))?
            .with_limits(limits(config));
        let port = doors.address()?.port();
        let client =
            Client::at(&base(port)).map_err(|fault| CliError::Unexpected(fault.to_string()))?;
        let at = base(port);
        Ok((doors, Gateway::Running { client, at }, port))
    }

    /// How it is reached.
    pub(super) const fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Its address, for a reader.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Where it keeps its state.
    pub(super) fn data_dir(&self) -> &Path {
        self.app.data_dir()
    }

    /// Its port.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Waits until its trail breaks for good.
    pub(super) async fn broken(&self) -> Fatal {
        self.app.broken().await
    }

    /// Ends it in order: what is on record is on disk, and nothing writes any more.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        drop(self.gateway);
        drop(self.served.await);
        self.tasks.shutdown().await;
        self.app.close().await;
    }
}

fn base(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
