//! How an incident goes on: open, acknowledged, resolved, and open again for a reason.

use crate::audit::OutcomeOf;
use crate::domain::{Incident, IncidentEvent, IncidentId, IncidentStatus, Severity, Timestamp};

/// What an operator does with an incident.
#[derive(Debug, Clone)]
pub struct Update {
    /// What it becomes.
    pub status: IncidentStatus,
    /// Who does it.
    pub by: String,
    /// Why; to open it again takes one.
    pub reason: Option<String>,
    /// How it was resolved; a critical one takes it.
    pub resolution: Option<String>,
    /// The decision whose outcome the change is.
    pub of: Option<OutcomeOf>,
}

/// Why a status does not change so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is so already.
    #[error("incident `{0}` is {status} already", status = .1.as_str())]
    Already(IncidentId, IncidentStatus),
    /// It was resolved, and only opening it again leads on from there.
    #[error("incident `{0}` is resolved: open it again before it can be acknowledged")]
    Resolved(IncidentId),
    /// To open it again takes a reason.
    #[error("reason: say why incident `{0}` is open again")]
    NoReason(IncidentId),
    /// To resolve a critical one takes a text.
    #[error("resolution: incident `{0}` is critical, say how it was resolved")]
    NoResolution(IncidentId),
    /// How it was resolved is said of something that is not.
    #[error("resolution: only a resolved incident has one")]
    NotResolved,
}

/// Takes the step, with a line in the timeline.
pub(super) fn step(
    incident: &mut Incident,
    update: &Update,
    now: Timestamp,
) -> Result<(), Refusal> {
    let id = incident.incident_id;
    let said = |text: &Option<String>| {
        let text = text.as_deref().map(str::trim).unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let (reason, resolution) = (said(&update.reason), said(&update.resolution));
    if update.status != IncidentStatus::Resolved && resolution.is_some() {
        return Err(Refusal::NotResolved);
    }
    let event = match (incident.status, update.status) {
        (from, to) if from == to => return Err(Refusal::Already(id, to)),
        (IncidentStatus::Resolved, IncidentStatus::Acknowledged) => {
            return Err(Refusal::Resolved(id));
        }
        (_, IncidentStatus::Open) if reason.is_none() => return Err(Refusal::NoReason(id)),
        (_, IncidentStatus::Resolved)
            if incident.severity == Severity::Critical && resolution.is_none() =>
        {
            return Err(Refusal::NoResolution(id));
        }
        (_, IncidentStatus::Open) => "opened again",
        (_, IncidentStatus::Acknowledged) => "acknowledged",
        (_, IncidentStatus::Resolved) => "resolved",
    };
    let words = resolution.as_ref().or(reason.as_ref());
    let event = words.map_or_else(|| event.to_owned(), |words| format!("{event}: {words}"));
    incident.status = update.status;
    incident.resolution = resolution;
    add_line(incident, now, &update.by, event);
    Ok(())
}

/// The most lines of a timeline; at the cap the oldest but the first, which tells how it began, makes room.
const LINES: usize = 200;

/// Adds a line to the timeline.
pub(super) fn add_line(incident: &mut Incident, at: Timestamp, by: &str, event: String) {
    if incident.timeline.len() >= LINES {
        incident.timeline.remove(1);
    }
    let by = by.to_owned();
    incident.timeline.push(IncidentEvent { at, by, event });
}

#[cfg(test)]
#[path = "tests/triage.rs"]
mod tests;
