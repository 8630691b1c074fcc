//! One connection: requests one after another, each within its deadlines, until it ends or the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::framing::{self, Unsound};
use super::watch::{DEADLINES, Watch};
use super::watched::Watched;
use crate::transport::body::Bounded;
use crate::transport::held::{Held, Progress, Share};
use crate::transport::rest::Service;

/// The longest head of a request, and what is read ahead of its body, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// The most headers of a request.
const HEADERS: usize = 100;

/// What every connection of a door shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) service: Service,
    pub(super) held: Arc<Held>,
    pub(super) stop: CancellationToken,
}

/// Who is at the other end.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    /// Its address; none on the socket.
    pub(super) address: Option<SocketAddr>,
    /// Whether it may only ask how the gateway is.
    pub(super) only_health: bool,
    /// Over which listener it came, where administrators have their own.
    pub(super) listener: Option<Listener>,
    /// Whether nobody between it and this process can read along.
    pub(super) over_tls: bool,
}

/// A request that came on a place that is kept for health.
#[derive(Debug, Clone, Copy)]
pub(in crate::transport) struct OnlyHealth;

/// Over which listener a request came, where administrators have their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) enum Listener {
    /// That of everybody else.
    Public,
    /// That of administrators.
    Admin,
}

/// A request that came over TLS.
#[derive(Debug, Clone, Copy)]
pub(in crate::transport) struct OverTls;

/// Serves the connection to its end.
pub(super) async fn serve<S>(stream: S, peer: Peer, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new();
    let io = TokioIo::new(Watched::new(stream, watch.clone(), DEADLINES));
    let Shared {
        service,
        held,
        stop,
    } = shared;
    let answer = service_fn(|request: Request<Incoming>| {
        let (service, watch) = (service.clone(), watch.clone());
        // Counted until the answer begins: so long the handler lives, also when who asked has gone.
        let share = (!request.body().is_end_stream()).then(|| Share::of(&held));
        let request = received(request, peer, &watch, share.as_ref());
        async move {
            let unsound = request.extensions().get::<Unsound>().is_some();
            let listens = request.method() == Method::GET;
            let answer = service.open(request);
            let mut response = match &share {
                Some(share) => Arc::clone(share).holding(answer).await,
                None => answer.await,
            };
            if listens && is_stream(&response) {
                watch.streams();
            }
            let read = share.map_or(Progress::Whole, |share| share.progress());
            // A place that is kept for health is not held for what nobody reads.
            if unsound || read != Progress::Whole {
                watch.left_unread();
            }
            if unsound || peer.only_health || read == Progress::Begun {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response.map(|body| Answer { body, watch }))
        }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .max_headers(HEADERS)
            .header_read_timeout(None)
            // Whoever has sent all that it wants to say still hears the answer.
            .half_close(true)
            .serve_connection(io, answer)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

fn is_stream(response: &Response) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"))
}

/// The request with what is known of where it came from, and a body that keeps within its bounds.
fn received(
    request: Request<Incoming>,
    peer: Peer,
    watch: &Watch,
    share: Option<&Arc<Share>>,
) -> Request<Body> {
    let head = watch.handed_on();
    let sound = framing::check(request.method(), request.headers(), &head);
    watch.looked_at(head);
    let mut request = request.map(|body| {
        share.map_or_else(Body::empty, |share| {
            Body::new(Bounded::new(body, Arc::clone(share)))
        })
    });
    let extensions = request.extensions_mut();
    if let Some(address) = peer.address {
        extensions.insert(ConnectInfo(address));
    }
    if let Err(unsound) = sound {
        extensions.insert(unsound);
    }
    if peer.only_health {
        extensions.insert(OnlyHealth);
    }
    if let Some(listener) = peer.listener {
        extensions.insert(listener);
    }
    if peer.over_tls {
        extensions.insert(OverTls);
    }
    request
}

/// The body of an answer; when it is gone, the connection waits for the next request.
struct Answer {
    body: Body,
    watch: Watch,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watch.answered();
    }
}
