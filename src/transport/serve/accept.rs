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
use super::connection::{self, Peer, Shared};
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

/// Takes connections in.
pub(super) struct Acceptor {
    census: Arc<Census>,
    metrics: DoorMetrics,
    public: Shared,
    local: Shared,
    stop: CancellationToken,
    connections: TaskTracker,
    telling: Arc<Semaphore>,
}

impl Acceptor {
    pub(super) fn new(
        limits: Limits,
        public: Service,
        local: Service,
        stop: CancellationToken,
        connections: TaskTracker,
    ) -> Self {
        let metrics = public.metrics().clone();
        let held = Arc::new(Held::at_most(public.most_held()));
        let shared = |service| Shared {
            service,
            held: Arc::clone(&held),
            stop: stop.clone(),
        };
        Self {
            census: Census::new(limits, metrics.clone()),
            metrics,
            public: shared(public),
            local: shared(local),
            stop,
            connections,
            telling: Arc::new(Semaphore::new(TOLD)),
        }
    }

    /// Takes in who comes over the network, until the server stops.
    pub(super) async fn over_tcp(&self, listener: TcpListener) {
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
            self.take_in(stream, address);
        }
    }

    fn take_in(&self, stream: TcpStream, address: SocketAddr) {
        let Some(place) = self.census.place(address.ip()) else {
            self.turn_away(stream);
            return;
        };
        let peer = Peer {
            address: Some(address),
            only_health: place.is_for_health(),
        };
        let serving = connection::serve(stream, peer, self.public.clone());
        self.connections.spawn(async move {
            serving.await;
            drop(place);
        });
    }

    fn turn_away(&self, mut stream: TcpStream) {
        self.metrics.turned_away();
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
            };
            self.connections
                .spawn(connection::serve(stream, peer, self.local.clone()));
        }
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
