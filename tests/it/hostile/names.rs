//! Names that look like a tool's.

use serde_json::{Value, json};

use super::doors::{DOORS, Gateway};
use crate::patterns::vectors;

/// Whatever may be called is called: a name that were taken for a tool's would run it.
const ALLOW_ALL: &str = "default_decision: allow\n";

#[test]
fn no_door_takes_a_lookalike_for_the_tool_and_each_attempt_is_one_record() {
    let vectors = vectors("tool_names.jsonl");
    if vectors.is_empty() {
        return;
    }
    let mut gateway = Gateway::start(ALLOW_ALL);
    let arguments = |target: &Value| match target.as_str().unwrap() {
        "delete_database" => json!({ "db_name": "users" }),
        "restart_service" => json!({ "service_name": "cache" }),
        _ => json!({}),
    };
    for vector in &vectors {
        let (name, target) = (vector["name"].as_str().unwrap(), &vector["target"]);
        assert_ne!(Some(name), target.as_str());
        for door in DOORS {
            let came = gateway.call(door, name, &arguments(target).to_string());
            assert!(!came.ran() && !came.is_unread(), "{vector}: {came:?}");
        }
    }
    let trail = gateway.stopped();
    assert_eq!(trail.ran(), Vec::<&str>::new());
    for door in DOORS {
        let decided = trail.decisions(door);
        let asked: Vec<Option<&str>> = decided
            .iter()
            .map(|record| record.resource.as_deref())
            .collect();
        let sent: Vec<Option<&str>> = vectors.iter().map(|one| one["name"].as_str()).collect();
        assert_eq!(asked.len(), sent.len(), "{door:?}");
        assert_eq!(asked, sent, "{door:?}");
        assert_eq!(trail.refused(door), 0, "{door:?}");
    }
}
