//! Traces: spans of calls, exported by OTLP where a collector is configured (feature `otel`).
//!
//! Doors speak to [`Traces`] and [`Span`] whether or not the feature is there and a collector configured: where either
//! is missing, a span is a `None` that nobody can fill.

#[cfg(not(feature = "otel"))]
mod absent; // a build that records no spans
mod figures; // how many spans went where
#[cfg(feature = "otel")]
mod queue; // spans that wait to be sent
#[cfg(feature = "otel")]
mod recording; // spans that are recorded

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

#[cfg(not(feature = "otel"))]
use absent::{Recording, Tracing};
#[cfg(feature = "otel")]
use recording::{Recording, Tracing};

pub use figures::TraceMetrics;

/// Whether this build can export traces.
pub const CAN_TRACE: bool = cfg!(feature = "otel");

/// What is told of spans, and of how many.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceConfig {
    /// The base address of the collector, to which `/v1/traces` is added.
    pub endpoint: String,
    /// What the gateway calls itself.
    pub service_name: String,
    /// The part of the traces that begin here which is recorded; callers decide about theirs.
    pub sample_ratio: f64,
}

/// Why spans were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotTaken {
    /// In words, for the log.
    pub why: String,
    /// Whether they may be taken later.
    pub later: bool,
}

/// What becomes of a request to the collector.
pub type Posting<'a> = Pin<Box<dyn Future<Output = Result<(), NotTaken>> + Send + 'a>>;

/// The way to the collector.
pub trait Post: Send + Sync {
    /// Sends spans, as OTLP writes them in protobuf.
    fn post(&self, spans: Vec<u8>) -> Posting<'_>;
}

/// From which side a span is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Somebody outside waits for it.
    Server,
    /// It is a part of our own work.
    Internal,
}

/// The span of the caller, as the caller says (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin<'a> {
    /// `traceparent`.
    pub parent: Option<&'a str>,
    /// `tracestate`.
    pub state: Option<&'a str>,
}

/// The traces of one server; a clone records into the same.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Tracing>>);

impl Traces {
    /// Starts to export spans this way; needs a runtime, and does nothing where the build has not the feature.
    #[must_use]
    pub fn start(config: &TraceConfig, way: Arc<dyn Post>, figures: &TraceMetrics) -> Self {
        Self(Tracing::start(config, way, figures).map(Arc::new))
    }

    /// Whether spans are recorded at all.
    #[must_use]
    pub const fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span whose parent is somewhere else, if it has one.
    #[must_use]
    pub fn span(&self, name: impl Into<Cow<'static, str>>, side: Side, origin: Origin<'_>) -> Span {
        let recording = self.0.as_ref().and_then(|tracing| {
            let begun = tracing.begin(name.into(), side, origin)?;
            Some(Arc::new(begun))
        });
        Span(recording)
    }

    /// Sends what waits, for a few seconds at most; nothing is recorded after that.
    pub async fn close(&self) {
        if let Some(tracing) = &self.0 {
            tracing.close().await;
        }
    }
}

/// A span, which ends with its last clone; or none, of which everything can be said.
#[derive(Clone, Default)]
pub struct Span(Option<Arc<Recording>>);

impl Span {
    /// Whether anything that is said of it is kept.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a part of this span.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        let begun = self.0.as_ref().and_then(|span| span.child(name.into()));
        Self(begun.map(Arc::new))
    }

    /// Says something of it.
    pub fn say(&self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        if let Some(span) = &self.0 {
            span.say(name, value.into());
        }
    }

    /// Says a number of it.
    pub fn count(&self, name: &'static str, value: i64) {
        if let Some(span) = &self.0 {
            span.count(name, value);
        }
    }

    /// Says that it failed, by a word of a closed set; the first failure counts.
    pub fn fail(&self, kind: impl Into<Cow<'static, str>>) {
        if let Some(span) = &self.0 {
            span.fail(kind.into());
        }
    }

    /// The id of its trace, in hexadecimal.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|span| span.trace_id())
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.are_on()).finish()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.trace_id()).finish()
    }
}
