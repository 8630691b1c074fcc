//! Carries messages between standard input and output and a gateway's `/mcp`.
//!
//! Nothing is refused here: what is no message goes on like any other, so that one reader judges it, with the same words
//! at every door, and the trail of the gateway counts it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::outbound::{EventReader, Events, Headers, OutboundError};
use crate::wire::Message;

use super::lines::Line;
use super::reach::Reach;
use super::talk::{SESSION, Talk};

const PATH: &str = "/mcp";
/// How many requests may be under way.
const UNDER_WAY: usize = 64;
/// How long the stream of notifications is left alone when it ended.
const AGAIN: Duration = Duration::from_secs(1);
/// What tells a gateway that the client is ready.
const READY: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// The way between a client on standard input and output and its gateway.
pub(super) struct Bridge {
    reach: Reach,
    out: mpsc::Sender<String>,
    talk: Mutex<Talk>,
    limit: usize,
}

impl Bridge {
    pub(super) fn new(reach: Reach, out: mpsc::Sender<String>, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            reach,
            out,
            talk: Mutex::default(),
            limit,
        })
    }

    /// Carries messages until the input ends and everything that was asked is answered.
    pub(super) async fn run(self: &Arc<Self>, mut lines: mpsc::Receiver<Line>) {
        let mut requests = JoinSet::new();
        let mut listening = None;
        while let Some(line) = lines.recv().await {
            while requests.len() >= UNDER_WAY {
                requests.join_next().await;
            }
            let bytes = self.bytes_of(line);
            let Ok(message) = Message::read(&bytes) else {
                self.exchange(bytes, None).await;
                continue;
            };
            let method = message.method();
            if method == Some("notifications/cancelled") && self.talk().lets_go(&message) {
                continue;
            }
            let initialized = method == Some("notifications/initialized");
            if message.is_request() && method != Some("initialize") {
                self.begin(bytes, message, &mut requests);
            } else {
                // What comes next may build on these: they are carried one by one.
                self.exchange(bytes, Some(&message)).await;
            }
            if initialized && listening.is_none() {
                listening = Some(tokio::spawn(Arc::clone(self).listen()));
            }
        }
        while requests.join_next().await.is_some() {}
        if let Some(listening) = listening {
            listening.abort();
        }
    }

    /// Ends the session, and gives the data directory up.
    pub(super) async fn end(&self) {
        let has_session = self.talk().session.is_some();
        if has_session && let Ok(client) = self.reach.client().await {
            let ended = client.end(PATH, self.headers(None)).await;
            if let Err(why) = ended {
                tracing::warn!(%why, "the session stays open");
            }
        }
        self.reach.leave().await;
    }

    /// What of a line goes on. Of one that is too long that is nothing but its length: what was read of it may look like
    /// a message of its own.
    fn bytes_of(&self, line: Line) -> Vec<u8> {
        match line {
            Line::Whole(bytes) => bytes,
            Line::TooLong => vec![b' '; self.limit.saturating_add(1)],
        }
    }

    /// Begins to carry a request, beside the others.
    fn begin(self: &Arc<Self>, bytes: Vec<u8>, message: Message, requests: &mut JoinSet<()>) {
        let key = message.id().map(ToString::to_string).unwrap_or_default();
        let (bridge, id) = (Arc::clone(self), key.clone());
        let work = async move {
            bridge.exchange(bytes, Some(&message)).await;
            bridge.talk().under_way.remove(&id);
        };
        // Noted before it can be done: it waits for this very lock to take itself off.
        let mut talk = self.talk();
        talk.under_way.insert(key, requests.spawn(work));
    }

    /// Carries one message, or what is none, and everything that it is answered with.
    async fn exchange(&self, bytes: Vec<u8>, message: Option<&Message>) {
        if message.and_then(Message::method) == Some("initialize") {
            let mut talk = self.talk();
            *talk = Talk {
                greeting: Some(bytes.clone()),
                ..Talk::default()
            };
        }
        let carried = match self.send(&bytes, message).await {
            Ok(reply) if reply.status() == 404 && self.talk().session.is_some() => {
                // The gateway let the session go: greet it again, and say it once more.
                match self.greet_again().await {
                    Ok(()) => self.send(&bytes, message).await,
                    Err(fault) => Err(fault),
                }
            }
            other => other,
        };
        let told = match carried {
            Ok(reply) => self.tell(reply, message).await,
            Err(fault) => Err(fault),
        };
        if let Err(why) = told {
            tracing::warn!(%why, "a message was not carried");
            self.fail(message, &format!("The gateway gave no answer: {why}"))
                .await;
        }
    }

    async fn send(&self, bytes: &[u8], message: Option<&Message>) -> Result<Events, OutboundError> {
        let client = self.reach.client().await?;
        match client
            .message(PATH, bytes.to_vec(), self.headers(message))
            .await
        {
            // Nobody took it: whoever owns the gateway now may.
            Err(OutboundError::Unreachable(_)) => {
                let client = self.reach.again().await?;
                client
                    .message(PATH, bytes.to_vec(), self.headers(message))
                    .await
            }
            other => other,
        }
    }

    async fn greet_again(&self) -> Result<(), OutboundError> {
        let greeting = {
            let mut talk = self.talk();
            talk.session = None;
            talk.greeting.clone()
        };
        let Some(greeting) = greeting else {
            return Ok(());
        };
        let message = Message::read(&greeting).ok();
        let reply = self.send(&greeting, message.as_ref()).await?;
        self.note_session(&reply);
        drop(reply.bytes().await?);
        let reply = self.send(READY, None).await?;
        reply.bytes().await.map(drop)
    }

    /// Writes what a message is answered with.
    async fn tell(&self, reply: Events, message: Option<&Message>) -> Result<(), OutboundError> {
        self.note_session(&reply);
        let greets = message.and_then(Message::method) == Some("initialize");
        if reply.is_stream() {
            return self.relay(reply, greets).await;
        }
        let status = reply.status();
        let bytes = reply.bytes().await?;
        let answer = serde_json::from_slice::<Value>(&bytes).ok();
        match answer.filter(|answer| answer.get("jsonrpc").is_some()) {
            Some(answer) if expects_answer(message) => self.pass(&answer, greets).await,
            None if status >= 400 => {
                let why = format!("The gateway refused the message ({status})");
                self.fail(message, &why).await;
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Hands on every message of a stream, to its end.
    async fn relay(&self, mut stream: Events, greets: bool) -> Result<(), OutboundError> {
        let mut reader = EventReader::default();
        while let Some(bytes) = stream.next().await? {
            for event in reader.read(&bytes) {
                if event.data.trim().is_empty() {
                    continue;
                }
                if let Ok(message) = serde_json::from_str(&event.data) {
                    self.pass(&message, greets).await;
                } else {
                    tracing::warn!("the gateway sent what is no JSON");
                }
            }
        }
        Ok(())
    }

    /// Hands a message on as one line.
    async fn pass(&self, message: &Value, greets: bool) {
        if greets && let Some(version) = message.pointer("/result/protocolVersion") {
            self.talk().version = version.as_str().map(str::to_owned);
        }
        drop(self.out.send(message.to_string()).await);
    }

    /// Says that nothing came of a message, if anybody waits to hear of it. An id that is not known is left out, as
    /// `/mcp` does.
    async fn fail(&self, message: Option<&Message>, why: &str) {
        if !expects_answer(message) {
            return;
        }
        let mut fault = json!({ "jsonrpc": "2.0", "error": { "code": -32603, "message": why } });
        let id = message.and_then(Message::id);
        if let (Value::Object(members), Some(id)) = (&mut fault, id) {
            members.insert("id".to_owned(), id.clone());
        }
        self.pass(&fault, false).await;
    }

    fn note_session(&self, reply: &Events) {
        if let Some(session) = reply.header(SESSION) {
            self.talk().session = Some(session.to_owned());
        }
    }

    /// Hands on what the gateway says on its own, for as long as there is a session.
    async fn listen(self: Arc<Self>) {
        loop {
            let headers = self.headers(None);
            if self.talk().session.is_some()
                && let Ok(client) = self.reach.client().await
                && let Ok(stream) = client.listen(PATH, headers).await
                && stream.status() == 200
                && let Err(why) = self.relay(stream, false).await
            {
                tracing::debug!(%why, "the stream of notifications broke");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn headers(&self, message: Option<&Message>) -> Headers {
        let mut headers = self.reach.identity();
        self.talk().add_headers(message, &mut headers);
        headers
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody waits for an answer: of what is no message nobody knows that nobody does.
fn expects_answer(message: Option<&Message>) -> bool {
    message.is_none_or(Message::is_request)
}
