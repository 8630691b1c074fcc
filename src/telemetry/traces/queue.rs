//! Spans that wait to be sent: never more than a few thousand, and nobody waits for them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use prometheus_client::metrics::counter::Counter;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{NotTaken, Post, TraceMetrics};

/// So many spans wait; the next ones are dropped and counted.
const WAITING: usize = 2_048;
/// So many are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others to be sent with.
const GATHERING: Duration = Duration::from_secs(1);
/// How long is waited before spans are sent once more that were not taken.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// How long the end of the process waits for the last of them.
const LAST: Duration = Duration::from_secs(3);

/// The task that sends.
pub(super) struct Queue {
    stop: CancellationToken,
    /// Guards the task until somebody waits for its end.
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Where spans go when they end.
pub(super) struct Sending {
    waiting: mpsc::Sender<SpanData>,
    dropped: Counter,
}

/// Writes spans as OTLP has them, and sends them.
pub(super) struct Sender {
    way: Arc<dyn Post>,
    resource: ResourceAttributesWithSchema,
    figures: TraceMetrics,
    /// Whether the log knows that they are not taken.
    told: bool,
}

impl Queue {
    /// Starts the task, and gives the way into its queue.
    pub(super) fn start(sender: Sender) -> (Self, Sending) {
        let (waiting, received) = mpsc::channel(WAITING);
        let dropped = sender.figures.dropped.clone();
        let stop = CancellationToken::new();
        let task = tokio::spawn(send_all(received, sender, stop.clone()));
        let queue = Self {
            stop,
            task: Mutex::new(Some(task)),
        };
        (queue, Sending { waiting, dropped })
    }

    /// Sends what waits, unless that takes too long.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut task) = { task }.take() else {
            return;
        };
        if tokio::time::timeout(LAST, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("the last spans were not sent: the collector takes too long");
        }
    }
}

/// Sends until it is stopped and nothing waits any more, or until nobody is left who could record.
async fn send_all(
    mut waiting: mpsc::Receiver<SpanData>,
    mut sender: Sender,
    stop: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        let stopped = stop.is_cancelled();
        if stopped {
            waiting.close();
        }
        tokio::select! {
            received = waiting.recv_many(&mut batch, BATCH) => if received == 0 { return },
            () = stop.cancelled(), if !stopped => continue,
        }
        let gathered = async {
            let mut room = BATCH.saturating_sub(batch.len());
            while room > 0 {
                match waiting.recv_many(&mut batch, room).await {
                    0 => return,
                    more => room = room.saturating_sub(more),
                }
            }
        };
        tokio::select! {
            ended = tokio::time::timeout(GATHERING, gathered) => drop(ended),
            () = stop.cancelled() => {}
        }
        sender.send(std::mem::take(&mut batch), &stop).await;
    }
}

impl Sender {
    pub(super) fn new(way: Arc<dyn Post>, resource: &Resource, figures: &TraceMetrics) -> Self {
        Self {
            way,
            resource: resource.into(),
            figures: figures.clone(),
            told: false,
        }
    }

    /// Sends these, some more times if they may be taken then.
    async fn send(&mut self, spans: Vec<SpanData>, stop: &CancellationToken) {
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let mut pauses = AGAIN.iter();
        let end = loop {
            let end = self.way.post(bytes.clone()).await;
            let pause = match &end {
                Err(NotTaken { later: true, .. }) => pauses.next(),
                Ok(()) | Err(_) => None,
            };
            let Some(pause) = pause else { break end };
            tokio::select! {
                () = tokio::time::sleep(*pause) => {}
                () = stop.cancelled() => break end,
            }
        };
        match end {
            Ok(()) => {
                self.figures.exported.inc_by(count);
                if std::mem::take(&mut self.told) {
                    tracing::info!("the collector takes traces again");
                }
            }
            Err(NotTaken { why, .. }) => {
                self.figures.failed.inc_by(count);
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(why, "the collector takes no traces; calls go on without");
                }
            }
        }
    }
}

impl SpanProcessor for Sending {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.waiting.try_send(span).is_err() {
            self.dropped.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
