//! What came of an operation: the tool's answer, and the state afterwards.

use serde_json::{Map, Value, json};

use super::state::{ActionEntry, HealthChange, State};
use crate::domain::{ActionId, AgentId, Health, Timestamp};

/// Who acts, and in which call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The agent.
    pub agent_id: AgentId,
    /// The call.
    pub action_id: ActionId,
}

/// What came of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What the tool says, also when the call failed: a JSON object.
    pub result: Value,
    /// Why the call failed; `None` when it did what was asked.
    pub error: Option<String>,
    /// The state afterwards; `None` when nothing changed and nothing need be stored.
    pub next: Option<State>,
    /// The health that the result showed, by service.
    pub observed: Vec<(String, Health)>,
}

impl Report {
    /// The entry that a change left among the recent actions; `None` when nothing changed.
    #[must_use]
    pub fn entry(&self) -> Option<&ActionEntry> {
        self.next.as_ref()?.recent_actions().next_back()
    }

    /// A call that was answered and changed nothing.
    pub(super) const fn read(result: Value, observed: Vec<(String, Health)>) -> Self {
        Self {
            result,
            error: None,
            next: None,
            observed,
        }
    }

    /// No such service; the answer lists those that are there.
    pub(super) fn no_service(state: &State, name: &str, now: Timestamp) -> Self {
        let available = json!(state.service_names());
        Self::not_found("Service", name, ("available_services", available), now)
    }

    /// No such database; the answer lists those that could be meant.
    pub(super) fn no_database<'a>(
        available: impl Iterator<Item = &'a String>,
        name: &str,
        now: Timestamp,
    ) -> Self {
        let available = json!(available.collect::<Vec<_>>());
        Self::not_found("Database", name, ("available_databases", available), now)
    }

    /// A call that names what is not there.
    fn not_found(kind: &str, name: &str, available: (&str, Value), now: Timestamp) -> Self {
        let error = format!("{kind} '{name}' not found");
        let mut result = Map::new();
        result.insert("success".to_owned(), json!(false));
        result.insert("error".to_owned(), json!(error));
        result.insert(available.0.to_owned(), available.1);
        result.insert("timestamp".to_owned(), json!(now));
        Self {
            result: Value::Object(result),
            error: Some(error),
            next: None,
            observed: Vec::new(),
        }
    }
}

/// A change in the making: the state after it, and what its entry will say.
pub(super) struct Draft {
    /// The tool's name.
    pub(super) action: &'static str,
    /// The state, changed but not yet committed.
    pub(super) next: State,
    /// On what, and with which result.
    pub(super) details: Map<String, Value>,
    /// The health it set, if it set one.
    pub(super) health_change: Option<HealthChange>,
}

impl Draft {
    /// Ends the change: enters it among the recent actions.
    pub(super) fn report(self, result: Value, by: &Actor, now: Timestamp) -> Report {
        let shown = self.health_change.as_ref();
        let observed = shown.map(|change| (change.service.clone(), change.new_status));
        let mut next = self.next;
        next.commit(ActionEntry {
            timestamp: now,
            action: self.action.to_owned(),
            details: self.details,
            agent_id: by.agent_id.clone(),
            action_id: by.action_id,
            health_change: self.health_change,
        });
        Report {
            result,
            error: None,
            next: Some(next),
            observed: observed.into_iter().collect(),
        }
    }
}

/// An object of these fields.
pub(super) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
