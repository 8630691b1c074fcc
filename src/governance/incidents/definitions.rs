//! What the tools about incidents take and answer.

use serde_json::{Value, json};

use crate::domain::{
    IncidentStatus, IncidentType, Role, Roles, Severity, SuspensionState, ToolClass,
};
use crate::tools::ToolDefinition;
use crate::tools::schema::{answer, count, flag, instant, list, one_of, or_null, text};

use super::super::schemas;
use super::{severities, statuses, types};

pub(in crate::governance) fn definitions() -> Vec<ToolDefinition> {
    let reporters = Roles::any_of(&[Role::Agent, Role::Operator]);
    let readers = Roles::any_of(&[Role::Agent, Role::Auditor, Role::Operator]);
    let id = json!({ "type": "string", "maxLength": 64, "description": "inc_ and 12 hex digits" });
    let name = |about: &str| json!({ "type": "string", "maxLength": 128, "description": about });
    let words = |about: &str, values: &str| json!({ "type": "string", "maxLength": 64, "description": format!("{about}: {values}") });
    let prose = |most: usize, about: &str| json!({ "type": "string", "maxLength": most, "description": about });
    let report = schemas::object(
        &json!({
            "incident_type": words("What kind", &types()),
            "severity": words("How bad", &severities()),
            "description": { "type": "string", "minLength": 1, "maxLength": 4000, "description": "What happened" },
            "agent_id": name("The agent it is about"),
            "evidence": { "type": ["object", "string"], "description": "What you saw: an object, or its JSON text" },
            "recommended_action": prose(2000, "What should be done"),
            "auto_suspend": { "type": "boolean", "description": "Whether a critical one suspends the agent, if an operator reports it; true if left out" },
        }),
        &["incident_type", "severity", "description"],
    );
    let filters = schemas::object(
        &json!({
            "status": words("Only those", &statuses()),
            "severity": words("Only those", &severities()),
            "type": words("Only those", &types()),
            "agent_id": name("Only those about this agent"),
            "limit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "How many, newest first" },
            "cursor": name("next_cursor of the page before"),
        }),
        &[],
    );
    let update = schemas::object(
        &json!({
            "incident_id": id,
            "status": words("What it becomes", &statuses()),
            "reason": schemas::reason(),
            "resolution": prose(2000, "How it was resolved; a critical one takes it"),
        }),
        &["incident_id", "status"],
    );
    vec![
        ToolDefinition::gateway("report_incident", ToolClass::Modify, "Reports something that somebody should look at. A critical report by an operator suspends the agent; one by an agent waits for an operator.", report).answers(reported()).needs(reporters).safe(),
        ToolDefinition::gateway("list_incidents", ToolClass::Read, "Lists incidents, newest first: an agent sees those that it reported or that are about it.", filters).answers(page()).needs(readers).safe(),
        ToolDefinition::gateway("get_incident", ToolClass::Read, "Shows one incident with its timeline.", schemas::object(&json!({ "incident_id": id }), &["incident_id"])).answers(incident()).needs(readers).safe(),
        ToolDefinition::gateway("update_incident", ToolClass::Modify, "Acknowledges or resolves an incident, or opens it again for a reason.", update).answers(incident()).needs(Roles::any_of(&[Role::Operator])),
    ]
}

/// What came of a report.
fn reported() -> Value {
    answer(
        &json!({
            "incident_id": id(),
            "success": { "type": "boolean", "const": true },
            "message": text("What happened"),
            "agent_suspended": flag("Whether the agent is suspended now"),
            "needs_operator": flag("Whether only an operator can do what it asks for"),
            "severity": severity(),
            "type": kind(),
        }),
        &[],
    )
}

/// A page of incidents.
fn page() -> Value {
    answer(
        &json!({
            "incidents": list(&incident()),
            "count": count("Incidents of this page"),
            "total": count("Incidents that fit the filters"),
            "next_cursor": or_null(&text("Leads to the next page")),
        }),
        &[],
    )
}

/// An incident.
fn incident() -> Value {
    let line = answer(
        &json!({ "at": instant(), "by": text("Who"), "event": text("What") }),
        &[],
    );
    let counted = answer(
        &json!({
            "first_seq": count("The record of the first denial"),
            "last_seq": count("The record of the last denial"),
            "last_at": instant(),
        }),
        &[],
    );
    let states: Vec<&str> = SuspensionState::ALL
        .iter()
        .map(|state| state.as_str())
        .collect();
    let suspension = answer(
        &json!({
            "state": one_of(&states),
            "numbers": { "type": "object", "description": "What triggered it" },
        }),
        &[],
    );
    let names: Vec<&str> = IncidentStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    answer(
        &json!({
            "incident_id": id(),
            "type": kind(),
            "severity": severity(),
            "status": one_of(&names),
            "agent_id": or_null(&text("The agent it is about")),
            "tool": or_null(&text("The tool it is about")),
            "code": or_null(&text("The code of the denials that are counted on it")),
            "action_id": or_null(&text("The attempt that opened it")),
            "description": text("What happened"),
            "evidence": { "type": "object", "description": "What the reporter saw" },
            "reported_by": text("Who reported it; `gateway` for its own"),
            "recommended_action": or_null(&text("What the reporter would do")),
            "needs_operator": flag("Whether only an operator can do what it asks for"),
            "count": count("How often it happened"),
            "counted": or_null(&counted),
            "suspension": or_null(&suspension),
            "created_at": instant(),
            "updated_at": instant(),
            "timeline": list(&line),
            "resolution": or_null(&text("How it was resolved")),
        }),
        &[],
    )
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^inc_[0-9a-f]{12}$" })
}

fn kind() -> Value {
    let names: Vec<&str> = IncidentType::ALL.iter().map(|kind| kind.as_str()).collect();
    one_of(&names)
}

fn severity() -> Value {
    one_of(&Severity::ALL.map(Severity::as_str))
}
