//! Listening on the address and the socket, and stopping without cutting anyone off.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::rest::Service;

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
    /// A door broke while it was open.
    #[error("a door broke: {0}")]
    Broken(std::io::Error),
}

/// What is listened on.
pub struct Doors {
    tcp: Option<TcpListener>,
    socket: Option<(UnixListener, PathBuf)>,
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
        Ok(Self { tcp, socket })
    }

    /// Opens the socket of the data directory alone.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub fn behind(socket: &Path) -> Result<Self, ServeError> {
        let socket = Some(open_socket(socket)?);
        Ok(Self { tcp: None, socket })
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
///
/// # Errors
/// When a door breaks.
pub async fn serve(
    doors: Doors,
    public: Service,
    local: Service,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let late = {
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        }
    };
    tokio::select! {
        served = serve_both(doors, public, local, stop) => served,
        () = late => {
            tracing::warn!("calls that did not end within {} seconds were cut off", DRAIN.as_secs());
            Ok(())
        }
    }
}

async fn serve_both(
    doors: Doors,
    public: Service,
    local: Service,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let Doors { tcp, socket } = doors;
    let told = stop.clone();
    let over_http = async move {
        let Some(tcp) = tcp else { return Ok(()) };
        // Without this an answer may wait for the acknowledgement of the one before.
        let tcp = tcp.tap_io(|stream| drop(stream.set_nodelay(true)));
        let service = public.0.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(tcp, service)
            .with_graceful_shutdown(told.cancelled_owned())
            .await
    };
    let through_socket = async move {
        let Some((listener, path)) = socket else {
            return Ok(());
        };
        let served = axum::serve(listener, local.0)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        drop(std::fs::remove_file(path));
        served
    };
    tokio::try_join!(over_http, through_socket)
        .map(|_| ())
        .map_err(ServeError::Broken)
}
