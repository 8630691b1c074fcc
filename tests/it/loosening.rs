//! What two versions of the policy answer differently: nothing that becomes callable goes unseen.

use std::sync::Arc;

use policyguard::domain::{ActionRequest, ActionType, Digest, Owner, Purpose, ToolFacts};
use policyguard::policy::{self, Bundle, Engine, Place, Policy, RuleAction, written};
use serde_json::{Value, json};

use crate::properties::check;
use crate::support::choices::Choices;
use crate::support::random::{bundle as random_bundle, random_policy, random_rule, request};
use crate::support::rules::{bundle, policy as of_rules, rule, tool};

/// The bundle with something else in it than before: a policy more, less or otherwise, or other sections.
fn changed(choices: &mut Choices, before: &Bundle) -> Bundle {
    let mut after = before.clone();
    match choices.below(6) {
        0 => after.policies.push(random_policy(choices, "epsilon")),
        1 => drop(after.policies.pop()),
        2 => {
            if let Some(first) = after.policies.first_mut() {
                let index = first.rules.len();
                first.rules.push(policy::Rule {
                    index,
                    ..random_rule(choices)
                });
            }
        }
        3 => {
            if let Some(first) = after.policies.first_mut() {
                first.priority += 10;
                first.enabled = !first.enabled;
            }
        }
        4 => {
            if let Some(first) = after.policies.first_mut() {
                drop(first.rules.pop());
            }
        }
        _ => {
            let other = random_bundle(choices);
            after = Bundle {
                policies: after.policies,
                ..other
            };
        }
    }
    after
}

/// The request as an ordinary call: nobody has approved or lifted anything.
fn ordinary(mut request: ActionRequest) -> ActionRequest {
    request.context.overrides = Vec::new();
    request.context.approval = None;
    request
}

/// Whether the request is about a target that has the name of a gateway tool: nothing could be called by it.
fn is_target_called_like_ours(request: &ActionRequest, engine: &Engine) -> bool {
    let tool = engine.tool(&request.resource.name);
    let ours = tool.is_some_and(|tool| tool.owner == Owner::Gateway);
    ours && request.action != ActionType::ToolCall && request.purpose == Purpose::Question
}

#[test]
fn whatever_is_answered_less_strictly_was_told_as_becoming_callable() {
    let (mut loosened, mut tightened) = (0, 0);
    let seen = std::cell::RefCell::new((&mut loosened, &mut tightened));
    check(400, |world| {
        let after = changed(&mut world.choices, &world.bundle);
        let (before, after) = (world.engine(), world.engine_of(&after));
        for _ in 0..20 {
            let request = Arc::new(ordinary(request(&mut world.choices)));
            if is_target_called_like_ours(&request, &before) {
                continue;
            }
            let said = |engine: &Engine| engine.decide(&request).effect();
            let (was, is) = (said(&before), said(&after));
            if was == is {
                continue;
            }
            let diff = policy::diff(&before, &after, request.context.now);
            let mut seen = seen.borrow_mut();
            if is < was {
                *seen.0 += 1;
                if !diff.loosens() {
                    return Err(format!("{was:?} became {is:?} unseen: {request:?}"));
                }
            } else {
                *seen.1 += 1;
                if diff.stops_being_callable.is_empty() && !diff.loosens() {
                    return Err(format!("{was:?} became {is:?} unseen: {request:?}"));
                }
            }
        }
        Ok(())
    });
    assert!(loosened > 100 && tightened > 100, "{loosened} {tightened}");
}

#[test]
fn a_bundle_compared_with_itself_differs_in_nothing_and_a_further_deny_never_loosens() {
    check(200, |world| {
        let before = world.engine();
        let now = request(&mut world.choices).context.now;
        let same = policy::diff(&before, &world.engine(), now);
        if same != policy::Diff::default() {
            return Err(format!("{same:?}"));
        }
        let mut after = world.bundle.clone();
        let mut denies = random_policy(&mut world.choices, "denies");
        denies.rules.retain(|rule| rule.action == RuleAction::Deny);
        after.policies.push(denies);
        let diff = policy::diff(&before, &world.engine_of(&after), now);
        if diff.loosens() {
            return Err(diff.loosened().join("\n"));
        }
        Ok(())
    });
}

fn catalogue() -> Vec<ToolFacts> {
    use policyguard::domain::ToolClass;
    ["read_logs", "restart_service"]
        .map(|name| tool(name, ToolClass::Read, json!({ "type": "object" })))
        .into()
}

/// What becomes callable and what stops being so between two lists of policies, in words.
fn told(before: Vec<Policy>, after: Vec<Policy>) -> Vec<String> {
    let engine = |policies: Vec<Policy>| {
        let bundle = Bundle {
            policies,
            ..bundle()
        };
        Engine::compile(Arc::new(bundle), &catalogue(), 1)
    };
    let now = policyguard::domain::Timestamp::from_millis(0);
    let diff = policy::diff(&engine(before), &engine(after), now);
    [diff.loosened(), diff.tightened()].concat()
}

fn of_json(id: &str, rules: &Value) -> Policy {
    let document = json!({ "policy_id": id, "name": id, "rules": rules });
    policy::parse_rules(&document, "create_policy").unwrap()
}

#[test]
fn differences_are_told_in_words_for_people() {
    let allow = || vec![of_rules("p", 1, vec![rule(&["read_*"], RuleAction::Allow)])];
    insta::assert_snapshot!(told(vec![], allow()).join("\n"), @"
    becomes callable: read_* (in EMERGENCY, NORMAL)
    becomes callable: read_logs (in EMERGENCY, NORMAL)
    ");
    let approval = json!([{ "condition": { "tool_pattern": "read_logs", "trust_level_at_least": "high", "modes": ["NORMAL"] }, "action": "require_approval" }]);
    let asked = told(vec![], vec![of_json("q", &approval)]);
    insta::assert_snapshot!(asked.join("\n"), @"becomes callable: read_logs with an approval (in NORMAL; trust high, admin)");
    let lifted = told(vec![of_json("q", &approval)], allow());
    insta::assert_snapshot!(lifted.join("\n"), @"
    becomes callable: read_* (in EMERGENCY, NORMAL)
    becomes callable: read_logs without an approval (in NORMAL; trust high, admin)
    becomes callable: read_logs (in NORMAL; trust low, medium)
    becomes callable: read_logs (in EMERGENCY)
    ");
    let few = json!([{ "condition": { "tool_pattern": "restart_service", "agents": ["etl-*"], "arguments": { "count": { "lt": 5 } } }, "action": "allow" }]);
    let more = json!([{ "condition": { "tool_pattern": "restart_service", "agents": ["etl-*"], "arguments": { "count": { "lt": 50 } } }, "action": "allow" }]);
    let widened = told(vec![of_json("r", &few)], vec![of_json("r", &more)]);
    insta::assert_snapshot!(widened.join("\n"), @"
    becomes callable: restart_service with some arguments (in EMERGENCY, NORMAL; agents etl-*)
    stops being callable: restart_service with some arguments (in EMERGENCY, NORMAL; agents etl-*)
    ");
    let written = json!([{ "condition": { "action_type": "data_write", "tool_pattern": "users*" }, "action": "allow" }]);
    let data = told(vec![], vec![of_json("s", &written)]);
    insta::assert_snapshot!(data.join("\n"), @"becomes callable: users* (in EMERGENCY, NORMAL; as data_write)");
}

#[test]
fn many_differences_are_counted_and_the_first_are_told() {
    let rules: Vec<Value> = (0..70)
        .map(|place| json!({ "condition": { "tool_pattern": format!("t{place}") }, "action": "allow" }))
        .collect();
    let lines = told(vec![], vec![of_json("p", &json!(rules))]);
    assert_eq!(lines.len(), 51);
    assert_eq!(lines[50], "becomes callable: 20 more");
}

/// The policy without where it is written and what is made of its content.
fn bare(policy: &Policy) -> Policy {
    let mut bare = policy.clone();
    (bare.at, bare.origin) = (Place::default(), policy::Origin::File);
    for rule in &mut bare.rules {
        (rule.at, rule.digest) = (Place::default(), Digest::ZERO);
    }
    bare
}

#[test]
fn a_policy_as_it_is_shown_reads_back_as_what_it_was() {
    let mut compared = 0;
    let count = std::cell::RefCell::new(&mut compared);
    check(300, |world| {
        let mut policy = random_policy(&mut world.choices, "p");
        for rule in &mut policy.rules {
            if rule.action != RuleAction::RequireApproval {
                rule.approval = policy::ApprovalTerms::default();
            }
        }
        let text = written(&policy);
        let twice = policy.rules.iter().any(|rule| {
            let names: Vec<&String> = rule
                .condition
                .arguments
                .iter()
                .map(|test| &test.name)
                .collect();
            let mut distinct = names.clone();
            distinct.dedup();
            distinct.len() != names.len()
        });
        // Groups belong to a file, and a random policy may test one argument twice by the same operator.
        if text.to_string().contains("\"@") || twice || policy.rules.is_empty() {
            return Ok(());
        }
        // A random policy may hold what no author could write, such as a list of no modes.
        let Ok(again) = policy::parse_rules(&text, "create_policy") else {
            return Ok(());
        };
        **count.borrow_mut() += 1;
        let (was, is) = (bare(&policy), bare(&again));
        if was == is {
            Ok(())
        } else {
            Err(format!("{text}\n{was:?}\n{is:?}"))
        }
    });
    assert!(compared > 50, "only {compared} were compared");
}
