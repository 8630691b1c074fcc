//! The router behind a name of ours: served by doors, or asked in process by commands and tests.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, Request, header};
use axum::response::Response;
use tower::ServiceExt as _;

use super::{Rest, layers, traced};
use crate::domain::Secret;
use crate::transport::metrics::DoorMetrics;

/// How many bytes of bodies are held at once, at most (`spec/limits.md`, L1).
const HELD: usize = 32 * 1024 * 1024;
/// So many of the longest bodies fit in any case.
const BODIES: usize = 8;

/// Every route, over one road, with the guard around all of them.
#[derive(Clone)]
pub struct Service {
    pub(super) rest: Rest,
    pub(super) router: Router,
    /// With which key commands ask in process.
    pub(super) key: Option<Secret>,
}

impl Service {
    /// The same, asked in process with this key.
    #[must_use]
    pub fn with_key(self, key: Option<Secret>) -> Self {
        Self { key, ..self }
    }

    /// Asks in process, as a command of this machine does; the status and the body of the answer.
    pub async fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method.parse().unwrap_or(Method::GET);
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let key = self
            .key
            .as_ref()
            .map(|key| [b"Bearer ", key.expose()].concat());
        if let Some(Ok(value)) = key.map(|key| HeaderValue::from_bytes(&key)) {
            headers.insert(header::AUTHORIZATION, value);
        }
        self.answer(request).await
    }

    /// Answers a request as it is, with a body that is read as it comes.
    pub async fn open(&self, request: Request<Body>) -> Response {
        layers::guard(&self.rest, request, |request| self.route(request)).await
    }

    async fn route(&self, mut request: Request<Body>) -> Response {
        let span = traced::begin(&self.rest, &mut request);
        let Ok(reply) = self.router.clone().oneshot(request).await;
        traced::end(&span, &reply);
        reply
    }

    /// The figures of the doors.
    pub(in crate::transport) fn metrics(&self) -> &DoorMetrics {
        &self.rest.figures
    }

    /// How many bytes all bodies may hold at once.
    pub(in crate::transport) fn most_held(&self) -> usize {
        HELD.max(self.rest.body_limit.saturating_mul(BODIES))
    }

    /// Answers a request as it is.
    pub async fn answer(&self, request: Request<Body>) -> (u16, Vec<u8>) {
        let reply = self.open(request).await;
        let status = reply.status().as_u16();
        // The body is ours and in memory: it ends.
        (
            status,
            to_bytes(reply.into_body(), usize::MAX)
                .await
                .map_or_else(|_| Vec::new(), |bytes| bytes.to_vec()),
        )
    }
}
