//! Spans that are recorded, by the SDK of OpenTelemetry.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};

use super::queue::{Queue, Sender};
use super::{Origin, Post, Side, TraceConfig, TraceMetrics};

/// What failed, by a word of a closed set.
const ERROR_TYPE: &str = "error.type";

/// Where spans of one server are recorded.
pub(super) struct Tracing {
    tracer: SdkTracer,
    context: TraceContextPropagator,
    queue: Queue,
}

/// A span on its way.
pub(super) struct Recording {
    /// Guards what is said of it; held for one saying.
    span: Mutex<Open>,
    tracer: SdkTracer,
    /// Its ids, under which its parts stand.
    place: SpanContext,
}

/// A span of which more can be said.
struct Open {
    span: Span,
    failed: bool,
}

impl Tracing {
    #[expect(clippy::unnecessary_wraps, reason = "other builds have none")]
    pub(super) fn start(
        config: &TraceConfig,
        way: Arc<dyn Post>,
        figures: &TraceMetrics,
    ) -> Option<Self> {
        let version = env!("CARGO_PKG_VERSION");
        // Nothing is found out about the machine: what is not said here is not told.
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", config.service_name.clone()),
                KeyValue::new("service.version", version),
            ])
            .build();
        let (queue, sending) = Queue::start(Sender::new(way, &resource, figures));
        let sampler = Sampler::TraceIdRatioBased(config.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_span_processor(sending)
            .build();
        let scope = InstrumentationScope::builder("policyguard").with_version(version);
        Some(Self {
            tracer: provider.tracer_with_scope(scope.build()),
            context: TraceContextPropagator::new(),
            queue,
        })
    }

    pub(super) fn begin(
        &self,
        name: Cow<'static, str>,
        side: Side,
        origin: Origin<'_>,
    ) -> Option<Recording> {
        let kind = match side {
            Side::Server => SpanKind::Server,
            Side::Internal => SpanKind::Internal,
        };
        let parent = match origin.parent {
            Some(_) => self.context.extract_with_context(&Context::new(), &origin),
            None => Context::new(),
        };
        Recording::of(&self.tracer, name, kind, &parent)
    }

    pub(super) async fn close(&self) {
        self.queue.close().await;
    }
}

impl Recording {
    /// `None` where the sampler leaves it out: nothing is worked out for what is not kept.
    fn of(
        tracer: &SdkTracer,
        name: Cow<'static, str>,
        kind: SpanKind,
        parent: &Context,
    ) -> Option<Self> {
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        let span = tracer.build_with_context(builder, parent);
        span.is_recording().then(|| Self {
            place: span.span_context().clone(),
            span: Mutex::new(Open {
                span,
                failed: false,
            }),
            tracer: tracer.clone(),
        })
    }

    pub(super) fn child(&self, name: Cow<'static, str>) -> Option<Self> {
        let parent = Context::new().with_remote_span_context(self.place.clone());
        Self::of(&self.tracer, name, SpanKind::Internal, &parent)
    }

    pub(super) fn say(&self, name: &'static str, value: Cow<'static, str>) {
        self.open().span.set_attribute(KeyValue::new(name, value));
    }

    pub(super) fn count(&self, name: &'static str, value: i64) {
        self.open().span.set_attribute(KeyValue::new(name, value));
    }

    pub(super) fn fail(&self, kind: Cow<'static, str>) {
        let mut open = self.open();
        if !open.failed {
            open.failed = true;
            open.span.set_status(Status::error(""));
            open.span.set_attribute(KeyValue::new(ERROR_TYPE, kind));
        }
    }

    pub(super) fn trace_id(&self) -> String {
        self.place.trace_id().to_string()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Extractor for Origin<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.parent,
            "tracestate" => self.state,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}
