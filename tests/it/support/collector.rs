//! A collector of traces, as far as a gateway sees it: OTLP over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use policyguard::telemetry::TraceConfig;
use prost::Message as _;
use tokio::net::TcpListener;

/// How long spans may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A span, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// 1 internal, 2 server.
    pub(crate) kind: i32,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) failed: bool,
    /// From when to when, in nanoseconds.
    pub(crate) time: (u64, u64),
    pub(crate) resource: BTreeMap<String, String>,
    /// What the collector was shown as credential.
    pub(crate) shown: Option<String>,
}

impl Seen {
    pub(crate) fn says(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// What came, and how many requests are refused before one is taken.
#[derive(Default)]
struct Taken {
    spans: Vec<Seen>,
    refusals: usize,
}

/// A collector on a port of this machine.
pub(crate) struct Collector {
    address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::refusing(0).await
    }

    /// One that is overloaded for so many requests.
    pub(crate) async fn refusing(refusals: usize) -> Self {
        let taken = Arc::new(Mutex::new(Taken {
            refusals,
            ..Taken::default()
        }));
        let kept = Arc::clone(&taken);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let mut taken = kept.lock().unwrap();
            if taken.refusals > 0 {
                taken.refusals -= 1;
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let shown = headers.get("authorization");
            let shown = shown.map(|value| value.to_str().unwrap().to_owned());
            let came = read(&body).into_iter().map(|span| Seen {
                shown: shown.clone(),
                ..span
            });
            taken.spans.extend(came);
            StatusCode::OK
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, taken }
    }

    pub(crate) fn config(&self) -> TraceConfig {
        to(self.address)
    }

    /// What came so far, in the order in which it began.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut spans = self.taken.lock().unwrap().spans.clone();
        spans.sort_by_key(|span| span.time.0);
        spans
    }

    /// The spans, once so many have come.
    pub(crate) async fn spans(&self, count: usize) -> Vec<Seen> {
        let begun = Instant::now();
        loop {
            let seen = self.seen();
            if seen.len() >= count || begun.elapsed() > PATIENCE {
                assert_eq!(seen.len(), count, "{seen:#?}");
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A configuration by which spans go there.
pub(crate) fn to(address: SocketAddr) -> TraceConfig {
    TraceConfig {
        endpoint: format!("http://{address}"),
        service_name: "gateway-of-a-test".to_owned(),
        sample_ratio: 1.0,
    }
}

fn read(body: &[u8]) -> Vec<Seen> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut seen = Vec::new();
    for group in request.resource_spans {
        let resource = texts(group.resource.unwrap().attributes);
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let status = span.status.unwrap_or_default();
            seen.push(Seen {
                name: span.name,
                kind: span.kind,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                state: span.trace_state,
                attributes: texts(span.attributes),
                failed: status.code == SpanStatus::Error as i32,
                time: (span.start_time_unix_nano, span.end_time_unix_nano),
                resource: resource.clone(),
                shown: None,
            });
        }
    }
    seen
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |attribute: KeyValue| {
        let value = attribute.value.unwrap().value.unwrap();
        let value = if let Value::StringValue(text) = value {
            text
        } else if let Value::IntValue(number) = value {
            number.to_string()
        } else {
            panic!("{value:?}")
        };
        (attribute.key, value)
    };
    attributes.into_iter().map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
