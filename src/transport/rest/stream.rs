//! `GET /api/v1/audit/stream`: records as Server-Sent Events (`spec/rest.md`, "Stream").
//!
//! The stream is made of calls down the road, one for each piece and at least one every two seconds: each is
//! authenticated and decided anew, so nothing is read with a right that is gone. This file only paces them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::pipeline::{Answer, Body, Call, Journey, Unanswered};
use crate::wire::{Problem, ProblemCode};

use super::routes::Route;
use super::seats::{EACH, Seat};
use super::{Rest, answer, extract};

/// The tool that the stream is made of.
pub(super) const TOOL: &str = "stream_audit";
/// How often the right is checked when nothing happens.
const CHECK: Duration = Duration::from_secs(2);
/// How often a comment tells both sides that the other is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long records are gathered before they are read.
const GATHER: Duration = Duration::from_millis(50);
/// The most records of a piece.
const PIECE: u64 = 200;
/// A reader that was level and stays further behind for as long as [`CHECK`] is closed.
const LAG: u64 = 1_000;
/// Events that wait for the client.
const WAITING: usize = 64;

/// Opens a stream behind `Last-Event-ID`, or behind now.
pub(super) async fn open(rest: &Rest, route: &'static Route, request: Request) -> Response {
    let resumed = request.headers().get("last-event-id").cloned();
    let mut call = match extract::call(rest, route, request).await {
        Ok(call) => call,
        Err(problem) => return answer::problem(&problem),
    };
    if let Some(id) = resumed {
        let id = id.to_str().unwrap_or_default().to_owned();
        call.arguments.insert("after".to_owned(), Value::from(id));
    }
    call.arguments.insert("limit".to_owned(), json!(0));
    // Before the first look, or what is recorded in between would be noticed late.
    let news = rest.pipeline.news();
    let first = rest.handle(call.clone()).await;
    // The request is answered with that; what is looked up later is no part of its trace.
    call.journey = Journey::default();
    let style = answer::Style {
        execution_api: false,
    };
    let Ok((reader, piece)) = begun(&first) else {
        return answer::managed(first, style);
    };
    let Some(seat) = rest.streams.take(&reader) else {
        let detail = format!("`{reader}` has {EACH} streams open");
        let problem = Problem::new(ProblemCode::TooMany, detail).hint("close one of them");
        return answer::problem(&problem);
    };
    let (sender, receiver) = mpsc::channel(WAITING);
    let last = Arc::new(Mutex::new(Last::default()));
    // A client that hears of no record before it has to come back knows where to go on all the same.
    let data = json!({ "behind": piece.behind });
    let begin = format!("id: {}\nevent: open\ndata: {data}\n\n", piece.position);
    drop(sender.try_send(Bytes::from(begin)));
    let feed = Feed {
        receiver,
        last: Arc::clone(&last),
    };
    let pace = Pace {
        rest: rest.clone(),
        call,
        level: piece.behind == 0,
        piece,
        lags: None,
        sender,
        last,
        _seat: seat,
    };
    rest.running.spawn(pace.run(news));
    let mut response = HttpBody::from_stream(feed).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Who reads and where the stream begins, if the first look was let through.
fn begun(first: &Result<Answer, Unanswered>) -> Result<(String, Piece), ()> {
    let first = first.as_ref().map_err(drop)?;
    let principal = &first.decision.request().principal;
    let reader = principal.acted_by.as_ref().unwrap_or(&principal.agent_id);
    match &first.body {
        Body::Done(result) => Ok((reader.to_string(), Piece::of(result))),
        Body::Failed { .. } | Body::Mendable { .. } | Body::Refused | Body::Shadow { .. } => {
            Err(())
        }
    }
}

/// What one call of the tool gave.
#[derive(Debug, Default)]
struct Piece {
    events: Vec<Bytes>,
    position: String,
    behind: u64,
}

impl Piece {
    fn of(result: &Value) -> Self {
        let records = result.get("records").and_then(Value::as_array);
        let event = |record: &Value| {
            let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
            // JSON has no line break outside its strings, and none within: one line holds it.
            Bytes::from(format!("id: {id}\nevent: record\ndata: {record}\n\n"))
        };
        let text = |name| result.get(name).and_then(Value::as_str).unwrap_or_default();
        Self {
            events: records.into_iter().flatten().map(event).collect(),
            position: text("position").to_owned(),
            behind: result.get("behind").and_then(Value::as_u64).unwrap_or(0),
        }
    }
}

/// How a stream ends.
enum End {
    /// What waits is delivered first.
    Lagged,
    /// Nothing more is delivered: the right to read is gone, or nobody knows whether it is there.
    Refused(String),
    /// The server stops.
    Stopping,
    /// The client is gone.
    Gone,
}

/// What the body says at its end.
#[derive(Debug, Default)]
struct Last {
    text: Option<Bytes>,
    at_once: bool,
}

/// Paces one stream.
struct Pace {
    rest: Rest,
    call: Call,
    piece: Piece,
    /// Whether the reader was ever level with the trail: until then it catches up, and is not called slow.
    level: bool,
    /// Since when it is too far behind.
    lags: Option<Instant>,
    sender: mpsc::Sender<Bytes>,
    last: Arc<Mutex<Last>>,
    _seat: Seat,
}

impl Pace {
    async fn run(mut self, mut news: tokio::sync::watch::Receiver<u64>) {
        let end = self.pace(&mut news).await;
        let (text, at_once) = match end {
            End::Gone | End::Stopping => return,
            End::Lagged => {
                let data = json!({ "behind": self.piece.behind });
                (format!("event: lagged\ndata: {data}\n\n"), false)
            }
            End::Refused(why) => {
                let data = json!({ "reason": why });
                (format!("event: refused\ndata: {data}\n\n"), true)
            }
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Last {
            text: Some(Bytes::from(text)),
            at_once,
        };
    }

    /// Reads and hands over until there is a reason to end.
    async fn pace(&mut self, news: &mut tokio::sync::watch::Receiver<u64>) -> End {
        let (stop, sender) = (self.rest.stop.clone(), self.sender.clone());
        let mut heartbeat = Instant::now() + HEARTBEAT;
        let mut fresh = self.piece.behind > 0;
        let mut check = Instant::now() + CHECK;
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() && fresh {
                if let Err(end) = self.look(PIECE).await {
                    return end;
                }
                check = Instant::now() + CHECK;
                waiting.extend(std::mem::take(&mut self.piece.events));
                fresh = self.piece.behind > 0;
            }
            let idle = waiting.is_empty() && !fresh;
            tokio::select! {
                () = stop.cancelled() => return End::Stopping,
                () = sender.closed() => return End::Gone,
                place = sender.reserve(), if !waiting.is_empty() => {
                    let Ok(place) = place else { return End::Gone };
                    if let Some(event) = waiting.pop_front() {
                        place.send(event);
                        heartbeat = Instant::now() + HEARTBEAT;
                    }
                }
                changed = news.changed(), if idle => {
                    if changed.is_err() {
                        return End::Stopping;
                    }
                    tokio::time::sleep(GATHER).await;
                    fresh = true;
                }
                () = sleep_until(check) => {
                    check = Instant::now() + CHECK;
                    if let Err(end) = self.look(0).await {
                        return end;
                    }
                    fresh |= self.piece.behind > 0;
                }
                () = sleep_until(heartbeat), if idle => {
                    heartbeat = Instant::now() + HEARTBEAT;
                    waiting.push_back(Bytes::from_static(b": heartbeat\n\n"));
                }
            }
        }
    }

    /// Whether the reader is near enough, or not too far for long: a burst leaves everybody behind for a moment.
    fn keeps_up(&mut self) -> bool {
        if !self.level || self.piece.behind <= LAG {
            self.lags = None;
            return true;
        }
        self.lags.get_or_insert_with(Instant::now).elapsed() < CHECK
    }

    /// Calls the tool for so many records behind the position.
    async fn look(&mut self, limit: u64) -> Result<(), End> {
        let mut call = self.call.clone();
        call.arguments
            .insert("after".to_owned(), json!(self.piece.position));
        call.arguments.insert("limit".to_owned(), json!(limit));
        let answer = self.rest.handle(call).await;
        match answer {
            Ok(Answer {
                body: Body::Done(result),
                ..
            }) => {
                self.piece = Piece::of(&result);
                self.level |= self.piece.behind == 0;
                if self.keeps_up() {
                    Ok(())
                } else {
                    Err(End::Lagged)
                }
            }
            Ok(answer) => Err(End::Refused(match answer.body {
                Body::Refused => answer.decision.reason().to_owned(),
                Body::Failed { message, .. } | Body::Mendable { message, .. } => message,
                Body::Done(_) | Body::Shadow { .. } => "internal error".to_owned(),
            })),
            Err(unanswered) => Err(End::Refused(unanswered.to_string())),
        }
    }
}

/// The body of the answer: what the pace hands over, then its last word.
struct Feed {
    receiver: mpsc::Receiver<Bytes>,
    last: Arc<Mutex<Last>>,
}

impl futures_core::Stream for Feed {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let feed = self.get_mut();
        let last = |feed: &Self| {
            let mut last = feed.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.text.take().map(Ok)
        };
        let at_once = feed
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .at_once;
        if at_once {
            return Poll::Ready(last(feed));
        }
        match feed.receiver.poll_recv(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(Some(Ok(event))),
            Poll::Ready(None) => Poll::Ready(last(feed)),
            Poll::Pending => Poll::Pending,
        }
    }
}
