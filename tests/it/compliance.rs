//! What is counted, and what follows from it.

use std::path::Path;
use std::time::Duration;

use policyguard::audit::{ChangeNote, StateChange};
use policyguard::domain::{
    AgentId, Incident, IncidentId, IncidentStatus, IncidentType, Severity, Timestamp,
};
use policyguard::pipeline::Body;
use serde_json::{Value, json};

use crate::support::House;

async fn compliance(house: &House, query: &str) -> Value {
    let reply = house.get(&format!("/api/v1/compliance?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    reply.body
}

/// So many allowed and denied calls.
async fn calls(house: &House, allowed: usize, denied: usize) {
    for _ in 0..allowed {
        house.execute("list_services", json!({})).await;
    }
    for _ in 0..denied {
        house.execute("delete_database", json!({})).await;
    }
}

#[tokio::test]
async fn thresholds_of_the_denial_rate_are_strict() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cases/cases.json");
    let mut first = json!({ "status": "healthy", "denial_rate": 10.0 });
    if let Ok(text) = std::fs::read_to_string(&file) {
        let data: Value = serde_json::from_str(&text).unwrap();
        let cases = data["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| case["id"] == "S1.comp.1").unwrap();
        assert_eq!(case["given"], json!("10 actions, 1 denied"));
        first = case["expect"].clone();
    } else {
        println!("no cases beside the repository: the numbers of this test are used");
    }
    let warning = json!({ "status": "warning", "denial_rate": 20.0, "compliance_score": 80.0, "status_message": "Elevated denial rate - review agent configurations" });
    let critical = json!({ "status": "critical", "denial_rate": 25.0, "compliance_score": 75.0, "status_message": "High denial rate indicates potential security issues or misconfigured policies" });
    let house = House::new().await;
    let nothing = compliance(&house, "").await;
    assert_eq!(nothing["compliance_score"], json!(100.0));
    assert_eq!(nothing["denial_rate"], json!(0.0));
    for (allowed, denied, expected) in [(9, 1, first), (3, 2, warning), (0, 1, critical)] {
        calls(&house, allowed, denied).await;
        let found = compliance(&house, "").await;
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&found[name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn only_what_agents_do_counts() {
    let house = House::new().await;
    calls(&house, 2, 1).await;
    house.set_mode("EMERGENCY").await;
    house.get("/api/v1/audit").await;
    house.execute("no_such_tool", json!({})).await;
    let bad = house
        .execute("scale_fleet", json!({ "count": "many" }))
        .await;
    assert_eq!(bad["code"], json!("invalid_parameters"), "{bad}");
    let shadow = json!({ "tool_name": "list_services", "execution_mode": "SHADOW" });
    house.post("/tools/execute", &shadow).await;
    let question = json!({ "action_type": "tool_call", "target": "delete_database" });
    house.post("/api/v1/decisions/validate", &question).await;
    let mut dry = question.clone();
    dry["dry_run"] = json!(true);
    house.post("/api/v1/decisions/validate", &dry).await;
    let found = compliance(&house, "").await;
    let metrics = &found["metrics"];
    assert_eq!(metrics["allowed_actions"], json!(2));
    assert_eq!(metrics["denied_actions"], json!(2), "a run and a question");
    assert_eq!(metrics["pending_actions"], json!(0));
    assert_eq!(metrics["total_actions"], json!(4));
    assert_eq!(metrics["unique_agents"], json!(1));
    assert_eq!(
        metrics["top_offenders"],
        json!([{ "agent_id": "local-operator", "violations": 2 }])
    );
    assert_eq!(
        metrics["action_breakdown"],
        json!({ "tool_call": { "allowed": 2, "denied": 2, "pending": 0 } })
    );
    assert_eq!(found["recent_violations"], json!(2));
    assert_eq!(
        found["recommendations"],
        json!(["Review agent 'local-operator': 2 actions were denied"])
    );
}

#[tokio::test]
async fn windows_end_at_whole_minutes_and_survive_restarts_and_steps() {
    let mut house = House::new().await;
    calls(&house, 1, 1).await;
    house.clock.advance(Duration::from_mins(30));
    // More than two steps of the stored sums, so that some of them are stored and some are not.
    calls(&house, 1_100, 0).await;
    let total = |found: Value| found["metrics"]["total_actions"].as_u64().unwrap();
    for _ in 0..2 {
        assert_eq!(total(compliance(&house, "time_range=1h").await), 1_102);
        assert_eq!(total(compliance(&house, "").await), 1_102);
        house = house.restarted().await;
    }
    house.clock.advance(Duration::from_mins(29));
    assert_eq!(total(compliance(&house, "time_range=1h").await), 1_102);
    house.clock.advance(Duration::from_mins(2));
    assert_eq!(total(compliance(&house, "time_range=1h").await), 1_100);
    assert_eq!(total(compliance(&house, "time_range=24h").await), 1_102);
    house.clock.advance(Duration::from_hours(24));
    assert_eq!(total(compliance(&house, "time_range=24h").await), 0);
    assert_eq!(total(compliance(&house, "time_range=7d").await), 1_102);
    for bad in ["2h", "24H", "60m", "", "1d"] {
        let reply = house
            .get(&format!("/api/v1/compliance?time_range={bad}"))
            .await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.body);
        assert_eq!(reply.body["hint"], json!("one of 1h, 24h, 7d, 30d"));
    }
}

#[tokio::test]
async fn an_agent_sees_its_own_numbers_and_no_weakness() {
    let house = House::new().await;
    calls(&house, 1, 3).await;
    house.as_model("list_services", json!({})).await;
    let answer = house.as_model("get_compliance_status", json!({})).await;
    let Body::Done(own) = answer.body else {
        panic!("{answer:?}")
    };
    assert_eq!(own["scope"], json!("own"));
    assert_eq!(own["metrics"]["total_actions"], json!(1));
    assert_eq!(own["metrics"]["top_offenders"], json!([]));
    assert_eq!(own["compliance_score"], json!(100.0));
    assert_eq!(own["posture"], json!([]));
    assert_eq!(own["policies"]["list"], json!([]));
    let all = compliance(&house, "").await;
    assert_eq!(all["scope"], json!("all"));
    assert_eq!(all["metrics"]["total_actions"], json!(5));
}

#[tokio::test]
async fn an_agent_that_did_nothing_has_no_numbers_of_others() {
    let house = House::new().await;
    calls(&house, 1, 3).await;
    let answer = house.as_model("get_compliance_status", json!({})).await;
    let Body::Done(own) = answer.body else {
        panic!("{answer:?}")
    };
    assert_eq!(own["metrics"]["total_actions"], json!(0));
    assert_eq!(own["metrics"]["unique_agents"], json!(0));
    assert_eq!(own["status"], json!("healthy"));
}

fn incident(number: u64, severity: Severity, status: IncidentStatus) -> Box<Incident> {
    Box::new(Incident {
        revision: 1,
        number,
        incident_id: IncidentId::from_bits(number),
        kind: IncidentType::SuspiciousActivity,
        severity,
        status,
        agent_id: AgentId::parse("bot").ok(),
        tool: None,
        code: None,
        action_id: None,
        description: "something".to_owned(),
        evidence: serde_json::Map::new(),
        reported_by: "gateway".to_owned(),
        recommended_action: None,
        needs_operator: false,
        count: 1,
        counted: None,
        suspension: None,
        created_at: Timestamp::from_millis(1_795_000_000_000),
        updated_at: Timestamp::from_millis(1_795_000_000_000),
        timeline: Vec::new(),
        resolution: None,
    })
}

#[tokio::test]
async fn an_open_critical_incident_is_critical_and_a_resolved_one_is_not() {
    let house = House::new().await;
    let put = async |incident| {
        let note = ChangeNote::new("incident", "gateway");
        let change = StateChange::PutIncident(incident);
        let recorded = house.app.recorder.change(note, vec![change], None).await;
        recorded.unwrap();
    };
    put(incident(1, Severity::Critical, IncidentStatus::Resolved)).await;
    put(incident(2, Severity::Low, IncidentStatus::Open)).await;
    let found = compliance(&house, "").await;
    assert_eq!(found["status"], json!("healthy"));
    put(incident(
        3,
        Severity::Critical,
        IncidentStatus::Acknowledged,
    ))
    .await;
    let found = compliance(&house, "").await;
    assert_eq!(found["status"], json!("critical"));
    let incidents = &found["incidents"];
    assert_eq!(incidents["total"], json!(3));
    assert_eq!(incidents["open"], json!(2));
    let by_severity = json!({ "low": 1, "medium": 0, "high": 0, "critical": 2 });
    assert_eq!(incidents["by_severity"], by_severity);
    let recent = incidents["recent"].as_array().unwrap();
    let names: Vec<Value> = recent
        .iter()
        .map(|incident| incident["incident_id"].clone())
        .collect();
    assert_eq!(
        names,
        [3, 2, 1].map(|number| json!(IncidentId::from_bits(number)))
    );
    let without = compliance(
        &house,
        "include_incidents=false&include_policy_summary=false",
    )
    .await;
    assert_eq!(without["status"], json!("critical"), "shown or not");
    assert!(without.get("incidents").is_none() && without.get("policies").is_none());
}

#[tokio::test]
async fn every_field_is_there_and_weaknesses_are_named() {
    let policy = "default_decision: allow\nmodes:\n  NORMAL: {}\n  CALM: { max_duration: none }\n";
    let house = House::with_policy_text(policy).await;
    let found = compliance(&house, "").await;
    for field in [
        "status",
        "status_message",
        "compliance_score",
        "denial_rate",
        "total_agents",
        "active_agents",
        "suspended_agents",
        "total_policies",
        "recent_violations",
        "time_range",
        "generated_at",
        "scope",
        "metrics",
        "incidents",
        "policies",
        "agents",
        "overrides",
        "approvals",
        "audit",
        "posture",
        "recommendations",
    ] {
        assert!(found.get(field).is_some(), "{field}");
    }
    assert_eq!(
        found["posture"],
        json!([
            "default_decision is allow",
            "auth is local",
            "no approver configured",
            "mode CALM has no max_duration",
        ])
    );
    assert_eq!(
        found["recommendations"],
        json!(["No policies defined - write one, or create one with create_policy"])
    );
    std::fs::write(house.policy_file(), "modes: [").unwrap();
    house.app.reload().await;
    house
        .post(
            "/api/v1/lockdown",
            &json!({ "on": true, "reason": "a drill of ours" }),
        )
        .await;
    let found = compliance(&house, "").await;
    let posture: Vec<&str> = found["posture"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        posture.contains(&"lockdown is on: a drill of ours"),
        "{posture:?}"
    );
    assert!(
        posture.contains(&"policy files do not load: version 1 stays in force"),
        "{posture:?}"
    );
}

#[tokio::test]
async fn a_store_of_the_version_before_is_counted_from_its_records() {
    let house = House::new().await;
    calls(&house, 5, 5).await;
    let path = house.data_dir().join("policyguard.db");
    let opened = house
        .restarted_after(|_| {
            let database = rusqlite::Connection::open(&path).unwrap();
            let sql = "DROP TABLE totps; DROP TABLE keys; DROP TABLE users; DROP TABLE sessions; DROP INDEX records_of_changes; DROP INDEX records_that_tell; DROP INDEX records_by_agent; DROP INDEX records_by_tool; ALTER TABLE records DROP COLUMN listed; \
                ALTER TABLE head DROP COLUMN tallied_before; DROP TABLE tallies_by_hour; DROP TABLE tallies_by_minute; \
                CREATE INDEX records_by_agent ON records (agent, seq); CREATE INDEX records_by_tool ON records (tool, seq); \
                PRAGMA user_version = 2;";
            database.execute_batch(sql).unwrap();
        })
        .await;
    opened.unwrap().check().await;
}

impl House {
    async fn check(&self) {
        let found = compliance(self, "").await;
        assert_eq!(found["metrics"]["total_actions"], json!(10));
        assert_eq!(found["denial_rate"], json!(50.0));
        let report = self.get("/api/v1/audit/verify").await.body;
        assert_eq!(report["intact"], json!(true), "{report}");
    }
}
