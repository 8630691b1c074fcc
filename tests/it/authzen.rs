//! AuthZEN 1.0: questions of other gateways.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{House, shipped};

const ONE: &str = "/access/v1/evaluation";
const SEVERAL: &str = "/access/v1/evaluations";

fn question(agent: &str, tool: &str, arguments: &Value) -> Value {
    json!({
        "subject": { "type": "agent", "id": agent },
        "action": { "name": "tool_call" },
        "resource": { "type": "tool", "id": tool, "properties": { "arguments": arguments } },
    })
}

/// Asks about a tool call of agent `etl-1`: the decision and its code.
async fn ask(house: &House, tool: &str, arguments: Value) -> (bool, String) {
    let reply = house.post(ONE, &question("etl-1", tool, &arguments)).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let code = reply.body["context"]["code"].as_str().unwrap().to_owned();
    (reply.body["decision"].as_bool().unwrap(), code)
}

#[tokio::test]
async fn only_an_allow_is_a_yes() {
    let house = House::new().await;
    let restart = || json!({ "service_name": "cache" });
    let yes = ask(&house, "list_services", json!({})).await;
    assert_eq!(yes, (true, "rule_allow".to_owned()));
    let no = ask(&house, "restart_service", restart()).await;
    assert_eq!(no, (false, "mode_blocked".to_owned()));
    let unfit = ask(&house, "read_logs", json!({ "lines": "many" })).await;
    assert_eq!(unfit, (false, "invalid_parameters".to_owned()));
    house.set_mode("EMERGENCY").await;
    let trusted = house
        .post(ONE, &question("local", "restart_service", &restart()))
        .await;
    assert_eq!(trusted.body["decision"], true, "{:?}", trusted.body);
    let (low, _) = ask(&house, "restart_service", restart()).await;
    assert!(!low, "the subject's trust counts, not the caller's");
    let policy = "modes:\n  NORMAL: { allowed_tools: [list_services] }\npolicies:\n  - id: p\n    name: P\n    rules:\n      - { condition: { tool_pattern: list_services }, action: require_approval }\n";
    let house = House::with_policy_text(policy).await;
    let held = ask(&house, "list_services", json!({})).await;
    assert_eq!(held, (false, "approval_required".to_owned()));
}

#[tokio::test]
async fn a_question_registers_nobody_and_is_one_simulated_decision_on_record() {
    let house = House::new().await;
    let before = house.get("/api/v1/agents").await.body["total"].clone();
    ask(
        &house,
        "restart_service",
        json!({ "service_name": "cache" }),
    )
    .await;
    assert_eq!(house.get("/api/v1/agents").await.body["total"], before);
    let log = house
        .get("/api/v1/audit?view=records&agent_id=etl-1")
        .await
        .body;
    let records = log["entries"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{log:#}");
    let record = &records[0];
    assert_eq!(
        (
            &record["kind"],
            &record["door"],
            &record["decision"]["simulated"]
        ),
        (&json!("decision"), &json!("authzen"), &json!(true))
    );
    assert_eq!(record["decision"]["asked_by"], "local-operator");
    let compliance = house.get("/api/v1/compliance").await.body;
    assert_eq!(compliance["metrics"]["total_actions"], 0, "{compliance:#}");
}

#[tokio::test]
async fn identical_bodies_have_identical_answers_and_the_request_id_comes_back() {
    let house = House::new().await;
    let body = question("etl-1", "delete_database", &json!({ "db_name": "users" }));
    let first = house.post(ONE, &body).await.body;
    assert_eq!(house.post(ONE, &body).await.body, first);
    assert!(first["context"]["reason_user"]["en"].is_string(), "{first}");
    let request = Request::post(ONE)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("x-request-id", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716")
        .body(Body::from(body.to_string()));
    house.request(request.unwrap()).await;
    let log = house
        .get("/api/v1/audit?view=records&agent_id=etl-1&limit=1")
        .await
        .body;
    assert_eq!(
        log["entries"][0]["source"]["request_id"],
        "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"
    );
}

#[tokio::test]
async fn a_list_is_answered_as_far_as_its_semantic_asks() {
    let house = House::new().await;
    let mut body = question("etl-1", "list_services", &json!({}));
    let tool = |id: &str| json!({ "resource": { "type": "tool", "id": id } });
    body["evaluations"] = json!([{}, tool("delete_database"), tool("get_service_status")]);
    for (semantic, expected) in [
        ("execute_all", &[true, false, true][..]),
        ("deny_on_first_deny", &[true, false]),
        ("permit_on_first_permit", &[true]),
    ] {
        body["options"] = json!({ "evaluations_semantic": semantic });
        let reply = house.post(SEVERAL, &body).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        let answers = reply.body["evaluations"].as_array().unwrap();
        let decisions: Vec<bool> = answers.iter().map(|one| one["decision"] == true).collect();
        assert_eq!(decisions, expected, "{semantic}");
    }
    let one = house
        .post(SEVERAL, &question("etl-1", "list_services", &json!({})))
        .await;
    assert_eq!(one.body["decision"], true);
}

#[tokio::test]
async fn an_invalid_request_is_a_problem_and_decides_nothing() {
    let house = House::new().await;
    for (path, body) in [
        (ONE, json!({})),
        (
            ONE,
            json!({ "subject": { "type": "agent", "id": "a b" }, "action": { "name": "tool_call" }, "resource": { "type": "tool", "id": "x" } }),
        ),
        (ONE, question("gateway", "list_services", &json!({}))),
        (ONE, question("etl-1", "list_services", &json!([]))),
        (SEVERAL, json!({ "evaluations": [{}] })),
        (SEVERAL, json!({ "evaluations": {} })),
    ] {
        let reply = house.post(path, &body).await;
        assert_eq!(reply.status, 400, "{body} {:?}", reply.body);
    }
    let empty = house.send("POST", ONE, None).await;
    assert_eq!(empty.status, 400);
    let log = house.get("/api/v1/audit?action_type=tool_call").await.body;
    assert_eq!(log["count"], 0, "{log:#}");
}

#[tokio::test]
async fn under_lockdown_every_answer_is_no() {
    let house = House::with_policies(&shipped("default.yaml")).await;
    let on = json!({ "on": true, "reason": "drill" });
    assert_eq!(house.post("/api/v1/lockdown", &on).await.status, 200);
    let no = ask(&house, "list_services", json!({})).await;
    assert_eq!(no, (false, "lockdown".to_owned()));
}

#[tokio::test]
async fn the_configuration_says_where_the_decision_point_is() {
    let house = House::new().await;
    let reply = house.get("/.well-known/authzen-configuration").await;
    assert_eq!(
        reply.body["access_evaluation_endpoint"],
        "http://localhost/access/v1/evaluation"
    );
}
