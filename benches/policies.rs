//! What a change of the policy costs while the gateway runs: `create_policy` of ten thousand rules, as a whole.
//!
//! From the call to its answer: read, linted, compiled, compared with the version in force, written, swapped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a bench reports to a terminal and stops at the first fault"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use policyguard::app::App;
use policyguard::audit::{Caller, Door};
use policyguard::config::{Config, Flags, resolve};
use policyguard::pipeline::{Body, Call};
use serde_json::{Value, json};

/// Rules of the policy: with those of the default policy as many as a bundle may have, nearly.
const RULES: usize = 9_900;
/// Changes that are timed.
const CHANGES: usize = 9;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    type Shape = fn(usize) -> Value;
    let shapes: [(&str, Shape); 4] = [
        (
            "denies of exact names",
            |place| json!({ "condition": { "tool_pattern": format!("tool_{place}") }, "action": "deny" }),
        ),
        (
            "allows of exact names",
            |place| json!({ "condition": { "tool_pattern": format!("tool_{place}") }, "action": "allow" }),
        ),
        (
            "allows of starts, by trust",
            |place| json!({ "condition": { "tool_pattern": format!("t{place}_*"), "trust_level_at_least": "high" }, "action": "allow" }),
        ),
        (
            "approvals by arguments",
            |place| json!({ "condition": { "tool_pattern": format!("tool_{place}"), "arguments": { "count": { "gt": place } } }, "action": "require_approval" }),
        ),
    ];
    for (name, shape) in shapes {
        let dir = tempfile::tempdir().unwrap();
        let app = App::open(&config(dir.path())).await.unwrap();
        let mut times = Vec::new();
        for change in 0..CHANGES {
            let rules: Vec<Value> = (change..change + RULES).map(shape).collect();
            times.push(create(&app, rules).await);
        }
        let small = create(&app, vec![shape(0)]).await;
        times.sort();
        let (median, most) = (times.get(CHANGES / 2), times.last());
        println!(
            "create_policy of {RULES} {name}: median {:?}, most {:?}; replaced by one rule: {small:?}",
            median.unwrap(),
            most.unwrap()
        );
        app.close().await;
    }
}

async fn create(app: &App, rules: Vec<Value>) -> Duration {
    let arguments = json!({ "policy_id": "large", "name": "Large", "rules": rules });
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    let call = Call::tool(Caller::at(Door::Rest), "create_policy", arguments);
    let begun = Instant::now();
    let answer = app.pipeline.handle(call).await.unwrap();
    let took = begun.elapsed();
    assert!(matches!(answer.body, Body::Done(_)), "{:?}", answer.body);
    took
}

fn config(dir: &Path) -> Config {
    let data = dir.join("data").to_str().unwrap().to_owned();
    let flags = Flags {
        config: None,
        values: [("data_dir", data)].into(),
    };
    resolve(&flags, &BTreeMap::<String, String>::new()).unwrap()
}
