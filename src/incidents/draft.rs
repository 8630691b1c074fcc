//! How an incident begins: what was reported, and what the gateway saw.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Config;
use super::book::{Crossing, CrossingKind, Key, REPEATS};
use super::signal::Denial;
use crate::audit::OutcomeOf;
use crate::domain::{ActionId, AgentId, CountedDenials, Incident, IncidentType, Severity};

/// Who writes what the gateway saw.
pub(super) const GATEWAY: &str = "gateway";

/// What triggers a suspension by a critical incident.
pub(super) const CRITICAL: &str = "critical_incident";

/// An incident that somebody reports.
#[derive(Debug, Clone)]
pub struct Report {
    /// What kind.
    pub kind: IncidentType,
    /// How bad.
    pub severity: Severity,
    /// What happened, in words.
    pub description: String,
    /// The agent it is about.
    pub agent_id: Option<AgentId>,
    /// What the reporter saw.
    pub evidence: Map<String, Value>,
    /// What the reporter would do.
    pub recommended_action: Option<String>,
    /// Whether a critical one suspends the agent.
    pub auto_suspend: bool,
    /// Who reports it.
    pub reported_by: String,
    /// Whether the reporter may suspend: an operator or admin who speaks for itself.
    pub may_suspend: bool,
    /// The decision whose outcome the report is.
    pub of: Option<OutcomeOf>,
}

/// What came of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The incident as it is stored.
    pub incident: Incident,
    /// What follows for the agent.
    pub consequence: Consequence,
}

/// What follows from an incident for the agent it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing: it was not asked for, or there is no agent.
    None,
    /// It is suspended.
    Suspended,
    /// It is one of the gateway's own names, which are never suspended.
    Reserved,
    /// Nobody of this name is registered.
    Unregistered,
    /// The suspension could not be written just now; it is tried again until it is.
    Waiting,
}

/// What an incident is made of, before it has a name.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: IncidentType,
    pub(super) severity: Severity,
    pub(super) agent_id: Option<AgentId>,
    pub(super) tool: Option<Arc<str>>,
    pub(super) code: Option<Arc<str>>,
    pub(super) action_id: Option<ActionId>,
    pub(super) description: String,
    pub(super) evidence: Map<String, Value>,
    pub(super) reported_by: String,
    pub(super) recommended_action: Option<String>,
    pub(super) needs_operator: bool,
    pub(super) counted: Option<CountedDenials>,
    /// What triggers a suspension, with its numbers, if one is due.
    pub(super) suspension: Option<Map<String, Value>>,
}

impl Draft {
    /// The incident that a denial opens.
    pub(super) fn of_denial(denial: &Denial, key: &Key, opening: (IncidentType, Severity)) -> Self {
        let (kind, severity) = opening;
        let agent = &denial.agent;
        let description = match &key.tool {
            Some(tool) => format!("`{tool}` was denied to agent `{agent}`: {}", denial.reason),
            None => format!(
                "further tools were denied to agent `{agent}` with the code {}, first `{}`: {}",
                denial.code, denial.tool, denial.reason
            ),
        };
        let mut evidence = Map::new();
        evidence.insert("reason".to_owned(), json!(denial.reason));
        if let Some(policy) = &denial.policy {
            evidence.insert("policy".to_owned(), json!(policy));
        }
        Self {
            kind,
            severity,
            agent_id: AgentId::parse(agent).ok(),
            tool: key.tool.clone(),
            code: Some(Arc::clone(&denial.code)),
            action_id: denial.action_id,
            description,
            evidence,
            reported_by: GATEWAY.to_owned(),
            recommended_action: None,
            needs_operator: false,
            counted: Some(CountedDenials {
                first_seq: denial.seq,
                last_seq: denial.seq,
                last_at: denial.at,
            }),
            suspension: None,
        }
    }

    /// The incident of an agent that was denied too often.
    pub(super) fn of_crossing(crossing: &Crossing, config: &Config) -> Self {
        let window = config.window.as_secs();
        let Crossing { agent, denied, .. } = crossing;
        let mut numbers = Map::new();
        let mut number = |name: &str, value: Value| drop(numbers.insert(name.to_owned(), value));
        let (description, tool) = match &crossing.kind {
            CrossingKind::Runs => {
                number("trigger", json!("denied_runs"));
                number("limit", json!(config.suspend_after));
                (
                    format!(
                        "{denied} runs of agent `{agent}` were denied within {window} seconds, more than {}",
                        config.suspend_after
                    ),
                    None,
                )
            }
            CrossingKind::Repeated { tool, repeats } => {
                number("trigger", json!("repeated_run"));
                number("limit", json!(REPEATS));
                number("repeats", json!(repeats));
                (
                    format!(
                        "agent `{agent}` repeated a denied run of `{tool}` {repeats} times unchanged, more than {REPEATS}"
                    ),
                    Some(Arc::clone(tool)),
                )
            }
        };
        number("denied_runs", json!(denied));
        number("window_seconds", json!(window));
        number("first_seq", json!(crossing.first_seq));
        number("last_seq", json!(crossing.last_seq));
        Self {
            kind: IncidentType::SuspiciousActivity,
            severity: Severity::Critical,
            agent_id: AgentId::parse(agent).ok(),
            tool,
            code: None,
            action_id: None,
            description,
            evidence: Map::new(),
            reported_by: GATEWAY.to_owned(),
            recommended_action: Some(
                "find out why the agent insists, then reinstate it".to_owned(),
            ),
            needs_operator: false,
            counted: None,
            suspension: Some(numbers),
        }
    }

    /// The incident of a report, and whether a suspension is asked for that the reporter may not have.
    pub(super) fn of_report(report: Report) -> (Self, Option<OutcomeOf>) {
        let wants = report.severity == Severity::Critical && report.auto_suspend;
        let subject = report.agent_id.as_ref();
        let another = subject.is_some_and(|agent| agent.as_str() != report.reported_by);
        let needs_operator = !report.may_suspend && subject.is_some() && (another || wants);
        let suspends = wants && report.may_suspend;
        let suspension = suspends.then(|| trigger("report"));
        let draft = Self {
            kind: report.kind,
            severity: report.severity,
            agent_id: report.agent_id,
            tool: None,
            code: None,
            action_id: None,
            description: report.description,
            evidence: report.evidence,
            reported_by: report.reported_by,
            recommended_action: report.recommended_action,
            needs_operator,
            counted: None,
            suspension,
        };
        (draft, report.of)
    }

    /// The same, with a suspension for its being critical, if it is and the agent may be suspended.
    pub(super) fn suspending(mut self, halted: bool) -> Self {
        if self.severity == Severity::Critical && !halted {
            self.suspension = Some(trigger(CRITICAL));
        }
        self
    }
}

/// Numbers that hold nothing but what triggered a suspension.
pub(super) fn trigger(what: &str) -> Map<String, Value> {
    Map::from_iter([("trigger".to_owned(), json!(what))])
}
