//! Input → expected for governance, from the systems that this one succeeds. The data stands beside the repository;
//! without it the same behaviour is held by the tests of each tool.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::House;
use crate::support::mcp::Client;

/// The case of MCP over HTTP, which is no door yet.
const NEEDS_MCP: &str = "S1.http.1";
/// The case of a store whose policy cannot be read, which has no call: a test of its own holds it.
const NEEDS_NO_CALL: &str = "S1.fail.1";

#[tokio::test]
async fn cases_of_governance_hold_over_rest() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cases/cases.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("no cases beside the repository: not run");
        return;
    };
    check_all(&text, Over::Rest).await;
}

#[tokio::test]
async fn cases_of_governance_hold_over_mcp_for_models_that_may_administer() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cases/cases.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("no cases beside the repository: not run");
        return;
    };
    check_all(&text, Over::Mcp).await;
    let data: Value = serde_json::from_str(&text).unwrap();
    let cases = data["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["id"] == NEEDS_MCP).unwrap();
    let house = House::new().await;
    let mut client = Client::of(house.app.public_service()).without("content-type");
    for (name, value) in case["call"]["headers"].as_object().unwrap() {
        let name = if name == "Accept" {
            "accept"
        } else {
            "content-type"
        };
        client = client.with(name, value.as_str().unwrap());
    }
    let said = client
        .send("POST", Some(case["call"]["body"].to_string()))
        .await;
    assert_eq!(json!(said.status), case["expect"]["status"]);
    assert!(said.result()["content"][0]["text"].is_string(), "{said:?}");
}

/// Through which door the cases go.
#[derive(Clone, Copy, PartialEq)]
enum Over {
    Rest,
    Mcp,
}

async fn check_all(text: &str, over: Over) {
    let data: Value = serde_json::from_str(text).unwrap();
    let cases = data["cases"].as_array().unwrap().iter().filter(|case| {
        case["area"] == "seed1" && case["id"] != NEEDS_MCP && case["id"] != NEEDS_NO_CALL
    });
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases {
        count += 1;
        if let Err(fault) = run(case, over).await {
            failures.push(format!("{}: {fault}", case["id"]));
        }
    }
    assert!(count >= 22, "only {count} cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The policy file of the case: its policies, each with the name that `create_policy` would have asked for.
fn policy(given: &Value) -> String {
    let mut policies = given["policies"].as_array().cloned().unwrap_or_default();
    for policy in &mut policies {
        policy["name"] = policy["id"].clone();
    }
    let default_decision = given["default_decision"].as_str().unwrap_or("deny");
    json!({ "default_decision": default_decision, "policies": policies }).to_string()
}

async fn prepare(given: &Value) -> House {
    let house = House::with_policy_text(&policy(given)).await;
    for (id, trust) in given["agents"].as_object().into_iter().flatten() {
        let words = trust.as_str().unwrap();
        let trust = words.split(' ').next().unwrap();
        let arguments = json!({ "agent_id": id, "name": id, "trust_level": trust });
        let registered = house.execute("register_agent", arguments).await;
        assert_eq!(registered["success"], json!(true), "{registered}");
        if words.contains("suspended") {
            let path = format!("/api/v1/agents/{id}/suspend");
            let reply = house.post(&path, &json!({ "reason": "given" })).await;
            assert_eq!(reply.status, 200, "{:?}", reply.body);
        }
    }
    for step in given["after"].as_array().into_iter().flatten() {
        let agent = step.as_str().unwrap().strip_prefix("validate ").unwrap();
        validate(&house, agent, "read_data").await;
    }
    house
}

async fn validate(house: &House, agent: &str, target: &str) -> Value {
    let arguments = json!({ "action_type": "tool_call", "target": target, "agent_id": agent });
    house.execute("validate_action", arguments).await
}

async fn run(case: &Value, over: Over) -> Result<(), String> {
    let house = if case["given"] == "10 actions, 1 denied" {
        ten_actions().await
    } else {
        prepare(&case["given"]).await
    };
    let call = &case["call"];
    let answer = match call.get("twice") {
        None => send(&house, call, over).await,
        Some(call) => {
            let first = send(&house, call, over).await;
            let second = send(&house, call, over).await;
            if first["result"]["action_id"] == second["result"]["action_id"] {
                return Err(format!("the same action id twice: {second}"));
            }
            second
        }
    };
    check(&answer, &case["expect"])
}

/// Nine reads that are allowed, and one call that is denied.
async fn ten_actions() -> House {
    let house = House::new().await;
    for _ in 0..9 {
        house.execute("list_services", json!({})).await;
    }
    let arguments = json!({ "service_name": "cache" });
    house.execute("restart_service", arguments).await;
    house
}

async fn send(house: &House, call: &Value, over: Over) -> Value {
    if over == Over::Mcp {
        return send_over_mcp(house, call).await;
    }
    let mut body = json!({ "tool_name": call["tool"], "arguments": call["args"] });
    if let Some(agent) = call["as"]
        .as_str()
        .and_then(|who| who.strip_prefix("agent "))
    {
        body["agent_id"] = json!(agent);
    }
    house.post("/tools/execute", &body).await.body
}

/// What `/tools/execute` would say of it: as the agent of the case, or as a model that may administer.
async fn send_over_mcp(house: &House, call: &Value) -> Value {
    let client = Client::of(house.app.command_service());
    let named = call["as"].as_str();
    let client = match named.and_then(|who| who.strip_prefix("agent ")) {
        Some(agent) => client.with("x-policyguard-agent", agent),
        None => client
            .with("x-policyguard-agent", "local")
            .with("x-policyguard-role", "admin"),
    };
    let said = client
        .call(call["tool"].as_str().unwrap(), call["args"].clone())
        .await;
    let result = said.result();
    json!({
        "success": result["isError"] == json!(false),
        "result": result["structuredContent"],
    })
}

fn check(answer: &Value, expect: &Value) -> Result<(), String> {
    let result = &answer["result"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let all_in = |value: &Value, parts: &Value| {
        let said = text(value);
        parts
            .as_array()
            .is_some_and(|parts| parts.iter().all(|part| said.contains(&text(part))))
    };
    for (name, wanted) in expect.as_object().ok_or("no expectation")? {
        let holds = match name.as_str() {
            "reason_contains_ci" => all_in(&result["reason"], wanted),
            "message_contains_ci" => all_in(&result["message"], wanted),
            "action_ids_differ" | "then" => true,
            "action_id_matches" => result["action_id"]
                .as_str()
                .and_then(|id| id.strip_prefix("act_"))
                .is_some_and(|hex| hex.len() == 12 && hex.bytes().all(|b| b.is_ascii_hexdigit())),
            "denied_or_rejected" => result["allowed"] != json!(true),
            "has_keys" => wanted
                .as_array()
                .is_some_and(|keys| keys.iter().all(|key| result.get(text(key)).is_some())),
            "every_entry.agent_id" => result["entries"].as_array().is_some_and(|entries| {
                !entries.is_empty() && entries.iter().all(|entry| entry["agent_id"] == *wanted)
            }),
            "success" => {
                answer["success"] == *wanted && result.get("success").is_none_or(|it| it == wanted)
            }
            _ => result.get(name) == Some(wanted),
        };
        if !holds {
            return Err(format!("`{name}` should be {wanted}: {answer}"));
        }
    }
    Ok(())
}
