//! Carries messages between standard input and output and a gateway's `/mcp`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::outbound::{EventReader, Events, Headers, OutboundError};
use crate::wire::{StrictError, read_value};

use super::lines::Line;
use super::reach::Reach;

const PATH: &str = "/mcp";
const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
/// Where a message of the revision without sessions says its version.
const IN_META: &str = "io.modelcontextprotocol/protocolVersion";
/// How many requests may be under way.
const UNDER_WAY: usize = 64;
/// How long the stream of notifications is left alone when it ended.
const AGAIN: Duration = Duration::from_secs(1);

/// The way between a client on standard input and output and its gateway.
pub(super) struct Bridge {
    reach: Reach,
    out: mpsc::Sender<String>,
    talk: Mutex<Talk>,
    limit: usize,
}

/// What was agreed on so far.
#[derive(Default)]
struct Talk {
    session: Option<String>,
    version: Option<String>,
    /// The greeting, to be said again to a gateway that no longer knows the session.
    greeting: Option<String>,
    /// The requests under way, by their id.
    under_way: HashMap<String, AbortHandle>,
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
            let Some((text, message)) = self.read(line).await else {
                continue;
            };
            let method = message.get("method").and_then(Value::as_str).unwrap_or("");
            let id = message.get("id").map(ToString::to_string);
            if method == "notifications/cancelled" && self.let_go(&message) {
                continue;
            }
            let (bridge, is_greeting) = (Arc::clone(self), method == "initialize");
            let initialized = method == "notifications/initialized";
            match id {
                Some(id) if !is_greeting && !method.is_empty() => {
                    let key = id.clone();
                    let work = async move {
                        bridge.exchange(text, &message).await;
                        bridge.talk().under_way.remove(&id);
                    };
                    // Noted before it can be done: it waits for this very lock to take itself off.
                    let mut talk = self.talk();
                    talk.under_way.insert(key, requests.spawn(work));
                }
                // What comes next may build on these: they are carried one by one.
                _ => self.exchange(text, &message).await,
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
            let ended = client.end(PATH, self.headers(&Value::Null)).await;
            if let Err(why) = ended {
                tracing::warn!(%why, "the session stays open");
            }
        }
        self.reach.leave().await;
    }

    /// The message of a line; what is none is answered at once.
    async fn read(&self, line: Line) -> Option<(String, Value)> {
        let refused = match line {
            Line::TooLong => {
                let limit = self.limit;
                (
                    -32600,
                    format!("Invalid request: a line holds at most {limit} bytes"),
                )
            }
            Line::Whole(bytes) => match read_value(&bytes) {
                Ok(message @ Value::Object(_)) => {
                    return Some((String::from_utf8_lossy(&bytes).into_owned(), message));
                }
                Ok(_) => (
                    -32600,
                    "Invalid request: a message is one object".to_owned(),
                ),
                Err(StrictError::Unreadable(why)) => (-32700, format!("Parse error: {why}")),
                Err(other @ StrictError::NotAnObject(_)) => {
                    (-32600, format!("Invalid request: {other}"))
                }
            },
        };
        let (code, text) = refused;
        self.say(&fault(&Value::Null, code, &text)).await;
        None
    }

    /// Carries one message and everything that it is answered with.
    async fn exchange(&self, text: String, message: &Value) {
        if message.get("method").and_then(Value::as_str) == Some("initialize") {
            let mut talk = self.talk();
            *talk = Talk {
                greeting: Some(text.clone()),
                ..Talk::default()
            };
        }
        let id = message.get("id").cloned().unwrap_or_default();
        let carried = match self.send(&text, message).await {
            Ok(reply) if reply.status() == 404 && self.talk().session.is_some() => {
                // The gateway let the session go: greet it again, and say it once more.
                match self.greet_again().await {
                    Ok(()) => self.send(&text, message).await,
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
            if !id.is_null() {
                let text = format!("The gateway gave no answer: {why}");
                self.say(&fault(&id, -32603, &text)).await;
            }
        }
    }

    async fn send(&self, text: &str, message: &Value) -> Result<Events, OutboundError> {
        let client = self.reach.client().await?;
        match client
            .message(PATH, text.to_owned(), self.headers(message))
            .await
        {
            // Nobody took it: whoever owns the gateway now may.
            Err(OutboundError::Unreachable(_)) => {
                let client = self.reach.again().await?;
                client
                    .message(PATH, text.to_owned(), self.headers(message))
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
        let message = read_value(greeting.as_bytes()).unwrap_or_default();
        let reply = self.send(&greeting, &message).await?;
        self.note_session(&reply);
        drop(reply.bytes().await?);
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let reply = self.send(&ready.to_string(), &ready).await?;
        reply.bytes().await.map(drop)
    }

    /// Writes what a message is answered with.
    async fn tell(&self, reply: Events, message: &Value) -> Result<(), OutboundError> {
        self.note_session(&reply);
        let greets = message.get("method").and_then(Value::as_str) == Some("initialize");
        let id = message.get("id").cloned().unwrap_or_default();
        if reply.is_stream() {
            return self.relay(reply, greets).await;
        }
        let status = reply.status();
        let bytes = reply.bytes().await?;
        if bytes.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes);
        if status >= 400 && (id.is_null() || !text.contains("\"jsonrpc\"")) {
            if !id.is_null() {
                let text = format!("The gateway refused the message ({status})");
                self.say(&fault(&id, -32603, &text)).await;
            }
            return Ok(());
        }
        self.pass(&text, greets).await;
        Ok(())
    }

    /// Hands on every message of a stream, to its end.
    async fn relay(&self, mut stream: Events, greets: bool) -> Result<(), OutboundError> {
        let mut reader = EventReader::default();
        while let Some(bytes) = stream.next().await? {
            for event in reader.read(&bytes) {
                if !event.data.trim().is_empty() {
                    self.pass(&event.data, greets).await;
                }
            }
        }
        Ok(())
    }

    /// Hands a message on as one line.
    async fn pass(&self, text: &str, greets: bool) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            tracing::warn!("the gateway sent what is no JSON");
            return;
        };
        if greets && let Some(version) = message.pointer("/result/protocolVersion") {
            self.talk().version = version.as_str().map(str::to_owned);
        }
        self.say(&message).await;
    }

    async fn say(&self, message: &Value) {
        drop(self.out.send(message.to_string()).await);
    }

    fn note_session(&self, reply: &Events) {
        if let Some(session) = reply.header(SESSION) {
            self.talk().session = Some(session.to_owned());
        }
    }

    /// Over HTTP the revision without sessions cancels a request by hanging up.
    fn let_go(&self, message: &Value) -> bool {
        let mut talk = self.talk();
        if talk.session.is_some() {
            return false;
        }
        let id = message
            .pointer("/params/requestId")
            .map(ToString::to_string);
        if let Some(request) = id.and_then(|id| talk.under_way.remove(&id)) {
            request.abort();
        }
        true
    }

    /// Hands on what the gateway says on its own, for as long as there is a session.
    async fn listen(self: Arc<Self>) {
        loop {
            let headers = self.headers(&Value::Null);
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

    /// The headers of a message: what was agreed on, and what the newest revision repeats of the body.
    fn headers(&self, message: &Value) -> Headers {
        let mut headers = self.reach.identity();
        let pointer = format!("/params/_meta/{}", IN_META.replace('/', "~1"));
        let own = message.pointer(&pointer).and_then(Value::as_str);
        if let Some(version) = own {
            headers.push((VERSION, version.to_owned()));
            let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
            if let Some(method) = text("/method") {
                headers.push(("mcp-method", method.to_owned()));
            }
            if let Some(name) = text("/params/name").or_else(|| text("/params/uri")) {
                headers.push(("mcp-name", in_header(name)));
            }
            return headers;
        }
        let talk = self.talk();
        if let Some(session) = &talk.session {
            headers.push((SESSION, session.clone()));
        }
        if let Some(version) = &talk.version {
            headers.push((VERSION, version.clone()));
        }
        headers
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name as a header may hold it: as it is, or in base64 as the revision of 2026-07-28 says.
fn in_header(name: &str) -> String {
    use base64::Engine as _;
    let plain = name.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    if plain && !name.starts_with("=?") {
        return name.to_owned();
    }
    let coded = base64::engine::general_purpose::STANDARD.encode(name);
    format!("=?base64?{coded}?=")
}

fn fault(id: &Value, code: i32, message: &str) -> Value {
    let mut fault = json!({ "jsonrpc": "2.0", "error": { "code": code, "message": message } });
    if let Value::Object(members) = &mut fault {
        members.insert("id".to_owned(), id.clone());
    }
    fault
}
