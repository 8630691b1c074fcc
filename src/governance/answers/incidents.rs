//! Incidents.

use serde_json::{Value, json};

use super::{action_id, object};
use crate::domain::{IncidentStatus, IncidentType, Severity};
use crate::tools::schema::{answer, count, done_and, flag, instant, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "report_incident" => answer(
            &done_and(json!({
                "incident_id": id(),
                "agent_suspended": flag("Whether it suspended the agent"),
                "needs_operator": flag("Whether only an operator can do what it asks for"),
                "severity": severity(),
                "type": kind(),
            })),
            &[],
        ),
        "list_incidents" => answer(
            &json!({
                "incidents": list(&incident()),
                "count": count("Incidents of this page"),
                "total": count("Incidents that fit"),
                "next_cursor": or_null(&text("Leads to the next page")),
            }),
            &[],
        ),
        "get_incident" | "update_incident" => incident(),
        _ => return None,
    })
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^inc_[0-9a-f]{12}$" })
}

fn severity() -> Value {
    one_of(&Severity::ALL.map(Severity::as_str))
}

fn kind() -> Value {
    let names: Vec<&str> = IncidentType::ALL.iter().map(|kind| kind.as_str()).collect();
    one_of(&names)
}

fn incident() -> Value {
    let statuses: Vec<&str> = IncidentStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    let event = answer(
        &json!({ "at": instant(), "by": text("Who"), "event": text("What, in words") }),
        &[],
    );
    answer(
        &json!({
            "incident_id": id(),
            "type": kind(),
            "severity": severity(),
            "status": one_of(&statuses),
            "agent_id": or_null(&text("The agent it is about")),
            "tool": or_null(&text("The tool or target it is about")),
            "code": or_null(&text("The code of the denials that are counted on it")),
            "action_id": or_null(&action_id()),
            "description": text("What happened"),
            "evidence": object("What the reporter saw"),
            "reported_by": text("Who reported it"),
            "recommended_action": or_null(&text("What the reporter would do")),
            "needs_operator": flag("Whether only an operator can do what it asks for"),
            "count": count("How often it happened"),
            "counted": { "description": "Up to which record it is counted" },
            "suspension": { "description": "The suspension that it led to, with its numbers" },
            "created_at": instant(),
            "updated_at": instant(),
            "timeline": list(&event),
            "resolution": or_null(&text("How it was resolved")),
        }),
        &[],
    )
}
