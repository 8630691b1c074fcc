//! REST: one router over the road, for the address and for the socket alike.

mod answer; // the one place where statuses are chosen
mod authzen; // decisions for other gateways
mod docs; // the page of the API
mod execute; // /tools/execute and its batch
mod extract; // what a request must be before anyone reads it
mod forwarded; // what proxies say
mod guesses; // wrong credentials, by where they come from
mod health; // /, /livez, /readyz, /healthz
mod known; // streams end with their credential
mod layers; // hosts and origins, request ids
mod listeners; // what is served where
mod openapi; // what there is, for machines
mod resource; // where tokens come from
mod routes; // the route table
mod seats; // how many streams one may have open
mod stream; // records as they are written
mod service; // the router behind a name of ours
mod traced; // requests as spans

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, get, on, post};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::Network;
use crate::pipeline::{Answer, Call, Door, Pipeline, Unanswered};
use crate::telemetry::{Health, Metrics, Traces};
use crate::transport::metrics::DoorMetrics;
use crate::transport::running::Running;
use crate::wire::{Problem, ProblemCode};

pub(in crate::transport) use extract::Asker;
pub use guesses::Guesses;
pub use layers::Hosts;
pub use openapi::document as openapi;
pub use resource::Resource;
pub use routes::{ROUTES, Route};
pub use seats::Streams;
pub use service::Service;

/// What every handler needs; a clone is the same one.
#[derive(Clone)]
pub struct Rest(Arc<Parts>);

/// What the door is made of.
pub struct Parts {
    /// The road.
    pub pipeline: Arc<Pipeline>,
    /// Whether the server is well.
    pub health: Arc<Health>,
    /// The figures for Prometheus.
    pub metrics: Arc<Metrics>,
    /// Where spans are recorded.
    pub traces: Traces,
    /// The calls that run; stopping waits for them.
    pub running: TaskTracker,
    /// Cancelled when the server stops, so that streams end.
    pub stop: CancellationToken,
    /// The streams that are open.
    pub streams: Streams,
    /// Which hosts and origins are served.
    pub hosts: Arc<Hosts>,
    /// Proxies that are believed when they say for whom they speak.
    pub proxies: Vec<Network>,
    /// The longest body, in bytes.
    pub body_limit: usize,
    /// Who guesses credentials.
    pub guesses: Guesses,
    /// Which tokens open the gateway.
    pub resource: Resource,
    /// Through which door calls of this router come.
    pub door: Door,
    /// The figures of the doors.
    pub figures: DoorMetrics,
    /// The OpenAPI document, once somebody asked for it.
    pub description: OnceLock<Bytes>,
}

impl std::ops::Deref for Rest {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Rest {
    /// The door over these.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Takes a call down the road; a client that goes away cancels nothing.
    async fn handle(&self, call: Call) -> Result<Answer, Unanswered> {
        Running::new(&self.pipeline, &self.running, call).await
    }
}

/// Every route there is, over this road, and those of the other doors.
#[must_use]
pub fn service(rest: Rest, others: Router<Rest>) -> Service {
    let mut router = Router::new()
        .route("/", get(health::front))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .route(
            "/.well-known/oauth-protected-resource",
            get(resource::metadata),
        )
        .route(
            "/.well-known/oauth-protected-resource/mcp",
            get(resource::metadata),
        )
        .route("/access/v1/evaluation", post(authzen::evaluation))
        .route("/access/v1/evaluations", post(authzen::evaluations))
        .route(
            "/.well-known/authzen-configuration",
            get(authzen::configuration),
        )
        .route("/openapi.json", get(describe))
        .route("/docs", get(docs::page))
        .route("/docs/{file}", get(docs::file))
        .route("/tools/execute", post(execute::execute))
        .route("/tools/execute/batch", post(execute::batch));
    for route in ROUTES {
        let filter = method_filter(route.method);
        router = router.route(
            route.path,
            on(
                filter,
                move |State(rest): State<Rest>, request: axum::extract::Request| async move {
                    routes::follow(&rest, route, request).await
                },
            ),
        );
    }
    let router = router
        .merge(others)
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(rest.clone());
    Service {
        rest,
        router,
        key: None,
    }
}

fn method_filter(method: &str) -> MethodFilter {
    match method {
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

/// `GET /openapi.json`: made at its first use, the same for every request after it.
async fn describe(State(rest): State<Rest>) -> Response {
    let document = rest.description.get_or_init(|| {
        let document = openapi::document(rest.pipeline.catalog().definitions());
        Bytes::from(document.to_string())
    });
    let media = [(header::CONTENT_TYPE, "application/json")];
    (media, document.clone()).into_response()
}

async fn nothing_here(uri: axum::http::Uri) -> Response {
    answer::problem(&listeners::nothing_at(uri.path())).into_response()
}

async fn wrong_method(method: axum::http::Method, uri: axum::http::Uri) -> Response {
    let detail = format!("`{}` does not take {method}", uri.path());
    answer::problem(&Problem::new(ProblemCode::MethodNotAllowed, detail)).into_response()
}
