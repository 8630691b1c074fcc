//! The only key a backend accepts: a recorded decision that allows, used once.

use std::sync::Arc;

use crate::audit::{Caller, OutcomeOf, Recorded};
use crate::domain::{ActionRequest, Arguments, Purpose};
use crate::policy::{Decision, Effect};

use super::Line;

/// An allowed, recorded decision about to become one call. Not `Clone`: one decision, one call.
#[derive(Debug)]
pub struct Permit {
    decision: Recorded<Decision>,
    of: OutcomeOf,
    line: Line,
}

impl Permit {
    /// Makes the permit of a recorded decision.
    ///
    /// # Errors
    /// Gives the decision back when it does not allow, or when it answers a question instead of a run.
    pub fn issue(
        decision: Recorded<Decision>,
        caller: &Caller,
    ) -> Result<Self, Recorded<Decision>> {
        let allows = decision.get().effect() == Effect::Allow;
        let is_run = decision.get().request().purpose == Purpose::Run;
        if allows && is_run {
            let of = decision.outcome_of(caller);
            Ok(Self {
                decision,
                of,
                line: Line::default(),
            })
        } else {
            Err(decision)
        }
    }

    /// The same, with a way back to the client.
    #[must_use]
    pub fn with_line(mut self, line: Line) -> Self {
        self.line = line;
        self
    }

    /// The way back to the client.
    #[must_use]
    pub const fn line(&self) -> &Line {
        &self.line
    }

    /// The decision that this permit stands on.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        self.decision.get()
    }

    /// What the record of the outcome repeats of the decision.
    #[must_use]
    pub fn outcome_of(&self) -> OutcomeOf {
        self.of.clone()
    }

    /// Where the call came from.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        self.of.caller()
    }

    /// Whether it is one of many reads that share a record, and has no outcome of its own.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.decision.is_counted()
    }

    /// The request that was decided, which is the one to carry out.
    #[must_use]
    pub const fn request(&self) -> &Arc<ActionRequest> {
        self.decision().request()
    }

    /// The tool to run.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.request().resource.name
    }

    /// The arguments that were checked, which are the ones to send on.
    #[must_use]
    pub fn arguments(&self) -> &Arguments {
        &self.request().arguments
    }
}
