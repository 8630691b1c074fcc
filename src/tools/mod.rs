//! What does work: backends behind one trait, reached only with a permit.

mod client; // the way back to who called
mod catalog; // every tool of every backend under one name space
mod cloud; // backend: the simulated cloud
mod cloud_answers; // what it answers
mod definition; // a tool as clients see it
mod permit; // the only key a backend accepts
mod shelf; // resources and prompts
pub mod schema; // words for schemas of answers

use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

use crate::audit::{ChangeNote, StateChange};
use crate::domain::{Arguments, Timestamp};

pub use catalog::{Catalog, CatalogError};
pub use client::{Client, Line, NotAnswered, Progress, Soon};
pub use cloud::CloudBackend;
pub use definition::ToolDefinition;
pub use permit::Permit;
pub use shelf::Shelf;

/// The future of a backend's work.
pub type Work<'a> = Pin<Box<dyn Future<Output = Result<Output, ToolError>> + Send + 'a>>;

/// Something that does work. Calling it takes a [`Permit`], which takes a recorded decision.
pub trait ToolBackend: Send + Sync {
    /// The tools it answers, in a stable order.
    fn definitions(&self) -> Vec<ToolDefinition>;

    /// Does the work. All that happens before the first wait happens under the gate's lock.
    fn call(&self, permit: Permit) -> Work<'_>;

    /// What a call would do, without doing it; `None` when the tool cannot say.
    fn plan(&self, tool: &str, arguments: &Arguments, now: Timestamp) -> Option<Value>;

    /// What it offers beside tools.
    fn shelf(&self) -> Shelf {
        Shelf::default()
    }
}

/// What a tool gave back.
#[derive(Debug, Default)]
pub struct Output {
    /// The answer.
    pub result: Value,
    /// What the gateway must store with the outcome.
    pub changes: Vec<StateChange>,
    /// For a management call: what its change record says, which stands for an outcome (`spec/audit.md`).
    pub note: Option<ChangeNote>,
    /// Whether the change record is written already, under the gate.
    pub recorded: bool,
}

impl Output {
    /// An answer that changes nothing the gateway stores.
    #[must_use]
    pub const fn of(result: Value) -> Self {
        Self {
            result,
            changes: Vec::new(),
            note: None,
            recorded: false,
        }
    }

    /// The answer of a management call whose change record is written.
    #[must_use]
    pub const fn changed(result: Value) -> Self {
        Self {
            result,
            changes: Vec::new(),
            note: None,
            recorded: true,
        }
    }
}

/// What kind of mistake a caller can mend; the doors choose their statuses by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A value that is not one of those there are (400).
    Value,
    /// A value out of its range or too short (422).
    Range,
    /// Something that does not exist (404).
    Missing,
    /// Something that stands in the way (409).
    Conflict,
    /// Too much of something, for now (429; 200 in the execution API).
    Busy,
    /// Nothing of it for so many seconds (429; 200 in the execution API).
    Locked(u32),
}

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The tool ran and says no: an unknown service, a failed upstream call.
    #[error("{message}")]
    Failed {
        /// In words.
        message: String,
        /// What the tool said besides.
        detail: Value,
        /// What the gateway must store with the outcome.
        changes: Vec<StateChange>,
    },
    /// The caller can mend it.
    #[error("{message}")]
    Mendable {
        /// What kind of mistake.
        fault: Fault,
        /// A short name of it.
        error: &'static str,
        /// In words.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// It did not answer in time; nobody knows whether it took effect.
    #[error("no answer within {} seconds: it may still have taken effect", .0.as_secs())]
    Late(Duration),
    /// The trail or the store does not take a change now.
    #[error("the trail cannot take a record now: {0}")]
    Unavailable(String),
}
