use clap::ValueEnum as _;
use serde_json::json;

use super::*;

fn http() -> Way {
    Way::Http("http://127.0.0.1:8000/mcp".to_owned())
}

fn ours(entry: &Value) -> bool {
    is_ours(entry, "policyguard", &http())
}

#[test]
fn whatever_is_written_is_known_again() {
    let stdio = Way::Stdio("/bin/policyguard".to_owned(), vec!["stdio".to_owned()]);
    for kind in ClientKind::value_variants() {
        for way in [http(), stdio.clone()] {
            for with_key in [false, true] {
                let entry = Value::Object(kind.entry(&way, with_key));
                assert!(has_our_form(&entry), "{entry}");
                assert!(is_ours(&entry, "other", &way) || !entry["command"].is_null());
                assert!(ours(&entry), "{entry}");
            }
        }
    }
}

#[test]
fn what_a_person_would_miss_is_not_ours() {
    for entry in [
        json!("text"),
        json!({}),
        json!({ "url": "https://elsewhere.example/mcp" }),
        json!({ "url": "http://127.0.0.1:8000/sse" }),
        json!({ "url": "http://127.0.0.1:8000/mcp", "disabled": true }),
        json!({ "url": "http://127.0.0.1:8000/mcp", "headers": { "X-Team": "a" } }),
        json!({ "url": "http://127.0.0.1:8000/mcp", "headers": { "Authorization": "Bearer pg_clear" } }),
        json!({ "command": "npx", "args": ["stdio"] }),
        json!({ "command": "policyguard", "args": ["serve"] }),
        json!({ "command": "policyguard", "args": ["stdio"], "env": { "A": "b" } }),
        json!({ "command": "policyguard", "args": ["stdio"], "timeout": 5 }),
    ] {
        assert!(!ours(&entry), "{entry}");
    }
    let near = json!({ "url": "http://127.0.0.1:9000/mcp" });
    assert!(ours(&near));
    assert!(
        !is_ours(&near, "figma", &http()),
        "somebody else's server on this machine"
    );
}
