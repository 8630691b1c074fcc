//! The router behind a name of ours: served by doors, or asked in process by commands and tests.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, Request, header};
use axum::response::Response;
use tower::ServiceExt as _;

/// Every route, over one road.
#[derive(Clone)]
pub struct Service(pub(in crate::transport) Router);

impl Service {
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
        self.answer(request).await
    }

    /// Answers a request as it is, with a body that is read as it comes.
    pub async fn open(&self, request: Request<Body>) -> Response {
        let Ok(reply) = self.0.clone().oneshot(request).await;
        reply
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
