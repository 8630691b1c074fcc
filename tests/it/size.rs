//! Large policies stay within bounds.

use std::sync::Arc;

use policyguard::domain::{ModeName, ToolClass};
use policyguard::policy::{Code, Engine, RuleAction};
use serde_json::json;

use crate::support::rules::{bundle, policy, rule, run, tool};

/// More pairs of rule and tool than plans have room for: the tools that find none are decided by the index.
#[test]
fn tools_without_room_for_a_plan_are_decided_like_those_with_one() {
    let mut broad = bundle();
    for place in 0..2_200 {
        let mut rule = rule(&["t*"], RuleAction::Allow);
        if place != 1_000 {
            rule.condition.modes = Some([ModeName::emergency()].into());
        }
        broad
            .policies
            .push(policy(&format!("p{place}"), place, vec![rule]));
    }
    let names: Vec<String> = (0..1_000).map(|place| format!("t{place}")).collect();
    let facts = |name: &String| tool(name, ToolClass::Read, json!({"type": "object"}));
    let catalogue: Vec<_> = names.iter().map(facts).collect();
    let engine = Engine::compile(Arc::new(broad), &catalogue, 1);
    for name in ["t0", "t500", "t999"] {
        let request = Arc::new(run(name, &json!({})));
        let decision = engine.decide(&request);
        assert_eq!(decision.code(), Code::RuleAllow, "{name}");
        assert_eq!(
            decision.determined_by().map(|rule| rule.policy.as_str()),
            Some("p1000")
        );
        assert_eq!(engine.explain(&request).rules.len(), 1, "{name}");
    }
}
