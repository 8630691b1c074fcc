//! `serve`: opens the doors, says where they are, and stops without cutting anyone off.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, FirstKey, OpenError};
use crate::config::{AuthMode, Config, Transport};
use crate::domain::LocalRole;
use crate::transport::{Doors, Limits, ServeError, Tls, TlsError, serve};

use super::client::SOCKET;
use super::descriptors::make_room_for;
use super::stdio::{self, At, Identity, Reach};
use super::{CliError, Exit};

/// How long callers that wait for a broken trail get to hear of it.
const LAST_WORDS: Duration = Duration::from_millis(300);

pub(super) async fn run(config: &Config) -> Result<Exit, CliError> {
    make_room_for(config.connections);
    let tls = tls(config)?;
    let app = App::open(config).await?;
    app.check_lockdown_file().await;
    let socket = app.data_dir().join(SOCKET);
    let unusable = |fault: &dyn std::fmt::Display| CliError::Config(fault.to_string());
    // Before the doors: a signal that comes as soon as they are open must end it in order, too.
    let mut signals = Signals::listen()?;
    let doors = match open_doors(config, &socket).await {
        Ok(doors) => doors.with_tls(tls),
        Err(fault) => {
            app.close().await;
            return Err(unusable(&fault));
        }
    };
    let mut tasks = app.start_tasks();
    let first = match keys(config, &app).await {
        Ok(first) => first,
        Err(fault) => {
            tasks.shutdown().await;
            app.close().await;
            return Err(fault.into());
        }
    };
    announce(config, &app, &doors, &first)?;
    let stop = app.stopping();
    let told = stop.clone();
    tasks.spawn(async move {
        signals.wait().await;
        tracing::info!("stopping: running calls end first");
        told.cancel();
    });
    if config.transport == Transport::Both {
        let at = At::Socket(Identity::local(config.mcp_role));
        let reach = Reach::to(at, config.clone());
        let told = stop.clone().cancelled_owned();
        tokio::spawn(stdio::carry(reach, config.body_limit, told));
    }
    tokio::select! {
        () = serve(doors, app.public_service(), app.command_service(), stop) => {}
        fatal = app.broken() => {
            tracing::error!(%fatal, "the process ends");
            tokio::time::sleep(LAST_WORDS).await;
            return Ok(Exit::Unexpected);
        }
    }
    tasks.shutdown().await;
    app.close().await;
    Ok(Exit::Ok)
}

/// Sees to the keys that files give, and to the first administrator's.
async fn keys(config: &Config, app: &App) -> Result<FirstKey, OpenError> {
    app.take_catalog_key(config).await?;
    app.first_key(config, std::io::stderr().is_terminal()).await
}

/// The doors that are configured.
async fn open_doors(config: &Config, socket: &Path) -> Result<Doors, ServeError> {
    let doors = Doors::open(&config.host, config.port, Some(socket)).await?;
    let admin = config.admin.as_ref().map(ToString::to_string);
    doors.with_limits(limits(config)).with_admin(admin).await
}

/// What the listeners show, if they speak TLS.
fn tls(config: &Config) -> Result<Option<Tls>, CliError> {
    let Some(files) = &config.tls else {
        return Ok(None);
    };
    let refused = |fault: TlsError| {
        if fault.is_unsafe() {
            CliError::Unsafe(fault.to_string())
        } else {
            CliError::Config(fault.to_string())
        }
    };
    Tls::load(&files.cert, &files.key)
        .map(Some)
        .map_err(refused)
}

/// How many connections over TCP are held, as configured.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        connections: config.connections,
        per_address: config.per_address,
        trusted_proxies: config.trusted_proxies.clone(),
    }
}

/// What asks the gateway to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Until the first.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A few lines: what runs, where the doors are, who is believed to be who.
fn announce(config: &Config, app: &App, doors: &Doors, first: &FirstKey) -> std::io::Result<()> {
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let (shown, everywhere) = reached_at(doors.address()?);
    let base = format!("{scheme}://{shown}");
    let admin = match doors.admin_address()? {
        None => String::new(),
        Some(address) => format!(
            "\n  ADMIN   {scheme}://{address}  (keys, users, GET /metrics; nowhere else over the network)"
        ),
    };
    let situation = app.gate.situation();
    let bundle = situation.engine.bundle();
    let locked = if situation.lockdown.on {
        "\n  LOCKDOWN is on: lift it with `policyguard lockdown off`"
    } else {
        ""
    };
    let models = match config.mcp_role {
        LocalRole::Agent => "",
        LocalRole::Operator => "\n  MODELS over MCP may do what an operator may (mcp.role)",
        LocalRole::Admin => "\n  MODELS over MCP may do what an admin may (mcp.role)",
    };
    // In one piece: whoever waits for it has then read all of it.
    let banner = format!(
        "policyguard {version}\n\
         \x20 REST    {base}  (POST /tools/execute, GET /tools/catalog, GET /policy/status)\n\
         \x20 MCP     {base}/mcp, or `policyguard stdio` as a client's command{everywhere}{admin}\n\
         \x20 CLI     policyguard mode | lockdown | audit, through {socket}\n\
         \x20 policy  `{name}` version {policy}, from {from}; mode {mode}{locked}\n\
         \x20 auth    {auth}{models}",
        version = env!("CARGO_PKG_VERSION"),
        socket = config.data_dir.join(SOCKET).display(),
        name = bundle.name,
        policy = situation.engine.version(),
        from = app.policy_place(),
        mode = situation.modes.mode,
        auth = auth(config, first),
    );
    std::io::stderr().write_all(format!("{banner}\n").as_bytes())
}

/// Where callers of this machine find what listens at the address, and whether others find it too.
fn reached_at(address: SocketAddr) -> (String, String) {
    if address.ip().is_unspecified() {
        let port = address.port();
        let others = format!("\n  OPEN    on every address of this machine ({address})");
        return (format!("localhost:{port}"), others);
    }
    (address.to_string(), String::new())
}

/// Who is believed to be who, and how the first administrator gets in.
fn auth(config: &Config, first: &FirstKey) -> String {
    if config.auth == AuthMode::Local {
        return "local: whoever runs as this user is the operator over REST; do not expose this port"
            .to_owned();
    }
    let who = if config.insecure {
        "INSECURE: callers without a credential are agent `anonymous` with trust low"
    } else {
        "credentials: every caller shows a key"
    };
    let first = match first {
        FirstKey::NotNeeded => String::new(),
        FirstKey::Configured(file) => {
            format!("\n  FIRST   admin key: the one in {}", file.display())
        }
        FirstKey::InFile(file) => format!(
            "\n  FIRST   admin key: in {}, until it is used or for 24 h",
            file.display()
        ),
        FirstKey::Shown(key) => format!("\n  FIRST   admin key: {key}  (for 24 h, kept nowhere)"),
    };
    format!("{who}{first}")
}
