//! Backend: the simulated cloud, and what operators see and do of it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::audit::{ChangeNote, StateChange};
use crate::cloud::{self, ActionEntry, Actor, Operation, Report, ScenarioError, State};
use crate::domain::{Arguments, Role, Roles, Timestamp, ToolClass};

use super::{Fault, Output, Permit, ToolBackend, ToolDefinition, ToolError, Work, cloud_answers};

/// How many calls the history keeps.
const HISTORY: usize = 100;

/// The cloud and the calls that ran on it, as they are stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Stored {
    state: State,
    /// Newest last. Reads are kept until the process ends, changes and failures also beyond it.
    history: VecDeque<Event>,
    total_events: u64,
    /// Counts what is stored: of two that are written out of order the later one stays.
    revision: u64,
}

/// One call that ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Event {
    #[serde(flatten)]
    entry: ActionEntry,
    decision: String,
    result: Written,
}

/// A value as its JSON text: kept for each call, and looked at by few.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Value")]
struct Written(String);

impl From<&Value> for Written {
    fn from(value: &Value) -> Self {
        Self(serde_json::to_string(value).unwrap_or_default())
    }
}

impl From<Value> for Written {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}

/// The simulated cloud as tools.
#[derive(Debug, Default)]
pub struct CloudBackend {
    /// Guards state and history; a call holds it for its few microseconds of work.
    stored: Mutex<Stored>,
}

impl CloudBackend {
    /// The cloud as it was stored; a fresh one when nothing was.
    ///
    /// # Errors
    /// When what was stored is not a cloud.
    pub fn new(stored: Option<Value>) -> Result<Self, serde_json::Error> {
        let stored = stored
            .map(serde_json::from_value)
            .transpose()?
            .unwrap_or_default();
        Ok(Self {
            stored: Mutex::new(stored),
        })
    }

    /// What services look like now, for the very first start.
    #[must_use]
    pub fn health(&self) -> Vec<(String, crate::domain::Health)> {
        self.lock()
            .state
            .services()
            .iter()
            .map(|service| (service.name.clone(), service.health))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, permit: &Permit) -> Result<Output, ToolError> {
        match permit.tool() {
            "get_infrastructure_status" => Ok(Output::of(self.lock().state.status_view())),
            "get_execution_history" => Ok(Output::of(self.history(permit))),
            "simulate_incident" => self.simulate_incident(permit),
            "reset_cloud" => Ok(self.reset(permit)),
            tool => self.operate(tool, permit),
        }
    }

    fn operate(&self, tool: &str, permit: &Permit) -> Result<Output, ToolError> {
        let operation = Operation::parse(tool, &permit.arguments().0)
            .map_err(|fault| failed(fault.to_string(), Value::Null, Vec::new()))?;
        let now = permit.request().context.now;
        let mut stored = self.lock();
        let report = cloud::apply(&stored.state, &operation, &actor(permit), now);
        let changes = stored.take(&report, permit, now);
        match report.error {
            None => Ok(Output {
                result: report.result,
                changes,
                recorded: false,
                note: None,
            }),
            Some(message) => Err(failed(message, report.result, changes)),
        }
    }

    fn simulate_incident(&self, permit: &Permit) -> Result<Output, ToolError> {
        let text = |name| permit.arguments().get(name).and_then(Value::as_str);
        let now = permit.request().context.now;
        let mut stored = self.lock();
        let report = cloud::simulate_incident(
            &stored.state,
            text("service").unwrap_or_default(),
            text("status"),
            &actor(permit),
            now,
        )
        .map_err(|fault| match fault {
            ScenarioError::Service { .. } => {
                mendable("service", fault.to_string(), "list_services names them")
            }
            ScenarioError::Status(_) => {
                mendable("status", fault.to_string(), "leave it out for critical")
            }
        })?;
        let changes = stored.take(&report, permit, now);
        let note = note(permit, "simulate_incident", &report.result);
        Ok(Output {
            result: report.result,
            changes,
            recorded: false,
            note: Some(note),
        })
    }

    fn reset(&self, permit: &Permit) -> Output {
        let mut stored = self.lock();
        stored.state = stored.state.reset();
        stored.history.clear();
        let now = permit.request().context.now;
        let mut changes = vec![stored.put()];
        let services = stored.state.services().iter();
        changes.extend(services.map(|service| observe(&service.name, service.health, now)));
        let result =
            json!({ "success": true, "message": "the simulated cloud is as on its first day" });
        let note = note(permit, "cloud_reset", &result);
        Output {
            result,
            changes,
            recorded: false,
            note: Some(note),
        }
    }

    fn history(&self, permit: &Permit) -> Value {
        let limit = permit
            .arguments()
            .get("limit")
            .and_then(Value::as_u64)
            .unwrap_or(50);
        let stored = self.lock();
        let limit = usize::try_from(limit).unwrap_or(HISTORY);
        let newest: Vec<&Event> = stored.history.iter().rev().take(limit).collect();
        json!({ "history": newest, "total_events": stored.total_events })
    }
}

impl Stored {
    /// Takes what an operation reported: the next state, the history, and what must be stored with the record.
    fn take(&mut self, report: &Report, permit: &Permit, now: Timestamp) -> Vec<StateChange> {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(Event {
            entry: report
                .entry()
                .cloned()
                .unwrap_or_else(|| read_entry(permit, now)),
            decision: permit.decision().code().as_str().to_owned(),
            result: Written::from(&report.result),
        });
        self.total_events += 1;
        let mut changes = Vec::new();
        if let Some(next) = &report.next {
            self.state = next.clone();
        }
        if report.next.is_some() || report.error.is_some() {
            changes.push(self.put());
        }
        changes.extend(
            report
                .observed
                .iter()
                .map(|(service, health)| observe(service, *health, now)),
        );
        changes
    }

    fn put(&mut self) -> StateChange {
        self.revision += 1;
        StateChange::PutCloud {
            revision: self.revision,
            state: json!(self),
        }
    }
}

/// The history's entry of a call that changed nothing.
fn read_entry(permit: &Permit, now: Timestamp) -> ActionEntry {
    let request = permit.request();
    ActionEntry {
        timestamp: now,
        action: permit.tool().to_owned(),
        details: permit.arguments().0.clone(),
        agent_id: request.principal.agent_id.clone(),
        action_id: request.action_id,
        health_change: None,
    }
}

fn actor(permit: &Permit) -> Actor {
    let request = permit.request();
    Actor {
        agent_id: request.principal.agent_id.clone(),
        action_id: request.action_id,
    }
}

fn observe(service: &str, health: crate::domain::Health, at: Timestamp) -> StateChange {
    StateChange::ObserveHealth {
        service: service.to_owned(),
        health,
        at,
    }
}

fn note(permit: &Permit, operation: &'static str, result: &Value) -> ChangeNote {
    let principal = &permit.request().principal;
    let by = principal.acted_by.as_ref().unwrap_or(&principal.agent_id);
    let mut note = ChangeNote::new(operation, by.as_str());
    for (name, value) in &permit.arguments().0 {
        note = note.with(name, value.clone());
    }
    note.with(
        "message",
        result.get("message").cloned().unwrap_or_default(),
    )
}

fn failed(message: String, detail: Value, changes: Vec<StateChange>) -> ToolError {
    ToolError::Failed {
        message,
        detail,
        changes,
    }
}

fn mendable(error: &'static str, message: String, hint: &str) -> ToolError {
    ToolError::Mendable {
        fault: Fault::Value,
        error,
        message,
        hint: hint.to_owned(),
    }
}

impl ToolBackend for CloudBackend {
    fn definitions(&self) -> Vec<ToolDefinition> {
        let operator = Roles::of(&[Role::Operator]);
        let schema = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        let incident = schema(
            json!({
                "service": { "type": "string", "maxLength": 128, "description": "The service that breaks" },
                "status": { "type": "string", "maxLength": 32, "description": "healthy, degraded or critical (the default)" },
            }),
            &["service"],
        );
        let limit = schema(
            json!({ "limit": { "type": "integer", "minimum": 1, "maximum": HISTORY, "default": 50, "description": "How many, newest first" } }),
            &[],
        );
        let offered = cloud::definitions().into_iter().map(|tool| ToolDefinition {
            facts: tool.facts,
            description: tool.description,
            output_schema: None,
            in_mcp: false,
            rest_only: false,
        });
        let managed = [
            ToolDefinition::gateway("get_infrastructure_status", ToolClass::Read, "Shows services, fleet size and the last ten actions of the simulated cloud.", schema(json!({}), &[])).safe(),
            ToolDefinition::gateway("get_execution_history", ToolClass::Read, "Lists the calls that ran on the simulated cloud, newest first, each with the code of its decision and its result.", limit).safe(),
            ToolDefinition::gateway("simulate_incident", ToolClass::Modify, "Breaks (or mends) a service of the simulated cloud, for drills.", incident).needs(operator),
            ToolDefinition::gateway("reset_cloud", ToolClass::Modify, "Puts the simulated cloud back to its first state.", schema(json!({}), &[])).needs(operator),
        ];
        let answering = |mut tool: ToolDefinition| {
            tool.output_schema = cloud_answers::of(&tool.facts.name);
            tool
        };
        offered.chain(managed).map(answering).collect()
    }

    fn call(&self, permit: Permit) -> Work<'_> {
        Box::pin(async move { self.run(&permit) })
    }

    fn plan(&self, tool: &str, arguments: &Arguments, _now: Timestamp) -> Option<Value> {
        let operation = Operation::parse(tool, &arguments.0).ok()?;
        Some(json!(cloud::plan(&self.lock().state, &operation)))
    }
}
