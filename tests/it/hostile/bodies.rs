//! JSON that is none, or says two things.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use policyguard::audit::{AuditRecord, Door};
use policyguard::domain::canonical_json;
use policyguard::wire::read_object;
use serde_json::Value;

use super::doors::{Came, DOORS, Gateway, message};
use crate::patterns::vectors;

/// How often costly bodies are sent before memory is looked at, and again.
const ROUNDS: usize = 10;

/// Reads take whatever a parser makes of their arguments; what changes something is bounded.
const POLICY: &str = "
default_decision: allow
global_rules:
  always_blocked: [delete_database]
parameter_constraints:
  scale_fleet:
    count: { type: int, min: 1, max: 10 }
";

fn decoded(vector: &Value, key: &str) -> Vec<u8> {
    BASE64.decode(vector[key].as_str().unwrap()).unwrap()
}

/// Whether these bytes are one line of standard input that is answered: nobody answers what looks like a notification.
fn is_line(bytes: &[u8]) -> bool {
    let object = read_object(bytes);
    let notifies = object.is_ok_and(|members| !members.contains_key("id"));
    !notifies && !bytes.contains(&b'\n') && !bytes.iter().all(|byte| *byte == b'\r')
}

/// The call of a REST body as JSON-RPC words it: the name of the tool has another key there.
fn as_message(body: &[u8]) -> Vec<u8> {
    let params: Vec<u8> = if let Ok(text) = std::str::from_utf8(body) {
        let text = text.replace("\"tool_name\"", "\"name\"");
        text.replace("\"tool\\u005fname\"", "\"n\\u0061me\"")
            .into_bytes()
    } else {
        let start = b"{\"tool_name\"".len();
        [b"{\"name\"".as_slice(), &body[start..]].concat()
    };
    let frame = message("@");
    let (head, tail) = frame.split_once('@').unwrap();
    [head.as_bytes(), &params, tail.as_bytes()].concat()
}

/// What the trail must come to, counted while sending.
#[derive(Default)]
struct Count {
    sent: usize,
    unread: usize,
}

impl Count {
    fn add(&mut self, came: &Came) {
        self.sent += 1;
        self.unread += usize::from(came.is_unread());
    }
}

/// The argument `x` on record of these calls, as records write values.
fn recorded(decisions: &[&AuditRecord]) -> Vec<Vec<u8>> {
    let argument = |record: &&AuditRecord| canonical_json(&record.arguments.as_ref().unwrap()["x"]);
    decisions.iter().map(argument).collect()
}

#[test]
fn whatever_json_is_sent_is_refused_or_decided_on_the_value_that_it_says() {
    let vectors = vectors("json_bodies.jsonl");
    if vectors.is_empty() {
        return;
    }
    let mut gateway = Gateway::start(POLICY);
    let mut decided: Vec<Vec<Vec<u8>>> = vec![Vec::new(); DOORS.len()];
    let mut counts: [Count; 3] = Default::default();
    for vector in &vectors {
        let (raw, body) = (decoded(vector, "raw_b64"), decoded(vector, "embedded_b64"));
        let kind = vector["kind"].as_str().unwrap();
        for (index, door) in DOORS.into_iter().enumerate() {
            // By itself it is no call, whatever JSON it is.
            if !raw.is_empty() && (door != Door::Stdio || is_line(&raw)) {
                let came = gateway.send(door, &raw);
                assert!(came.is_unread() && !came.ran(), "{vector}: {came:?}");
                counts[index].add(&came);
            }
            let body = if door == Door::Rest {
                body.clone()
            } else {
                as_message(&body)
            };
            if door == Door::Stdio && !is_line(&body) {
                continue;
            }
            let came = gateway.send(door, &body);
            counts[index].add(&came);
            if came.is_unread() {
                // Duplicate keys are JSON, but none that two readers agree on.
                let ambiguous = vector["file"].as_str().unwrap().contains("duplicated_key");
                assert!(kind != "must_parse" || ambiguous, "{vector}: {came:?}");
            } else {
                assert_ne!(kind, "must_reject", "{vector}: {came:?}");
                let value: Value = serde_json::from_slice(&raw).unwrap();
                decided[index].push(canonical_json(&value));
            }
        }
    }
    let trail = gateway.stopped();
    for (index, door) in DOORS.into_iter().enumerate() {
        let decisions = trail.decisions(door);
        let count = &counts[index];
        assert_eq!(decisions.len(), count.sent - count.unread, "{door:?}");
        assert_eq!(recorded(&decisions), decided[index], "{door:?}");
        // Lines that are no messages never reach the gateway.
        let refused = trail.refused(door);
        let all = refused == count.unread as u64;
        assert!(all || door == Door::Stdio, "{door:?}: {refused}");
        println!("{door:?}: {} sent, {} unread", count.sent, count.unread);
    }
}

#[test]
fn bodies_that_readers_read_differently_run_nothing_but_what_they_say_plainly() {
    let vectors = vectors("json_differential.jsonl");
    if vectors.is_empty() {
        return;
    }
    let mut gateway = Gateway::start(POLICY);
    for vector in &vectors {
        let expected = vector["expect"].as_str().unwrap();
        let body = match decoded(vector, "body_b64") {
            recipe if recipe.starts_with(b"GEN:") => deep(vector["name"].as_str().unwrap()),
            body => body,
        };
        for door in DOORS {
            // The members of a call over MCP are not ours to list: others stand beside them unread.
            let beside = door != Door::Rest && vector["name"] == "case variant of tool_name";
            let came = if door == Door::Rest {
                gateway.send(door, &body)
            } else {
                gateway.send(door, &as_message(&body))
            };
            assert!(
                !came.ran() || beside,
                "{door:?}: {expected}: {vector}: {came:?}"
            );
        }
    }
    // Over MCP the one with a further member beside the call.
    assert_eq!(gateway.stopped().ran(), ["list_services"; 2]);
}

/// The body that is described as `depth 127`.
fn deep(name: &str) -> Vec<u8> {
    let depth: usize = name.trim_start_matches("depth ").parse().unwrap();
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!(r#"{{"tool_name":"list_services","arguments":{{"x":{open}{close}}}}}"#).into_bytes()
}

#[test]
fn a_costly_body_is_refused_at_every_door_and_its_memory_comes_back() {
    let mut gateway = Gateway::start(POLICY);
    let many = format!("{{\"x\":[{}]}}", vec!["{\"a\":0}"; 30_000].join(","));
    let bodies = [
        many,
        format!("{{\"x\":{}{}}}", "[".repeat(60_000), "]".repeat(60_000)),
        format!("{{\"x\":\"{}\"}}", "a".repeat(300_000)),
        format!("{{\"x\":{}}}", "9".repeat(100_000)),
        format!("{{{}\"x\":0}}", "\"x\":0,".repeat(30_000)),
    ];
    let mut round = || {
        for body in &bodies {
            for door in DOORS {
                let came = gateway.call(door, "list_services", body);
                assert!(!came.ran(), "{door:?}: {came:?}");
            }
        }
        gateway.resident_kib()
    };
    // The allocator keeps what it once needed, so that only what grows further counts.
    let held: Vec<u64> = (0..3 * ROUNDS).map(|_| round()).collect();
    let most = |rounds: &[u64]| rounds.iter().copied().max().unwrap();
    let (first, last) = (most(&held[..ROUNDS]), most(&held[2 * ROUNDS..]));
    println!("resident: {first} KiB in the first rounds, {last} KiB in the last");
    assert!(last * 10 <= first * 11, "{first} KiB grew to {last} KiB");
    let trail = gateway.stopped();
    assert_eq!(trail.ran(), Vec::<&str>::new());
    assert_eq!(trail.refused(Door::Rest), 15 * ROUNDS as u64);
}
