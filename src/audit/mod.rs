//! The audit trail: every decision and outcome, in order, each record sealed by the one before.
//!
//! No record, no action: whatever acts needs a [`Recorded`] decision, and only the [`Recorder`] makes one.

mod record; // what a record says
mod kinds; // its closed lists of words
mod render; // its canonical text
mod redact; // what is taken out of it first
mod repeats; // denials that say what others have said
mod scribe; // how records are made of what happened
mod tally; // counts instead of floods
mod chain; // how records are sealed
mod columns; // what is searched by
mod entry; // what is written together
mod error; // what can go wrong
mod store; // what the trail needs from a store
mod ids; // names of attempts
mod metrics; // figures of the trail
mod line; // what waits to be written
mod writer; // group commit
mod commit; // what its leader does
mod lead; // who that is
mod clerk; // the threads behind it
mod recorded; // proof that something is on record
mod config; // how it is written
mod recorder; // who writes
mod recovery; // what an earlier run left behind
mod query; // how it is read back
mod inspector; // how it is verified meanwhile
mod compliance; // what is counted of it, and what follows

pub use chain::{Fault, FirstFault, Head, Report, Stored, Verifier, open_seal};
pub use columns::{Columns, NONE, action_code, kind_code, status_code};
pub use compliance::{Counts, Standing, Tally, counted};
pub use config::{Config, DurabilityPolicy};
pub use entry::{Durability, Entry, PolicyVersion, Release, StateChange};
pub use error::{AuditError, ChangeError, Conflict};
pub use ids::{action_sequence, record_id, record_sequence};
pub use inspector::{ChainState, Inspector};
pub use metrics::TrailMetrics;
pub use query::{Cursors, Filter, Page, QueryError, TrailReader};
pub use record::{
    Actor, AuditRecord, Caller, DeterminedBy, Door, OutcomeStatus, RecordKind, RecordedOutcome,
    Ruling, Source, Status,
};
pub use recorded::{Recorded, Simulated};
pub use recorder::{Figures, Recorder};
pub use recovery::Recovery;
pub use redact::{Redactor, derive};
pub use render::{Body, Place};
pub use scribe::{ChangeNote, Outcome, OutcomeOf};
pub use store::{AuditStore, LogKeeper, LogSync, Marks, StoreFault, Trail};
pub use writer::Listener;
