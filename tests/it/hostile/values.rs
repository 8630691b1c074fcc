//! Paths and patterns: values that constraints look at, and patterns that authors may send at run time.

use std::time::{Duration, Instant};

use policyguard::audit::Door;
use serde_json::{Value, json};

use super::doors::{Came, DOORS, Gateway};
use crate::patterns::{generate, vectors};

const PATHS: &str = "
default_decision: allow
parameter_constraints:
  get_service_status:
    service_name: { type: path, under: [/srv/app] }
";

#[test]
fn no_door_lets_a_path_out_of_its_root() {
    let vectors = vectors("path_traversal.jsonl");
    if vectors.is_empty() {
        return;
    }
    let long = std::env::var("POLICYGUARD_LONG_TESTS").is_ok();
    let mut gateway = Gateway::start(PATHS);
    let mut sent = [0; DOORS.len()];
    for (number, vector) in vectors.iter().enumerate() {
        let arguments = json!({ "service_name": vector["payload"] }).to_string();
        for (index, door) in DOORS.into_iter().enumerate() {
            // Thousands of vectors: in an ordinary run each of them at one of the doors.
            if !long && number % DOORS.len() != index {
                continue;
            }
            sent[index] += 1;
            let came = gateway.call(door, "get_service_status", &arguments);
            assert!(!came.ran() && !came.is_unread(), "{vector}: {came:?}");
        }
    }
    let trail = gateway.stopped();
    assert_eq!(trail.ran(), Vec::<&str>::new());
    for (index, door) in DOORS.into_iter().enumerate() {
        let decisions = trail.decisions(door);
        assert_eq!(decisions.len(), sent[index], "{door:?}");
        for record in decisions {
            let ruling = record.decision.as_ref().unwrap();
            let code = &*ruling.code;
            let judged = ["constraint_violated", "invalid_parameters"].contains(&code);
            assert!(judged && &*ruling.effect == "deny", "{record:?}");
        }
    }
}

/// Asks a door to create a policy.
fn create(gateway: &mut Gateway, door: Door, rules: &Value) -> Came {
    let mut policy = json!({ "name": "hostile", "rules": rules });
    if door == Door::Rest {
        let body = policy.to_string();
        let came = gateway.request("PUT", "/api/v1/policies/hostile", body.as_bytes());
        assert!(came.status < 500, "{came:?}");
        return came;
    }
    policy["policy_id"] = json!("hostile");
    gateway.call(door, "create_policy", &policy.to_string())
}

/// Whether the door says that the policy was created.
fn is_created(came: &Came) -> bool {
    (came.status == 200 && came.body["success"] == json!(true)) || came.ran()
}

#[test]
fn hostile_globs_are_refused_at_every_door_at_once_and_the_policy_stays() {
    let mut gateway = Gateway::start("default_decision: deny\n");
    for vector in vectors("glob_hostile.jsonl") {
        let pattern = match vector["pattern_gen"].as_str() {
            None => vector["pattern"].as_str().unwrap().to_owned(),
            Some(recipe) => generate(recipe),
        };
        let must_refuse = vector["expect"].as_str().unwrap().starts_with("reject");
        let rules = json!([{ "condition": { "tool_pattern": pattern }, "action": "deny" }]);
        for door in DOORS {
            let begun = Instant::now();
            let came = create(&mut gateway, door, &rules);
            assert!(begun.elapsed() < Duration::from_secs(5), "{vector}");
            assert!(!must_refuse || !is_created(&came), "{vector}: {came:?}");
        }
    }
    let came = gateway.call(Door::Rest, "list_services", "{}");
    assert_eq!(came.body["policy_violation"], json!(true), "{came:?}");
    drop(gateway.stopped());
}

#[test]
fn hostile_regexes_are_refused_at_every_door_or_match_only_the_whole_value() {
    let mut gateway = Gateway::start("default_decision: deny\n");
    for vector in vectors("regex_hostile.jsonl") {
        let expected = vector["expect"].as_str().unwrap();
        let pattern = match vector["pattern"].as_str().unwrap() {
            recipe if recipe.starts_with('"') => generate(recipe),
            pattern => pattern.to_owned(),
        };
        let text = match vector["text_gen"].as_str().unwrap() {
            recipe if recipe.starts_with('"') => generate(recipe),
            text => text.replace("\\n", "\n").replace("\\u0663", "\u{663}"),
        };
        let rules = json!([{
            "condition": {
                "tool_pattern": "get_service_status",
                "arguments": { "service_name": { "matches": pattern } },
            },
            "action": "allow",
        }]);
        for door in DOORS {
            let begun = Instant::now();
            let came = create(&mut gateway, door, &rules);
            assert_eq!(
                is_created(&came),
                !expected.starts_with("refused"),
                "{door:?}: {vector}: {came:?}"
            );
            let arguments = json!({ "service_name": text }).to_string();
            let came = gateway.call(door, "get_service_status", &arguments);
            assert!(!came.ran(), "{vector}: {came:?}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{vector}");
        }
    }
    drop(gateway.stopped());
}
