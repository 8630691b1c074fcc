//! The tools over REST: reports and what follows, lists and who sees what, the way to resolution.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use policyguard::incidents::Suspend;
use policyguard::pipeline::Body;
use serde_json::{Value, json};

use super::room::Registry;
use crate::support::{House, Reply};

const POLICY: &str = r"
default_decision: allow
modes:
  NORMAL: {}
policies:
  - id: p
    rules:
      - { condition: { tool_pattern: delete_*, trust_level_below: admin }, action: deny, message: no deletes }
      - { condition: { tool_pattern: scale_* }, action: require_approval, message: ask }
";

async fn house() -> (House, Arc<Registry>) {
    let registry = Registry::new();
    let suspend = Arc::clone(&registry) as Arc<dyn Suspend>;
    (House::with_suspend(POLICY, suspend).await, registry)
}

/// Runs a tool as an operator who acts for the agent; the tool's own answer.
async fn run_as(house: &House, agent: &str, tool: &str, arguments: Value) -> Value {
    let body = json!({ "tool_name": tool, "arguments": arguments, "agent_id": agent });
    house.post("/tools/execute", &body).await.body
}

async fn report(house: &House, body: Value) -> Reply {
    house.post("/api/v1/incidents", &body).await
}

fn critical(agent: &str) -> Value {
    json!({ "incident_type": "unauthorized_access", "severity": "critical", "description": "breach", "agent_id": agent })
}

#[tokio::test]
async fn cases_of_reports_hold() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cases/cases.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("no cases beside the repository: not run");
        return;
    };
    let data: Value = serde_json::from_str(&text).unwrap();
    let mut run = 0;
    for case in data["cases"].as_array().unwrap() {
        let call = &case["call"];
        if call["tool"] != "report_incident" {
            continue;
        }
        run += 1;
        let (house, _) = house().await;
        let arguments = call["args"].clone();
        let answer = match call["as"]
            .as_str()
            .and_then(|who| who.strip_prefix("agent "))
        {
            Some(agent) => run_as(&house, agent, "report_incident", arguments).await,
            None => house.execute("report_incident", arguments).await,
        };
        for (name, wanted) in case["expect"].as_object().unwrap() {
            assert_eq!(
                &answer["result"][name], wanted,
                "{}: {name} in {answer}",
                case["id"]
            );
        }
    }
    assert_eq!(run, 3);
}

#[tokio::test]
async fn a_critical_report_of_an_operator_suspends_the_agent() {
    let (house, registry) = house().await;
    let reply = report(&house, critical("test-medium")).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let id = reply.body["incident_id"].as_str().unwrap().to_owned();
    assert_eq!(
        reply.body,
        json!({
            "incident_id": id,
            "success": true,
            "message": format!("Incident '{id}' reported with severity 'critical' - Agent 'test-medium' has been automatically suspended"),
            "agent_suspended": true,
            "needs_operator": false,
            "severity": "critical",
            "type": "unauthorized_access",
        })
    );
    let orders = registry.orders.lock().unwrap().clone();
    assert_eq!((orders.len(), orders[0].by.as_str()), (1, "local-operator"));
    assert_eq!(
        orders[0].reason,
        format!("Auto-suspended due to critical incident: {id}")
    );
    let trail = house
        .get("/api/v1/audit?action_type=incident_report")
        .await
        .body;
    assert_eq!(trail["total"], 1);
    let noted = &trail["entries"][0]["action"]["parameters"];
    assert_eq!(
        (
            &noted["incident_type"],
            &noted["severity"],
            &noted["related_agent"]
        ),
        (
            &json!("unauthorized_access"),
            &json!("critical"),
            &json!("test-medium")
        )
    );
}

#[tokio::test]
async fn a_report_suspends_nobody_unless_all_of_it_asks_for_that() {
    let (house, registry) = house().await;
    let with = |name: &str, value: Value| {
        let mut body = critical("test-medium");
        body[name] = value;
        body
    };
    for body in [
        with("auto_suspend", json!(false)),
        with("severity", json!("high")),
        with("agent_id", Value::Null),
    ] {
        let mut body = body;
        body.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let reply = report(&house, body).await;
        assert_eq!(
            (reply.status, &reply.body["agent_suspended"]),
            (200, &json!(false))
        );
        assert_eq!(reply.body["needs_operator"], false);
    }
    let reply = report(&house, critical("local")).await.body;
    assert_eq!(reply["agent_suspended"], false);
    assert!(
        reply["message"]
            .as_str()
            .unwrap()
            .ends_with(" - Agent 'local' is never suspended")
    );
    assert_eq!(registry.suspended(), Vec::<String>::new());
}

#[tokio::test]
async fn an_agents_report_suspends_neither_another_nor_itself() {
    let (house, registry) = house().await;
    for (about, severity, needs_operator) in [
        ("victim", "critical", true),
        ("victim", "low", true),
        ("b", "critical", true),
        ("b", "low", false),
    ] {
        let mut arguments = critical(about);
        arguments["severity"] = json!(severity);
        let answer = run_as(&house, "b", "report_incident", arguments).await;
        let result = &answer["result"];
        assert_eq!(
            (
                &result["success"],
                &result["agent_suspended"],
                &result["needs_operator"]
            ),
            (&json!(true), &json!(false), &json!(needs_operator)),
            "{about} {severity}: {answer}"
        );
    }
    assert_eq!(registry.suspended(), Vec::<String>::new());
    // Nor can it write into a report what only the gateway decides.
    let mut forged = critical("victim");
    forged["evidence"] = json!({ "suspension": { "state": "ordered", "numbers": {} } });
    run_as(&house, "b", "report_incident", forged).await;
    let house = house.restarted().await;
    let listed = house.get("/api/v1/incidents").await.body;
    assert_eq!(listed["total"], 5);
    assert!(
        listed["incidents"]
            .as_array()
            .unwrap()
            .iter()
            .all(|incident| incident["suspension"].is_null())
    );
}

#[tokio::test]
async fn values_that_there_are_not_are_refused_with_the_list() {
    let (house, _) = house().await;
    let wrong = |name: &str, value: &str| {
        let mut body = critical("x");
        body[name] = json!(value);
        body
    };
    for (body, message) in [
        (
            wrong("incident_type", "theft"),
            "Invalid incident type 'theft'. Must be one of: policy_violation, suspicious_activity, unauthorized_access, rate_limit_exceeded, data_exfiltration, configuration_error, tool_definition_changed, audit_failure, override_used, other",
        ),
        (
            wrong("severity", "Critical"),
            "Invalid severity 'Critical'. Must be one of: low, medium, high, critical",
        ),
        (wrong("evidence", "[1]"), "`evidence` must be an object"),
        (
            wrong("evidence", r#"{"a":1,"a":2}"#),
            "`evidence` is not JSON: the key `a` stands twice at line 1 column 10",
        ),
    ] {
        let reply = report(&house, body.clone()).await;
        assert_eq!(
            (reply.status, &reply.body["detail"]),
            (400, &json!(message))
        );
        let answer = house.execute("report_incident", body).await;
        assert_eq!(
            (&answer["success"], &answer["policy_violation"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(answer["result"]["message"], message);
    }
    let answer = house
        .execute("report_incident", wrong("evidence", "{"))
        .await;
    assert_eq!(answer["result"]["error"], "invalid evidence JSON");
    assert_eq!(house.get("/api/v1/incidents").await.body["total"], 0);
}

#[tokio::test]
async fn evidence_is_an_object_or_its_text_and_keeps_no_secret() {
    let (house, _) = house().await;
    for evidence in [
        json!({ "seen": 2, "password": "hunter2" }),
        json!(r#"{"seen": 2, "password": "hunter2"}"#),
    ] {
        let body = json!({ "incident_type": "other", "severity": "low", "description": "d", "evidence": evidence });
        let id = report(&house, body).await.body["incident_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let shown = house.get(&format!("/api/v1/incidents/{id}")).await.body;
        assert_eq!(shown["evidence"]["seen"], 2);
        let password = shown["evidence"]["password"].as_str().unwrap();
        assert!(password.starts_with("<redacted:"), "{password}");
    }
    let long = json!({ "incident_type": "other", "severity": "low", "description": "d", "evidence": { "x": "y".repeat(20_000) } });
    assert_eq!(report(&house, long).await.status, 400);
}

#[tokio::test]
async fn a_denial_over_rest_is_an_incident_and_a_pending_approval_is_none() {
    let (house, _) = house().await;
    let denied = run_as(
        &house,
        "etl-1",
        "delete_database",
        json!({ "db_name": "users" }),
    )
    .await;
    assert_eq!(denied["code"], "rule_deny", "{denied}");
    let pending = run_as(&house, "etl-1", "scale_fleet", json!({ "count": 3 })).await;
    assert_eq!(pending["require_approval"], true, "{pending}");
    let listed = house.get("/api/v1/incidents").await.body;
    assert_eq!(
        (&listed["count"], &listed["total"], &listed["next_cursor"]),
        (&json!(1), &json!(1), &Value::Null)
    );
    let incident = &listed["incidents"][0];
    assert_eq!(incident["action_id"], denied["action_id"]);
    assert_eq!(
        (
            &incident["agent_id"],
            &incident["tool"],
            &incident["code"],
            &incident["type"],
            &incident["severity"]
        ),
        (
            &json!("etl-1"),
            &json!("delete_database"),
            &json!("rule_deny"),
            &json!("policy_violation"),
            &json!("medium")
        )
    );
    assert!(incident.get("revision").is_none() && incident.get("number").is_none());
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let (house, _) = house().await;
    for _ in 0..3 {
        run_as(
            &house,
            "etl-1",
            "delete_database",
            json!({ "db_name": "users" }),
        )
        .await;
    }
    let house = house.restarted().await;
    let listed = house.get("/api/v1/incidents").await.body;
    assert_eq!(
        (&listed["total"], &listed["incidents"][0]["count"]),
        (&json!(1), &json!(3))
    );
    run_as(
        &house,
        "etl-1",
        "delete_database",
        json!({ "db_name": "users" }),
    )
    .await;
    let again = house.get("/api/v1/incidents").await.body;
    assert_eq!(
        (&again["total"], &again["incidents"][0]["count"]),
        (&json!(1), &json!(4))
    );
}

/// What the tool answers a model, or the short name of why not.
async fn as_model(house: &House, tool: &str, arguments: Value) -> Result<Value, String> {
    match house.as_model(tool, arguments).await.body {
        Body::Done(result) => Ok(result),
        Body::Mendable { message, .. } => Err(message),
        other @ (Body::Failed { .. } | Body::Refused | Body::Shadow { .. }) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_agent_sees_what_it_reported_and_what_is_about_it() {
    let (house, _) = house().await;
    let low = |agent: &str| {
        let mut body = critical(agent);
        body["severity"] = json!("low");
        body
    };
    let id = |answer: &Value| answer["incident_id"].as_str().unwrap().to_owned();
    let own = as_model(&house, "report_incident", low("x")).await.unwrap();
    let about = report(&house, low("local")).await.body;
    let others = report(&house, low("x")).await.body;
    let seen = as_model(&house, "list_incidents", json!({})).await.unwrap();
    let shown: Vec<String> = seen["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(id)
        .collect();
    assert_eq!(shown, [id(&about), id(&own)]);
    assert_eq!(seen["total"], 2);
    let get = async |id: &str| as_model(&house, "get_incident", json!({ "incident_id": id })).await;
    assert_eq!(get(&id(&own)).await.unwrap()["reported_by"], "local");
    let hidden = get(&id(&others)).await.unwrap_err();
    let absent = get("inc_000000000000").await.unwrap_err();
    assert_eq!(
        hidden.replace(&id(&others), "inc_000000000000"),
        absent,
        "others' are as if they were not"
    );
    assert_eq!(
        house.get("/api/v1/incidents").await.body["total"],
        3,
        "an operator sees all"
    );
    let update = json!({ "incident_id": id(&own), "status": "acknowledged" });
    let refused = house.as_model("update_incident", update).await;
    assert_eq!(refused.decision.code().as_str(), "role_required");
}

#[tokio::test]
async fn a_suspension_for_an_incident_reaches_the_registry_and_names_it() {
    let house = House::with_policy_text(POLICY).await;
    let agent = json!({ "name": "ETL", "trust_level": "medium" });
    let put = house
        .send(
            "PUT",
            "/api/v1/agents/etl-1",
            Some(agent.to_string().into_bytes()),
        )
        .await;
    assert_eq!(put.status, 200, "{:?}", put.body);
    let reply = report(&house, critical("etl-1")).await.body;
    assert_eq!(reply["agent_suspended"], true, "{reply}");
    let agent = house.get("/api/v1/agents/etl-1").await.body;
    assert_eq!(
        (&agent["status"], &agent["incident_id"]),
        (&json!("suspended"), &reply["incident_id"])
    );
    let denied = run_as(&house, "etl-1", "list_services", json!({})).await;
    assert_eq!(denied["code"], "agent_suspended");
    let again = report(&house, critical("etl-1")).await.body;
    assert_eq!(again["agent_suspended"], true, "suspended it stays");
    assert_eq!(
        report(&house, critical("nobody")).await.body["agent_suspended"],
        false
    );
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let (house, _) = house().await;
    for number in 0..5 {
        let severity = if number % 2 == 0 { "low" } else { "high" };
        let body = json!({ "incident_type": "other", "severity": severity, "description": "d", "agent_id": format!("a{number}") });
        report(&house, body).await;
    }
    let high = house.get("/api/v1/incidents?severity=high").await.body;
    assert_eq!(high["total"], 2);
    assert_eq!(
        house.get("/api/v1/incidents?agent_id=a3").await.body["total"],
        1
    );
    assert_eq!(
        house.get("/api/v1/incidents?type=audit_failure").await.body["total"],
        0
    );
    assert_eq!(
        house.get("/api/v1/incidents?status=open").await.body["total"],
        5
    );
    let mut path = "/api/v1/incidents?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = house.get(&path).await.body;
        seen.extend(
            page["incidents"]
                .as_array()
                .unwrap()
                .iter()
                .map(|incident| incident["agent_id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        let elsewhere = house
            .get(&format!("/api/v1/incidents?status=open&cursor={cursor}"))
            .await;
        assert_eq!(elsewhere.status, 400, "a cursor belongs to its query");
        path = format!("/api/v1/incidents?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["a4", "a3", "a2", "a1", "a0"]);
    for bad in [
        "status=shut",
        "severity=bad",
        "type=theft",
        "agent_id=-",
        "limit=0",
        "cursor=x",
        "colour=red",
    ] {
        assert_eq!(
            house.get(&format!("/api/v1/incidents?{bad}")).await.status,
            400,
            "{bad}"
        );
    }
}

/// What an operator sends, one after the other, and what is answered.
fn steps() -> Vec<(Value, u16, &'static str)> {
    vec![
        (json!({ "status": "open" }), 409, "is open already"),
        (json!({ "status": "acknowledged" }), 200, "acknowledged"),
        (
            json!({ "status": "resolved" }),
            400,
            "is critical, say how it was resolved",
        ),
        (
            json!({ "status": "resolved", "resolution": "  " }),
            400,
            "is critical, say how it was resolved",
        ),
        (
            json!({ "status": "acknowledged", "resolution": "done" }),
            400,
            "only a resolved incident has one",
        ),
        (
            json!({ "status": "resolved", "resolution": "a false alarm" }),
            200,
            "resolved",
        ),
        (
            json!({ "status": "acknowledged" }),
            409,
            "open it again before",
        ),
        (json!({ "status": "open" }), 400, "say why"),
        (
            json!({ "status": "open", "reason": "not a false alarm" }),
            200,
            "open",
        ),
        (
            json!({ "status": "shut" }),
            400,
            "Must be one of: open, acknowledged, resolved",
        ),
        (json!({}), 400, "status"),
    ]
}

#[tokio::test]
async fn an_incident_is_acknowledged_resolved_and_opened_again() {
    let (house, _) = house().await;
    let mut body = critical("etl-1");
    body["auto_suspend"] = json!(false);
    let id = report(&house, body).await.body["incident_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/incidents/{id}");
    let patch = async |body: Value| {
        house
            .send("PATCH", &path, Some(body.to_string().into_bytes()))
            .await
    };
    for (body, status, part) in steps() {
        let reply = patch(body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        let shown = reply.body.to_string();
        assert!(shown.contains(part), "{body}: {shown}");
    }
    house.clock.advance(Duration::from_secs(5));
    let shown = house.get(&path).await.body;
    let lines: Vec<&str> = shown["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            "reported",
            "acknowledged",
            "resolved: a false alarm",
            "opened again: not a false alarm"
        ]
    );
    assert_eq!(
        (&shown["status"], &shown["resolution"]),
        (&json!("open"), &Value::Null)
    );
    let trail = house
        .get("/api/v1/audit?action_type=incident_update")
        .await
        .body;
    assert_eq!(
        trail["total"], 3,
        "each change is on record, refusals are not changes"
    );
    assert_eq!(
        house.get("/api/v1/incidents/inc_000000000000").await.status,
        404
    );
    assert_eq!(house.get("/api/v1/incidents/nonsense").await.status, 400);
}

#[tokio::test]
async fn the_summary_counts_what_is_open_and_how_bad_it_is() {
    let (house, _) = house().await;
    for (severity, agent) in [("critical", "a"), ("critical", "b"), ("low", "a")] {
        let body = json!({ "incident_type": "other", "severity": severity, "description": "d", "agent_id": agent, "auto_suspend": false });
        report(&house, body).await;
    }
    let first = house.get("/api/v1/incidents?agent_id=b").await.body["incidents"][0]["incident_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({ "status": "resolved", "resolution": "done" });
    house
        .send(
            "PATCH",
            &format!("/api/v1/incidents/{first}"),
            Some(body.to_string().into_bytes()),
        )
        .await;
    let incidents = &house.app.incidents;
    let summary = incidents.summary(None, None).await.unwrap();
    assert_eq!(
        (
            summary.total,
            summary.open,
            summary.open_critical,
            summary.recent.len()
        ),
        (3, 2, 1, 3)
    );
    let by_severity: Vec<u64> = summary.by_severity.values().copied().collect();
    assert_eq!(by_severity, [1, 0, 0, 2]);
    let agent = policyguard::domain::AgentId::parse("b").unwrap();
    let own = incidents.summary(Some(agent), None).await.unwrap();
    assert_eq!((own.total, own.open), (1, 0));
    house.clock.advance(Duration::from_hours(25));
    let since = policyguard::domain::Clock::now(&*house.clock).as_millis() - 86_400_000;
    let day = incidents
        .summary(
            None,
            Some(policyguard::domain::Timestamp::from_millis(since)),
        )
        .await
        .unwrap();
    assert_eq!(
        (day.total, day.recent.len(), day.open_critical),
        (0, 0, 1),
        "what is open stays open"
    );
}
