//! Tools `report_incident`, `list_incidents`, `get_incident`, `update_incident` (`spec/governance.md`, 6).

use serde_json::{Value, json};

use crate::domain::{
    AgentId, Incident, IncidentId, IncidentStatus, IncidentType, Principal, Role, Roles, Severity,
    ToolClass, canonical_json,
};
use crate::incidents::{Consequence, Failure, Filter, Refusal, Report, StoreFailure, Update};
use crate::tools::{Fault, Output, Permit, ToolDefinition, ToolError};

use super::{Governance, actor, changed, count, json_text, mendable, schemas, text};

/// The longest evidence, in bytes of JSON.
const EVIDENCE: usize = 16 * 1024;

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let reporters = Roles::of(&[Role::Agent, Role::Operator]);
    let readers = Roles::of(&[Role::Agent, Role::Auditor, Role::Operator]);
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
    let list = schemas::object(
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
        ToolDefinition::gateway("report_incident", ToolClass::Modify, "Reports something that somebody should look at. A critical report by an operator suspends the agent; one by an agent waits for an operator.", report).needs(reporters).safe(),
        ToolDefinition::gateway("list_incidents", ToolClass::Read, "Lists incidents, newest first: an agent sees those that it reported or that are about it.", list).needs(readers).safe(),
        ToolDefinition::gateway("get_incident", ToolClass::Read, "Shows one incident with its timeline.", schemas::object(&json!({ "incident_id": id }), &["incident_id"])).needs(readers).safe(),
        ToolDefinition::gateway("update_incident", ToolClass::Modify, "Acknowledges or resolves an incident, or opens it again for a reason.", update).needs(Roles::of(&[Role::Operator])),
    ]
}

pub(super) async fn report(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let kind = text(permit, "incident_type").unwrap_or_default();
    let kind = IncidentType::parse(kind).ok_or_else(|| unknown("incident type", kind, &types()))?;
    let severity = severity(text(permit, "severity").unwrap_or_default())?;
    let evidence = json_text::object(permit, "evidence", "invalid evidence JSON")?;
    let evidence = evidence.unwrap_or_default();
    let principal = &permit.request().principal;
    let report = Report {
        kind,
        severity,
        description: text(permit, "description").unwrap_or_default().to_owned(),
        agent_id: agent(permit)?,
        recommended_action: text(permit, "recommended_action").map(str::to_owned),
        auto_suspend: permit
            .arguments()
            .get("auto_suspend")
            .and_then(Value::as_bool)
            .unwrap_or(true),
        // Who acts for an agent makes that agent's report, with no more power than it has.
        reported_by: principal.agent_id.to_string(),
        may_suspend: principal.acted_by.is_none() && principal.roles.has(Role::Operator),
        of: Some(permit.outcome_of()),
        evidence,
    };
    let bytes = canonical_json(&Value::Object(report.evidence.clone())).len();
    if bytes > EVIDENCE {
        return Err(mendable(
            Fault::Range,
            "evidence",
            format!("evidence: {bytes} bytes, at most {EVIDENCE}"),
            "say where the rest is kept",
        ));
    }
    let reported = governance.incidents.report(report).await.map_err(failed)?;
    let incident = &reported.incident;
    Ok(changed(json!({
        "incident_id": incident.incident_id,
        "success": true,
        "message": message(incident, reported.consequence),
        "agent_suspended": reported.consequence == Consequence::Suspended,
        "needs_operator": incident.needs_operator,
        "severity": incident.severity,
        "type": incident.kind,
    })))
}

fn message(incident: &Incident, consequence: Consequence) -> String {
    let agent = incident.agent_id.as_ref().map_or("", AgentId::as_str);
    let suffix = match consequence {
        Consequence::Suspended => format!(" - Agent '{agent}' has been automatically suspended"),
        Consequence::Reserved => format!(" - Agent '{agent}' is never suspended"),
        Consequence::Unregistered => format!(" - Agent '{agent}' is not registered"),
        Consequence::Waiting => format!(" - Agent '{agent}' is about to be suspended"),
        Consequence::None if incident.needs_operator => " - an operator must look at it".to_owned(),
        Consequence::None => String::new(),
    };
    let (id, severity) = (incident.incident_id, incident.severity.as_str());
    format!("Incident '{id}' reported with severity '{severity}'{suffix}")
}

pub(super) async fn list(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let status = text(permit, "status").map(status).transpose()?;
    let severity = text(permit, "severity").map(severity).transpose()?;
    let kind = text(permit, "type")
        .map(|kind| {
            IncidentType::parse(kind).ok_or_else(|| unknown("incident type", kind, &types()))
        })
        .transpose()?;
    let filter = Filter {
        status,
        severity,
        kind,
        agent_id: agent(permit)?,
        visible_to: sees_only(&permit.request().principal),
    };
    let limit = count(permit, "limit")
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(100);
    let cursor = text(permit, "cursor").map(str::to_owned);
    let page = governance.incidents.list(filter, cursor, limit).await;
    let page = page.map_err(failed)?;
    let incidents: Vec<Value> = page.incidents.iter().map(view).collect();
    Ok(Output::of(json!({
        "incidents": incidents,
        "count": incidents.len(),
        "total": page.total,
        "next_cursor": page.next_cursor,
    })))
}

pub(super) async fn get(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let visible_to = sees_only(&permit.request().principal);
    let found = governance.incidents.get(id(permit)?, visible_to.as_ref());
    Ok(Output::of(view(&found.await.map_err(failed)?)))
}

pub(super) async fn update(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let own = |name| text(permit, name).map(str::to_owned);
    let update = Update {
        status: status(text(permit, "status").unwrap_or_default())?,
        by: actor(permit),
        reason: own("reason"),
        resolution: own("resolution"),
        of: Some(permit.outcome_of()),
    };
    let updated = governance.incidents.update(id(permit)?, update).await;
    Ok(changed(view(&updated.map_err(failed)?)))
}

/// Whose incidents the caller sees; `None`: everybody's.
fn sees_only(principal: &Principal) -> Option<AgentId> {
    let reads_all = principal
        .roles
        .meets(Roles::of(&[Role::Auditor, Role::Operator]));
    let all = principal.acted_by.is_none() && reads_all;
    (!all).then(|| principal.agent_id.clone())
}

/// An incident as people and agents see it.
pub(super) fn view(incident: &Incident) -> Value {
    json!({
        "incident_id": incident.incident_id,
        "type": incident.kind,
        "severity": incident.severity,
        "status": incident.status,
        "agent_id": incident.agent_id,
        "tool": incident.tool,
        "code": incident.code,
        "action_id": incident.action_id,
        "description": incident.description,
        "evidence": incident.evidence,
        "reported_by": incident.reported_by,
        "recommended_action": incident.recommended_action,
        "needs_operator": incident.needs_operator,
        "count": incident.count,
        "counted": incident.counted,
        "suspension": incident.suspension,
        "created_at": incident.created_at,
        "updated_at": incident.updated_at,
        "timeline": incident.timeline,
        "resolution": incident.resolution,
    })
}

fn id(permit: &Permit) -> Result<IncidentId, ToolError> {
    let given = text(permit, "incident_id").unwrap_or_default();
    IncidentId::parse(given).map_err(|fault| {
        mendable(
            Fault::Value,
            "invalid incident_id",
            fault.to_string(),
            "list_incidents names them",
        )
    })
}

fn agent(permit: &Permit) -> Result<Option<AgentId>, ToolError> {
    let parse = |given| {
        AgentId::parse(given).map_err(|fault| {
            let hint = "name the agent as the registry does";
            mendable(Fault::Value, "invalid agent_id", fault.to_string(), hint)
        })
    };
    text(permit, "agent_id").map(parse).transpose()
}

fn severity(given: &str) -> Result<Severity, ToolError> {
    Severity::parse(given).ok_or_else(|| unknown("severity", given, &severities()))
}

fn status(given: &str) -> Result<IncidentStatus, ToolError> {
    IncidentStatus::parse(given).ok_or_else(|| unknown("status", given, &statuses()))
}

fn types() -> String {
    let names: Vec<&str> = IncidentType::ALL.iter().map(|kind| kind.as_str()).collect();
    names.join(", ")
}

fn severities() -> String {
    Severity::ALL.map(Severity::as_str).join(", ")
}

fn statuses() -> String {
    let names: Vec<&str> = IncidentStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    names.join(", ")
}

fn unknown(what: &str, given: &str, known: &str) -> ToolError {
    mendable(
        Fault::Value,
        "invalid value",
        format!("Invalid {what} '{given}'. Must be one of: {known}"),
        "values are exact and lower case",
    )
}

pub(super) fn failed(failure: Failure) -> ToolError {
    let message = failure.to_string();
    match failure {
        Failure::Unknown(_) => mendable(
            Fault::Missing,
            "unknown incident",
            message,
            "list_incidents names those that you may see",
        ),
        Failure::Refused(refusal) => refused(&refusal, message),
        Failure::Store(StoreFailure::Cursor(_)) => mendable(
            Fault::Value,
            "cursor",
            message,
            "leave it out to start at the newest",
        ),
        Failure::Store(StoreFailure::Unavailable(_)) | Failure::Audit(_) => {
            ToolError::Unavailable(message)
        }
    }
}

fn refused(refusal: &Refusal, message: String) -> ToolError {
    let (fault, error, hint) = match refusal {
        Refusal::Already(..) => (Fault::Conflict, "status", "nothing is left to do"),
        Refusal::Resolved(_) => (
            Fault::Conflict,
            "status",
            "set status to open, with a reason",
        ),
        Refusal::NoReason(_) => (Fault::Range, "reason", "add a reason"),
        Refusal::NoResolution(_) => (Fault::Range, "resolution", "add a resolution"),
        Refusal::NotResolved => (
            Fault::Range,
            "resolution",
            "leave it out, or set status to resolved",
        ),
    };
    mendable(fault, error, message, hint)
}
