//! Incidents that are played.

use serde_json::json;

use super::*;
use crate::cloud::ScenarioError;
use crate::domain::Health;

#[test]
fn an_incident_is_critical_unless_it_says_otherwise() {
    let report = simulate_incident(&State::default(), "web-server", None, &actor(), now()).unwrap();
    assert_eq!(
        report.result,
        json!({ "success": true, "message": "Simulated incident: web-server set to critical" })
    );
    assert_eq!(
        report.observed,
        [("web-server".to_owned(), Health::Critical)]
    );
    let entry = json!(report.entry());
    assert_eq!(entry["action"], json!("simulate_incident"));
    assert_eq!(
        entry["details"],
        json!({ "service": "web-server", "status": "critical" })
    );
    assert_eq!(
        entry["health_change"],
        json!({ "service": "web-server", "old_status": "healthy", "new_status": "critical" })
    );
    let next = report.next.unwrap();
    assert_eq!(next.health_of("web-server"), Some(Health::Critical));
    assert_eq!(next.revision(), 1);
}

#[test]
fn an_incident_can_end() {
    let broken = with_health("cache", "degraded");
    let report = simulate_incident(&broken, "cache", Some("healthy"), &actor(), now()).unwrap();
    assert_eq!(
        report.next.unwrap().health_of("cache"),
        Some(Health::Healthy)
    );
}

#[test]
fn what_is_not_there_is_refused_and_never_ignored() {
    let play = |service: &str, status: &str| {
        simulate_incident(&State::default(), service, Some(status), &actor(), now()).unwrap_err()
    };
    assert_eq!(
        play("web-server", "whatever"),
        ScenarioError::Status("whatever".to_owned())
    );
    assert_eq!(
        play("web-server", "CRITICAL"),
        ScenarioError::Status("CRITICAL".to_owned())
    );
    assert_eq!(
        play("ghost", "critical").to_string(),
        "Service 'ghost' not found: one of web-server, api-gateway, database, cache, load-balancer"
    );
}
