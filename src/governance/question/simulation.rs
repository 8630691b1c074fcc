//! Tool `simulate_action`: the answer with everything that led to it.

use serde_json::{Value, json};

use crate::policy::{Explanation, RuleTrace};
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, text, unwritten};
use super::{Asked, answer};

pub(in crate::governance) async fn simulate(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let asked = Asked::read(governance, permit)?;
    let explained = governance
        .decision_point
        .explain(&asked.ask, permit.caller())
        .await
        .map_err(|fault| unwritten(&fault))?;
    if text(permit, "only") == Some("parameters") {
        let problems = explained.parameter_problems;
        return Ok(Output::of(json!({
            "action_id": permit.request().action_id,
            "valid": problems.is_empty(),
            "parameter_problems": problems,
        })));
    }
    let mut result = answer(&explained.decision.get().0);
    let principal = &permit.request().principal;
    let open = Explanation::is_open_to(principal.roles, principal.trust);
    let explanation = if open {
        explained.explanation
    } else {
        explained.explanation.for_low_trust()
    };
    if let Value::Object(members) = &mut result {
        let rules: Vec<Value> = explanation.rules.iter().map(rule).collect();
        members.insert("applicable_rules".to_owned(), json!(rules));
        let near: Vec<Value> = explanation.near_misses.iter().map(rule).collect();
        members.insert("near_misses".to_owned(), json!(near));
        members.insert("stages".to_owned(), json!(explanation.stages));
        members.insert("facts".to_owned(), json!(explanation.facts));
        members.insert("shadow".to_owned(), json!(explanation.shadow));
        let problems = json!(explained.parameter_problems);
        members.insert("parameter_problems".to_owned(), problems);
    }
    Ok(Output::of(result))
}

fn rule(trace: &RuleTrace) -> Value {
    let number = trace.rule.rule.map(|rule| rule.to_string());
    json!({
        "policy": trace.rule.policy,
        "rule": trace.rule.name.as_deref().map(str::to_owned).or(number),
        "at": trace.rule.at,
        "priority": trace.priority,
        "applies": trace.applies,
        "effect": trace.effect,
        "why": trace.why,
        "decided": trace.decided,
    })
}
