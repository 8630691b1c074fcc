//! Hostile patterns and names, and clocks around changes of summer time, from the shared vectors where they are.

use std::path::Path;
use std::sync::Arc;

use policyguard::domain::{Pattern, Timestamp, ToolClass};
use policyguard::policy::{Code, DefaultDecision, Effect, Engine, RuleAction};
use serde_json::{Value, json};

use crate::support::rules::{bundle, hours, policy, rule, run, tool};

/// The lines of a file of vectors; empty, and said so, where the vectors are not there.
pub(crate) fn vectors(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/vectors")
        .join(name);
    let path = if path.exists() {
        path
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../shared/data/vectors")
            .join(name)
    };
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a vector"))
        .collect()
}

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().unwrap_or_default()
}

#[test]
fn globs_match_as_other_implementations_say_or_are_refused() {
    let mut matched = 0;
    for vector in vectors("glob_match.jsonl") {
        let (pattern, name) = (text(&vector, "pattern"), text(&vector, "text"));
        let plain = text(&vector, "options") == "default";
        let Ok(compiled) = Pattern::parse(pattern) else {
            continue;
        };
        // Ours ignores case and crosses everything; names are ASCII.
        if plain
            && name.is_ascii()
            && let Some(expected) = vector["expect"].as_bool()
        {
            assert_eq!(compiled.matches(name), expected, "{vector}");
            matched += 1;
        }
    }
    println!("{matched} patterns compared");
}

#[test]
fn hostile_globs_are_refused_at_once() {
    for vector in vectors("glob_hostile.jsonl") {
        if !text(&vector, "expect").starts_with("reject") {
            continue;
        }
        let pattern = match text(&vector, "pattern_gen") {
            "" => text(&vector, "pattern").to_owned(),
            recipe => generate(recipe),
        };
        let begun = std::time::Instant::now();
        assert!(Pattern::parse(&pattern).is_err(), "{vector}");
        assert!(begun.elapsed().as_millis() < 5, "{vector}");
    }
}

/// Builds what `"{"*250+"a"+"}"*250` means.
pub(crate) fn generate(recipe: &str) -> String {
    let part = |part: &str| {
        let (text, count) = part
            .rsplit_once("\"*")
            .unwrap_or((part.trim_end_matches('"'), "1"));
        text.trim_start_matches('"')
            .repeat(count.parse().expect("a count"))
    };
    recipe.split("+\"").map(part).collect()
}

#[test]
fn no_lookalike_of_a_tools_name_runs_the_tool() {
    for vector in vectors("tool_names.jsonl") {
        let (target, name) = (text(&vector, "target"), text(&vector, "name"));
        let mut open = bundle();
        open.default_decision = DefaultDecision::Allow;
        open.policies = vec![policy("open", 1, vec![rule(&["*"], RuleAction::Allow)])];
        let catalogue = [tool(target, ToolClass::Modify, json!({"type": "object"}))];
        let engine = Engine::compile(Arc::new(open), &catalogue, 1);
        let decision = engine.decide(&Arc::new(run(name, &json!({}))));
        if name != target {
            assert_eq!(decision.effect(), Effect::Deny, "{vector}");
            assert!(
                [Code::InvalidName, Code::UnknownTool].contains(&decision.code()),
                "{vector}"
            );
        }
    }
}

#[test]
fn hours_are_those_of_the_local_wall_clock() {
    for vector in vectors("time_windows.jsonl")
        .iter()
        .filter(|vector| !vector["local"].is_null())
    {
        let zone = text(&vector["window"], "timezone");
        let now = Timestamp::parse(text(vector, "now_utc")).expect("an instant");
        let local = text(vector, "local");
        let hour: u32 = local[11..13].parse().expect("an hour");
        for (inside, list) in [
            (true, vec![hour]),
            (false, (0..24).filter(|h| *h != hour).collect()),
        ] {
            let mut narrow = bundle();
            narrow.default_decision = DefaultDecision::Allow;
            narrow.time_restrictions = vec![hours(&["restart"], &list, zone)];
            let catalogue = [tool(
                "restart",
                ToolClass::Modify,
                json!({"type": "object"}),
            )];
            let engine = Engine::compile(Arc::new(narrow), &catalogue, 1);
            let mut request = run("restart", &json!({}));
            request.context.now = now;
            let decision = engine.decide(&Arc::new(request));
            assert_eq!(decision.effect() == Effect::Allow, inside, "{vector}");
            if !inside {
                let reason = format!("Tool 'restart' not allowed at {} {zone}", &local[11..16]);
                assert_eq!(decision.reason(), reason);
            }
        }
    }
}

#[test]
fn a_zone_that_nobody_knows_has_no_hours() {
    for zone in ["Europe/Berln", "CEST", "+02:00", ""] {
        let mut narrow = bundle();
        narrow.default_decision = DefaultDecision::Allow;
        narrow.time_restrictions = vec![hours(&["restart"], &(0..24).collect::<Vec<_>>(), zone)];
        let catalogue = [tool(
            "restart",
            ToolClass::Modify,
            json!({"type": "object"}),
        )];
        let engine = Engine::compile(Arc::new(narrow), &catalogue, 1);
        let decision = engine.decide(&Arc::new(run("restart", &json!({}))));
        assert_eq!(decision.code(), Code::OutsideHours, "{zone}");
    }
}
