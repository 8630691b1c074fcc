//! Listening on the address and the socket, and stopping without cutting anyone off.

mod accept; // who comes in
mod census; // how many are in
mod connection; // one of them
mod framing; // requests that can be read in two ways
mod tls; // what listeners show of themselves
mod watch; // what it is at
mod watched; // deadlines of its stream

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::rest::Service;
use accept::{Acceptor, Services};

pub use census::Limits;
pub(super) use connection::{Listener, OnlyHealth, OverTls};
pub(super) use framing::Unsound;
pub use tls::{Tls, TlsError};

/// How long calls may take to end once the server stops (`spec/operations.md`).
const DRAIN: Duration = Duration::from_secs(25);

/// Why a door does not open.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The socket of the data directory cannot be made.
    #[error("cannot listen on the socket `{path}`: {source}")]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What is listened on.
pub struct Doors {
    tcp: Option<TcpListener>,
    admin: Option<TcpListener>,
    socket: Option<(UnixListener, PathBuf)>,
    limits: Limits,
    tls: Option<Tls>,
}

impl Doors {
    /// Opens the address, and the socket of the data directory (mode 0600) if there is one.
    ///
    /// # Errors
    /// When either cannot be listened on.
    pub async fn open(host: &str, port: u16, socket: Option<&Path>) -> Result<Self, ServeError> {
        let tcp = TcpListener::bind((host, port))
            .await
            .map_err(|source| ServeError::Address {
                address: format!("{host}:{port}"),
                source,
            })?;
        let socket = socket.map(open_socket).transpose()?;
        let tcp = Some(tcp);
        Ok(Self {
            tcp,
            admin: None,
            socket,
            limits: Limits::default(),
            tls: None,
        })
    }

    /// Opens the socket of the data directory alone.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub fn behind(socket: &Path) -> Result<Self, ServeError> {
        let socket = Some(open_socket(socket)?);
        Ok(Self {
            tcp: None,
            admin: None,
            socket,
            limits: Limits::default(),
            tls: None,
        })
    }

    /// The same, with these limits for connections over TCP.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same, with a listener for administrators at this address (`HOST:PORT`) if there is one.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub async fn with_admin(self, address: Option<String>) -> Result<Self, ServeError> {
        let Some(address) = address else {
            return Ok(self);
        };
        let listener = TcpListener::bind(&address).await;
        let admin = listener.map_err(|source| ServeError::Address { address, source })?;
        Ok(Self {
            admin: Some(admin),
            ..self
        })
    }

    /// The same, speaking TLS over TCP if there is what it takes.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// The address, with the port that the system chose for port 0.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        match &self.tcp {
            Some(tcp) => tcp.local_addr(),
            None => Err(std::io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// The address of the listener for administrators, if there is one.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn admin_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(TcpListener::local_addr).transpose()
    }
}

fn open_socket(path: &Path) -> Result<(UnixListener, PathBuf), ServeError> {
    use std::os::unix::fs::PermissionsExt as _;
    let fault = |source| ServeError::Socket {
        path: path.to_owned(),
        source,
    };
    // What is left of an owner that was killed; the lock of the directory says that none lives.
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {}
        Err(other) => return Err(fault(other)),
    }
    let listener = UnixListener::bind(path).map_err(fault)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(fault)?;
    Ok((listener, path.to_owned()))
}

/// Serves until `stop` is cancelled, then lets running calls end, for 25 seconds at most.
pub async fn serve(doors: Doors, public: Service, local: Service, stop: CancellationToken) {
    let Doors {
        tcp,
        admin,
        socket,
        limits,
        tls,
    } = doors;
    let connections = TaskTracker::new();
    let services = Services { public, local };
    let acceptor = Acceptor::new(limits, services, tls.clone(), &stop, &connections);
    let following = async {
        if let Some(tls) = tls {
            stop.run_until_cancelled(tls.follow()).await;
        }
    };
    let apart = admin.is_some();
    let over_tcp = async {
        if let Some(listener) = tcp {
            let which = apart.then_some(Listener::Public);
            acceptor.over_tcp(listener, which).await;
        }
    };
    let of_admins = async {
        if let Some(listener) = admin {
            let which = Some(Listener::Admin);
            acceptor.over_tcp(listener, which).await;
        }
    };
    let through_socket = async {
        if let Some((listener, path)) = socket {
            acceptor.through_socket(listener).await;
            drop(std::fs::remove_file(path));
        }
    };
    tokio::join!(over_tcp, of_admins, through_socket, following);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            "calls that did not end within {} seconds were cut off",
            DRAIN.as_secs()
        );
    }
}
