//! Tools `report_incident`, `list_incidents`, `get_incident`, `update_incident` (`spec/governance.md`, 6).

mod definitions; // what they take and answer

use serde_json::{Map, Value, json};

use crate::domain::{
    AgentId, Incident, IncidentId, IncidentStatus, IncidentType, Principal, Role, Roles, Severity,
    canonical_json,
};
use crate::incidents::{
    Consequence, Failure, Filter, Refusal, Report, StoreFailure, Summary, Update,
};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::{Governance, actor, changed, count, json_text, mendable, text};

pub(super) use definitions::definitions;

/// The longest evidence, in bytes of JSON.
const EVIDENCE: usize = 16 * 1024;

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
    let reads_all = Roles::any_of(&[Role::Auditor, Role::Operator]);
    let caller = principal.acted_by.as_ref().unwrap_or(&principal.agent_id);
    (!principal.roles.meets(reads_all)).then(|| caller.clone())
}

/// How things stand, as compliance shows it.
pub(super) fn summary(summary: &Summary) -> Value {
    let by_severity: Map<String, Value> = summary
        .by_severity
        .iter()
        .map(|(severity, count)| (severity.as_str().to_owned(), json!(count)))
        .collect();
    json!({
        "total": summary.total,
        "open": summary.open,
        "open_critical": summary.open_critical,
        "by_severity": by_severity,
        "recent": summary.recent.iter().map(view).collect::<Vec<_>>(),
    })
}

/// An incident as people and agents see it.
fn view(incident: &Incident) -> Value {
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
