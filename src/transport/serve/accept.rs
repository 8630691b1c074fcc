//! Who comes in: every connection gets a place, or is told that there is none.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::census::{Census, Limits};
use super::connection::{self, Listener, Peer, Shared};
use super::tls::Tls;
use super::watch::DEADLINES;
use crate::transport::held::Held;
use crate::transport::metrics::DoorMetrics;
use crate::transport::rest::Service;

/// How long accepting rests when the system has no descriptor for another connection.
const REST: Duration = Duration::from_millis(100);
/// What somebody hears for whom there is no place.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain\r\ncontent-length: 49\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
    too many connections; try again in a little while";
/// How many are told so at the same time; the others are cut off without a word.
const TOLD: usize = 64;
/// How long telling may take.
const TELLING: Duration = Duration::from_secs(1);

/// Places of the admin listener, those for health among them: whoever fills the other one takes none of these.
const FOR_ADMINS: usize = 64;

/// What is behind the doors.
pub(super) struct Services {
    /// For who comes over the network.
    pub(super) public: Service,
    /// For who comes through the socket.
    pub(super) local: Service,
}

/// Takes connections in.
pub(super) struct Acceptor {
    census: Arc<Census>,
    admins: Arc<Census>,
    metrics: DoorMetrics,
    public: Shared,
    local: Shared,
    tls: Option<Tls>,
    stop: CancellationToken,
    connections: TaskTracker,
    telling: Arc<Semaphore>,
}

impl Acceptor {
    pub(super) fn new(
        limits: Limits,
        services: Services,
        tls: Option<Tls>,
        stop: &CancellationToken,
        connections: &TaskTracker,
    ) -> Self {
        let Services { public, local } = services;
        let metrics = public.metrics().clone();
        let for_admins = Limits {
            connections: FOR_ADMINS,
            per_address: None,
            trusted_proxies: Vec::new(),
        };
        let held = Arc::new(Held::at_most(public.most_held()));
        let shared = |service| Shared {
            service,
            held: Arc::clone(&held),
            stop: stop.clone(),
        };
        Self {
            census: Census::new(limits, metrics.clone()),
            admins: Census::new(for_admins, metrics.clone()),
            metrics,
            public: shared(public),
            local: shared(local),
            tls,
            stop: stop.clone(),
            connections: connections.clone(),
            telling: Arc::new(Semaphore::new(TOLD)),
        }
    }

    /// Takes in who comes over the network, until the server stops.
    pub(super) async fn over_tcp(&self, listener: TcpListener, which: Option<Listener>) {
        loop {
            let (stream, address) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        rest_after(&error).await;
                        continue;
                    }
                },
                () = self.stop.cancelled() => return,
            };
            // Without this an answer may wait for the acknowledgement of the one before.
            drop(stream.set_nodelay(true));
            self.take_in(stream, address, which);
        }
    }

    fn take_in(&self, stream: TcpStream, address: SocketAddr, listener: Option<Listener>) {
        let census = match listener {
            Some(Listener::Admin) => &self.admins,
            Some(Listener::Public) | None => &self.census,
        };
        let Some(place) = census.place(address.ip()) else {
            self.turn_away(stream);
            return;
        };
        let peer = Peer {
            address: Some(address),
            only_health: place.is_for_health(),
            listener,
            over_tls: self.tls.is_some(),
        };
        let (shared, tls) = (self.public.clone(), self.tls.clone());
        self.connections.spawn(async move {
            match tls {
                None => connection::serve(stream, peer, shared).await,
                Some(tls) => serve_over(&tls, stream, peer, shared).await,
            }
            drop(place);
        });
    }

    fn turn_away(&self, mut stream: TcpStream) {
        self.metrics.turned_away();
        // A handshake for somebody who gets no place would cost more than a place.
        if self.tls.is_some() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.telling).try_acquire_owned() else {
            return;
        };
        self.connections.spawn(async move {
            let telling = async {
                stream.write_all(NO_PLACE).await?;
                stream.shutdown().await?;
                // What was sent must be read, or closing takes the answer back.
                let mut sent = [0; 1024];
                while stream.read(&mut sent).await? > 0 {}
                Ok::<_, io::Error>(())
            };
            drop(tokio::time::timeout(TELLING, telling).await);
            drop(permit);
        });
    }

    /// Takes in who comes through the socket of the data directory, until the server stops.
    pub(super) async fn through_socket(&self, listener: UnixListener) {
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        rest_after(&error).await;
                        continue;
                    }
                },
                () = self.stop.cancelled() => return,
            };
            let peer = Peer {
                address: None,
                only_health: false,
                listener: None,
                over_tls: false,
            };
            self.connections
                .spawn(connection::serve(stream, peer, self.local.clone()));
        }
    }
}

/// Serves a connection that is made secret first; a server that stops does not wait for that.
async fn serve_over(tls: &Tls, stream: TcpStream, peer: Peer, shared: Shared) {
    let handshake = shared
        .stop
        .run_until_cancelled(tls.handshake(stream, DEADLINES.head));
    match handshake.await {
        Some(Ok(stream)) => connection::serve(stream, peer, shared).await,
        Some(Err(error)) => tracing::debug!(%error, "a connection ended before it was secret"),
        None => {}
    }
}

/// A connection that ended before it was accepted is nothing; without descriptors, waiting is all there is.
async fn rest_after(error: &io::Error) {
    let gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    );
    if !gone {
        tracing::warn!(%error, "no connection can be accepted just now");
        tokio::time::sleep(REST).await;
    }
}
