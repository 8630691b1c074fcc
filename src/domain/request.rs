//! One question to the engine: principal, action, resource, arguments, context.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{ActionId, ActionType, Context, CorrelationId, Principal, Resource, Stated};

/// Up to so many arguments are looked through one by one.
const FEW: usize = 8;

/// The arguments that will be sent on: one parsed JSON object, defaults filled in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Arguments(pub Map<String, Value>);

impl Arguments {
    /// The value of a top-level argument.
    ///
    /// Among a few arguments looking is quicker than hashing, and rules, schema and constraints all look.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value> {
        if self.0.len() > FEW {
            return self.0.get(name);
        }
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To act, if allowed.
    Run,
    /// To know what a run would come to: decided like one, and never done.
    DryRun,
    /// To know whether it would be allowed.
    Question,
}

/// Everything a decision depends on; the engine reads nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRequest {
    /// The name of this attempt.
    pub action_id: ActionId,
    /// Who asks.
    pub principal: Principal,
    /// What kind of act.
    pub action: ActionType,
    /// On what.
    pub resource: Resource,
    /// With which arguments.
    pub arguments: Arguments,
    /// What we found out.
    pub context: Context,
    /// What the caller says.
    pub stated: Arc<Stated>,
    /// To act or to know.
    pub purpose: Purpose,
    /// The caller's own name for the work.
    pub correlation_id: Option<CorrelationId>,
}
