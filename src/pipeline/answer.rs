//! What the caller gets: an answer, or a word that there is none.

use serde_json::Value;

use crate::audit::AuditError;
use crate::decision_point::Ask;
use crate::domain::ActionId;
use crate::policy::Decision;
use crate::registry::RegistryRefusal;
use crate::tools::Fault;

/// The end of a call that was decided and is on record.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// What came of it.
    pub body: Body,
}

/// What came of a decision.
#[derive(Debug, Clone)]
pub enum Body {
    /// It ran and gave this.
    Done(Value),
    /// It ran and failed.
    Failed {
        /// In words.
        message: String,
        /// What the tool said besides.
        detail: Value,
    },
    /// The caller can mend it; nothing changed.
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
    /// It was denied, or waits for an approval: the decision says which.
    Refused,
    /// It was only asked: the plan of the tool, if it can make one.
    Shadow {
        /// What would happen.
        plan: Option<Value>,
    },
}

impl Answer {
    pub(super) const fn new(decision: Decision, body: Body) -> Self {
        Self { decision, body }
    }

    pub(super) const fn refused(decision: Decision) -> Self {
        Self {
            decision,
            body: Body::Refused,
        }
    }
}

/// Why a call has no answer. Nothing ran, or what it gave is withheld.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The credential is not accepted.
    #[error("not authenticated")]
    Unauthenticated,
    /// The caller names an agent for whom it may not act.
    #[error(transparent)]
    NotForThem(RegistryRefusal),
    /// Nobody knows the agent, and too many registered themselves already.
    #[error("{0}")]
    Full(String),
    /// The trail or the store takes no record of it.
    #[error("the audit trail takes no record: {why}")]
    Unavailable {
        /// The attempt.
        action_id: ActionId,
        /// Why, for the log.
        why: String,
    },
    /// It ran, but its outcome could not be put on record.
    #[error("it ran, but its outcome could not be recorded: {why}")]
    Withheld {
        /// The attempt.
        action_id: ActionId,
        /// Why, for the log.
        why: String,
    },
    /// Nobody knows the agent, and its registration could not be put on record.
    #[error("the agent could not be registered: {0}")]
    Unregistered(String),
    /// Policy or mode changed again and again while it was decided.
    #[error("the policy or mode kept changing while the call was decided")]
    Unsettled {
        /// The attempt.
        action_id: ActionId,
    },
    /// The call broke on a bug of ours.
    #[error("internal error")]
    Broken,
}

impl Unanswered {
    pub(super) fn audit(ask: &Ask, fault: &AuditError) -> Self {
        Self::Unavailable {
            action_id: ask.action_id,
            why: fault.to_string(),
        }
    }
}
