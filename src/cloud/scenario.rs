//! Incidents to play: which service breaks, and how badly.

use serde_json::json;

use super::report::{Actor, Draft, Report, fields};
use super::state::State;
use crate::domain::{Health, Timestamp};

/// The name under which a simulated incident stands among the actions.
const ACTION: &str = "simulate_incident";

/// Why an incident cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// The cloud has no such service.
    #[error("Service '{service}' not found: one of {}", available.join(", "))]
    Service {
        /// What was asked for.
        service: String,
        /// What there is.
        available: Vec<String>,
    },
    /// No such health.
    #[error("Invalid status '{0}': one of healthy, degraded, critical")]
    Status(String),
}

/// Sets a service's health, for drills and demonstrations; without a status, to critical.
///
/// The answer is `{success, message}`, and the report carries the next state and the health that
/// it set, as a restart does.
///
/// # Errors
/// When there is no such service or health; nothing is ignored in silence.
pub fn simulate_incident(
    state: &State,
    service: &str,
    status: Option<&str>,
    by: &Actor,
    now: Timestamp,
) -> Result<Report, ScenarioError> {
    let health = match status {
        None => Health::Critical,
        Some(text) => Health::parse(text).ok_or_else(|| ScenarioError::Status(text.to_owned()))?,
    };
    let mut next = state.clone();
    let change = next
        .set_health(service, health)
        .ok_or_else(|| ScenarioError::Service {
            service: service.to_owned(),
            available: state
                .service_names()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })?;
    let status = health.as_str();
    let result = json!({
        "success": true,
        "message": format!("Simulated incident: {service} set to {status}"),
    });
    let draft = Draft {
        action: ACTION,
        next,
        details: fields([("service", json!(service)), ("status", json!(status))]),
        health_change: Some(change),
    };
    Ok(draft.report(result, by, now))
}
