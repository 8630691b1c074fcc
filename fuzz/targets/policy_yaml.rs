//! Policy files: whatever they say, reading them ends soon and without a panic, and what loads decides.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use policyguard::domain::ToolFacts;
use policyguard::policy::{Effect, Engine, Source, check};
use policyguard_fuzz::{call, catalogue, now};
use serde_json::{Map, Value};

/// How long the largest input may take, on a machine that has much else to do.
const DEADLINE: Duration = Duration::from_secs(2);

static CATALOGUE: LazyLock<Vec<ToolFacts>> = LazyLock::new(catalogue);

fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the form by the file's name; the rest is the file.
    let Some((form, text)) = bytes.split_first() else {
        return;
    };
    let name = if *form == b'j' {
        "fuzz.json"
    } else {
        "fuzz.yaml"
    };
    let begun = Instant::now();
    let sources = [Source::new(name, text)];
    match check(&sources, &CATALOGUE, now()) {
        Ok(loaded) => decide(Arc::new(loaded.bundle)),
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a reason");
            for finding in findings {
                let message = &finding.message;
                assert!(
                    !message.chars().any(char::is_control),
                    "not one line of plain text: {message:?}"
                );
            }
        }
    }
    let took = begun.elapsed();
    assert!(took < DEADLINE, "{} bytes took {took:?}", text.len());
});

/// Decides calls of every tool, and of names that no tool has.
fn decide(bundle: Arc<policyguard::policy::Bundle>) {
    let blocked = bundle.always_blocked.clone();
    let engine = Engine::compile(bundle, &CATALOGUE, 1);
    let no_arguments = Map::new();
    let one = Map::from_iter([("service_name".to_owned(), Value::from("cache"))]);
    for tool in CATALOGUE.iter() {
        for arguments in [&no_arguments, &one] {
            let request = call(&tool.name, arguments.clone());
            let decision = engine.decide(&request);
            assert_eq!(
                decision.effect(),
                engine.decide(&request).effect(),
                "decided otherwise the second time"
            );
            assert!(
                decision.effect() != Effect::Allow || !blocked.matches(&tool.name),
                "{} is always blocked",
                tool.name
            );
            assert_eq!(engine.explain(&request).effect, decision.effect());
        }
    }
    for stranger in ["no_such_tool", "List_services", "list services", ""] {
        let decision = engine.decide(&call(stranger, Map::new()));
        assert_eq!(decision.effect(), Effect::Deny, "{stranger:?}");
    }
}
