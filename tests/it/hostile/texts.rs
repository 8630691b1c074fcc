//! Texts that break lines, terminals and readers.

use policyguard::audit::Door;
use serde_json::{Value, json};

use super::doors::{DOORS, Gateway};
use crate::patterns::vectors;

/// The most bytes of a text that are sent as part of a path.
const LONGEST: usize = 1_000;

/// From where on arguments are shortened in records.
const KEPT: usize = 8_000;

/// Reads are allowed, all else is not.
const POLICY: &str = "modes:\n  NORMAL: { allowed_tools: [\"get_*\", \"list_*\"] }\n";

/// The text with every byte percent-encoded, for a path or a query; of a long one its beginning.
fn encoded(text: &str) -> String {
    let beginning = &text.as_bytes()[..text.len().min(LONGEST)];
    percent_encoding::percent_encode(beginning, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The texts of both corpora; none where they are not there.
fn texts() -> Vec<String> {
    let of = |file: &str, key: &str| -> Vec<String> {
        let text = |vector: &Value| vector[key].as_str().unwrap().to_owned();
        vectors(file).iter().map(text).collect()
    };
    let mut texts = of("naughty_strings.jsonl", "s");
    texts.append(&mut of("log_injection.jsonl", "text"));
    texts
}

#[test]
fn naughty_texts_at_every_door_are_recorded_as_they_are_and_printed_harmlessly() {
    let texts = texts();
    if texts.is_empty() {
        return;
    }
    let mut gateway = Gateway::start(POLICY);
    for text in &texts {
        let arguments = json!({ "service_name": text }).to_string();
        for door in DOORS {
            let came = gateway.call(door, "get_service_status", &arguments);
            assert!(!came.ran() && !came.is_unread(), "{text:?}: {came:?}");
            let came = gateway.call(door, text, "{}");
            assert!(!came.ran(), "{text:?}: {came:?}");
        }
    }
    for command in [["audit", "tail", "-n"], ["audit", "query", "--limit"]] {
        let printed = gateway.command(&[&command[..], &["1000"]].concat());
        let raw = |c: char| c != '\n' && c.is_control();
        assert!(!printed.contains(raw), "{command:?}: {printed:?}");
    }
    let trail = gateway.stopped();
    assert_eq!(trail.ran(), Vec::<&str>::new());
    for door in DOORS {
        let decisions = trail.decisions(door);
        assert_eq!(decisions.len(), 2 * texts.len(), "{door:?}");
        for (text, pair) in texts.iter().zip(decisions.chunks(2)) {
            let arguments = pair[0].arguments.as_ref().unwrap();
            let asked = arguments.get("service_name").and_then(Value::as_str);
            // Of arguments that are long, records keep the beginning and a digest.
            assert!(
                asked == Some(text) || text.len() > KEPT,
                "{door:?}: {text:?}: {arguments:?}"
            );
            assert_eq!(pair[1].resource.as_deref(), Some(&**text), "{door:?}");
        }
    }
}

/// Every place that keeps a text gives it back as it was, or took nothing.
#[test]
fn naughty_texts_that_are_kept_read_back_as_they_were() {
    let texts = texts();
    if texts.is_empty() {
        return;
    }
    let mut gateway = Gateway::start(POLICY);
    let mut kept = [0; 5];
    for text in &texts {
        let mut put = |path: &str, body: &Value| {
            let came = gateway.request("PUT", path, body.to_string().as_bytes());
            assert!(came.status < 500, "{path}: {text:?}: {came:?}");
            (came.status == 200).then(|| gateway.request("GET", path, b"").body)
        };
        let named = json!({ "name": text, "trust_level": "low" });
        if let Some(agent) = put("/api/v1/agents/naughty", &named) {
            assert_eq!(agent["name"], json!(text), "{agent}");
            kept[0] += 1;
        }
        let path = format!("/api/v1/agents/{}", encoded(text));
        let plain = json!({ "name": "plain", "trust_level": "low" });
        if let Some(agent) = put(&path, &plain) {
            assert_eq!(agent["agent_id"], json!(text), "{agent}");
            kept[1] += 1;
        }
        let rules =
            json!([{ "condition": { "tool_pattern": "x_*" }, "action": "deny", "message": text }]);
        let policy = json!({ "name": text, "description": text, "rules": rules });
        if let Some(policy) = put("/api/v1/policies/naughty", &policy) {
            let message = &policy["rules"][0]["message"];
            let read = (&policy["name"], &policy["description"], message);
            assert_eq!(read, (&json!(text), &json!(text), &json!(text)), "{policy}");
            kept[2] += 1;
        }
        let path = format!("/api/v1/policies/{}", encoded(text));
        let policy = json!({ "name": "plain", "rules": rules });
        if let Some(policy) = put(&path, &policy) {
            assert_eq!(policy["policy_id"], json!(text), "{policy}");
            kept[3] += 1;
            drop(gateway.request("DELETE", &path, b""));
        }
        let report = json!({ "incident_type": "other", "severity": "low", "description": text });
        let came = gateway.request("POST", "/api/v1/incidents", report.to_string().as_bytes());
        assert!(came.status < 500, "{text:?}: {came:?}");
        if let Some(id) = came.body["incident_id"].as_str() {
            let incident = gateway.request("GET", &format!("/api/v1/incidents/{id}"), b"");
            assert_eq!(incident.body["description"], json!(text), "{incident:?}");
            kept[4] += 1;
        }
        for filter in ["agent_id", "tool", "text", "cursor", "status"] {
            let path = format!("/api/v1/audit?{filter}={}", encoded(text));
            let came = gateway.request("GET", &path, b"");
            assert!(came.status < 500, "{path}: {came:?}");
        }
        let body = json!({ "tool_name": "list_services", "agent_id": text, "reason": text, "context": text });
        let came = gateway.send(Door::Rest, body.to_string().as_bytes());
        let body = json!({ "tool_name": "list_services", "correlation_id": text, "context": { text.as_str(): text } });
        let other = gateway.send(Door::Rest, body.to_string().as_bytes());
        assert!(
            came.status < 500 && other.status < 500,
            "{came:?}, {other:?}"
        );
    }
    println!(
        "kept of {} as agent's name and id, as policy's text and id, in incidents: {kept:?}",
        texts.len()
    );
    let some = [kept[0], kept[1], kept[2], kept[4]];
    assert!(some.iter().all(|count| *count > 0), "{kept:?}");
    drop(gateway.stopped());
}
