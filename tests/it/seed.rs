//! Input → expected, from the systems that this one succeeds. The data stands beside the repository; without it
//! the same behaviour is held by `rest.rs`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{House, Reply, shipped};

/// The case that needs credentials.
const NEEDS_CREDENTIALS: &str = "S0.t9";

#[tokio::test]
async fn cases_of_the_execution_api_hold() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cases/cases.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("no cases beside the repository: not run");
        return;
    };
    let data: Value = serde_json::from_str(&text).unwrap();
    let cases = data["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["area"] == "seed0");
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases {
        count += 1;
        let held = if case["id"] == NEEDS_CREDENTIALS {
            run_as_nobody_and_as_an_agent(case).await
        } else {
            run(case).await
        };
        if let Err(fault) = held {
            failures.push(format!("{}: {fault}", case["id"]));
        }
    }
    assert!(count >= 20, "only {count} cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn run_as_nobody_and_as_an_agent(case: &Value) -> Result<(), String> {
    let policies = shipped("ops_policy.json");
    let (house, admin) = House::asking(|config| config.policies = Some(policies)).await;
    let agent = house
        .showing(&admin)
        .makes(json!({ "agent_id": "a" }))
        .await;
    let call = case["call"]["http"].as_str().unwrap();
    let (method, path) = call.split_once(' ').unwrap();
    for key in ["", &agent] {
        let caller = house.showing(key);
        let status = caller
            .send(method, path, &case["call"]["body"])
            .await
            .status;
        let fits = case["expect"]["status_in"]
            .as_array()
            .unwrap()
            .contains(&json!(status));
        if !fits {
            return Err(format!("answered {status} to `{key}`"));
        }
    }
    let mode = house.showing(&agent).get("/policy/status").await.body["current_mode"].clone();
    if mode == case["expect"]["mode_after"] {
        Ok(())
    } else {
        Err(format!("the mode is {mode}"))
    }
}

async fn run(case: &Value) -> Result<(), String> {
    let given = &case["given"];
    let house = if given["service_restrictions"]["enabled"] == json!(true) {
        House::with_policy_text(RESTRICTED).await
    } else {
        House::with_policies(&shipped("ops_policy.json")).await
    };
    for service in given["unhealthy"].as_array().into_iter().flatten() {
        let incident = house
            .post(
                "/infrastructure/simulate-incident",
                &json!({ "service": service }),
            )
            .await;
        assert_eq!(incident.status, 200, "{:?}", incident.body);
    }
    if let Some(mode) = given["mode"].as_str() {
        house.set_mode(mode).await;
    }
    let reply = if let Some(steps) = case["call"]["sequence"].as_array() {
        sequence(&house, steps).await
    } else {
        let (method, path) = case["call"]["http"]
            .as_str()
            .and_then(|http| http.split_once(' '))
            .ok_or("no http")?;
        let body = case["call"]
            .get("body")
            .map(|body| body.to_string().into_bytes());
        house.send(method, path, body).await
    };
    check(&reply, &case["expect"])
}

/// EMERGENCY as the shipped policy has it, for unhealthy services only.
const RESTRICTED: &str = r"
modes:
  NORMAL:
    allowed_tools: [list_services, get_service_status, read_logs]
  EMERGENCY:
    allowed_tools: [list_services, get_service_status, read_logs, restart_service, scale_fleet]
    blocked_tools: [delete_database]
    service_restrictions: { enabled: true }
";

async fn sequence(house: &House, steps: &[Value]) -> Reply {
    let mut last = house.get("/").await;
    for step in steps {
        let words: Vec<&str> = step.as_str().unwrap().split(' ').collect();
        let seconds = |text: &str| text.trim_end_matches('s').parse::<u64>().unwrap();
        last = match words.as_slice() {
            ["grant-temporary", time] => {
                house
                    .post(
                        "/policy/grant-temporary",
                        &json!({ "duration_seconds": seconds(time), "reason": "case" }),
                    )
                    .await
            }
            ["extend-temporary", time] => {
                house
                    .post(
                        "/policy/extend-temporary",
                        &json!({ "additional_seconds": seconds(time) }),
                    )
                    .await
            }
            ["wait", time] => {
                house.clock.advance(Duration::from_secs(seconds(time)));
                continue;
            }
            ["GET", path] => house.get(path).await,
            other => panic!("a step that nobody knows: {other:?}"),
        };
    }
    last
}

fn check(reply: &Reply, expect: &Value) -> Result<(), String> {
    let body = &reply.body;
    for (name, wanted) in expect.as_object().ok_or("no expectation")? {
        let holds = match name.as_str() {
            "status" => json!(reply.status) == *wanted,
            "status_in" => wanted
                .as_array()
                .is_some_and(|statuses| statuses.contains(&json!(reply.status))),
            "json" => wanted.as_object().is_some_and(|members| {
                members
                    .iter()
                    .all(|(key, value)| body.get(key) == Some(value))
            }),
            "blocked_reason_contains_ci" => all_in(&body["blocked_reason"], wanted, true),
            "error_contains" => all_in(&body["error"], wanted, false),
            "error_prefix" => body["error"]
                .as_str()
                .is_some_and(|error| error.starts_with(wanted.as_str().unwrap_or("\0"))),
            "result.log_lines.length" => {
                json!(body["result"]["log_lines"].as_array().map(Vec::len)) == *wanted
            }
            "result.total_available" => body["result"]["total_available"] == *wanted,
            "remaining_seconds_about" => {
                let about = wanted.as_f64().unwrap_or(f64::NAN);
                body["remaining_seconds"]
                    .as_f64()
                    .is_some_and(|seconds| (seconds - about).abs() <= 1.0)
            }
            "current_mode" | "decision" | "risk_level" | "executed" => body[name] == *wanted,
            other => return Err(format!("an expectation that nobody knows: {other}")),
        };
        if !holds {
            return Err(format!(
                "{name} should be {wanted}, got {} {body}",
                reply.status
            ));
        }
    }
    Ok(())
}

fn all_in(text: &Value, parts: &Value, ignore_case: bool) -> bool {
    let fold = |text: &str| {
        if ignore_case {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    };
    let text = fold(text.as_str().unwrap_or_default());
    parts.as_array().is_some_and(|parts| {
        parts
            .iter()
            .all(|part| text.contains(&fold(part.as_str().unwrap_or("\0"))))
    })
}
