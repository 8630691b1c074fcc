//! What a tool may say to its client while it works, and ask of it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

/// Something that takes a while.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How far a tool has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// How much is done; never less than before.
    pub done: f64,
    /// Of how much.
    pub total: Option<f64>,
    /// In words.
    pub message: Option<String>,
}

/// The client does not answer what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client does not answer: {0}")]
pub struct NotAnswered(pub String);

/// The client behind a call, as far as its door reaches it.
pub trait Client: Send + Sync {
    /// What it says it can do, as MCP words it: `{"sampling": {}, "elicitation": {}}`.
    fn capabilities(&self) -> Value;

    /// What it sent along in answer to an earlier question: `inputResponses` and `requestState`.
    fn inputs(&self) -> Value;

    /// Tells how far the work has come, if the client wants to know.
    fn progress(&self, progress: Progress) -> Soon<'_, ()>;

    /// Hands on a line of the tool's log, if the client wants lines of this level.
    fn log(&self, level: &'static str, data: Value) -> Soon<'_, ()>;

    /// Asks the client something: `sampling/createMessage`, `elicitation/create`.
    fn ask(&self, method: &'static str, params: Value) -> Soon<'_, Result<Value, NotAnswered>>;
}

/// The client of a call, if its door has a way back to it.
#[derive(Clone, Default)]
pub struct Line(Option<Arc<dyn Client>>);

impl Line {
    /// The way to this client.
    #[must_use]
    pub fn to(client: Arc<dyn Client>) -> Self {
        Self(Some(client))
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> Option<&dyn Client> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Line(open)"
        } else {
            "Line(none)"
        })
    }
}
