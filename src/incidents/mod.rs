//! Incidents: what somebody should look at. Denials open them, agents and people report them, operators end them.
//!
//! [`Watch`] hears the trail and only notes; [`Incidents`] counts what was noted, writes it down, and suspends where
//! that is due. Automation only ever tightens: nothing in here reinstates.

mod store; // what the room needs from a store
mod suspend; // what it needs of the registry
mod signal; // what a record means here
mod inbox; // what was heard and is not counted yet
mod book; // which incidents count, and how often each agent was denied
mod draft; // how an incident begins
mod triage; // how it goes on and ends
mod error; // what can go wrong
mod desk; // where they are written, one at a time
mod keeper; // what can be done with them
mod counting; // from what was heard to what is written
mod orders; // from what was counted to who is suspended
mod rebuild; // what an earlier run left uncounted
mod metrics; // figures of incidents

use std::time::Duration;

pub use draft::{Consequence, Report, Reported};
pub use error::{Failure, StoreFailure};
pub use inbox::Watch;
pub use keeper::{Incidents, Parts};
pub use metrics::IncidentGauges;
pub use signal::{AGENT_REINSTATEMENT, AGENT_SUSPENSION, OPENING, UNCOUNTED};
pub use store::{Filter, IncidentStore, Page, Summary};
pub use suspend::{Suspend, Suspending, SuspensionOrder};
pub use triage::{Refusal, Update};

/// How long an incident goes on counting denials of its kind after the last one (`spec/governance.md`, "Incidents").
pub const COUNTING: Duration = Duration::from_mins(10);

/// When an agent is suspended for its denials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many denied runs an agent may have in the window; one more suspends it. `0`: denials are not counted.
    pub suspend_after: usize,
    /// How far back denied runs count.
    pub window: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suspend_after: 20,
            window: Duration::from_mins(10),
        }
    }
}
