//! What is told about a decision, to whom, and what else can be asked of an engine.

use std::sync::Arc;

use policyguard::domain::{Owner, Role, Roles, ToolClass, ToolFacts, TrustLevel};
use policyguard::policy::{
    Bundle, Enforcement, Engine, Explanation, ModeRules, Parameter, RuleAction, Standing,
    TestOperator, TrustSet,
};
use serde_json::{Value, json};

use crate::support::rules::{
    argument, arguments, bundle, constraints, gateway_tool, int_type, mode_name, names, parameter,
    policy, rule, run, text_type, tool,
};

fn policies() -> Bundle {
    let mut deletes = rule(&["delete_*"], RuleAction::Deny);
    deletes.name = Some("delete-needs-admin".into());
    deletes.message = Some("Delete operations require admin trust level".into());
    deletes.condition.trust = TrustSet::below(TrustLevel::Admin);
    let mut large = rule(&["delete_*"], RuleAction::RequireApproval);
    large.condition.arguments = vec![argument("count", TestOperator::Gt(5.0))];
    let mut nights = rule(&["*_table"], RuleAction::Allow);
    nights.condition.modes = Some([mode_name("EMERGENCY")].into());
    let mut watching = policy("watching", 500, vec![rule(&["*"], RuleAction::Allow)]);
    watching.enforcement = Enforcement::Shadow;
    let mut bundle = bundle();
    bundle.policies = vec![
        policy("security", 200, vec![deletes, large, nights]),
        watching,
    ];
    bundle
}

fn engine(bundle: Bundle) -> Engine {
    let schema =
        json!({"type": "object", "properties": {"count": {"type": "integer", "default": 3}}});
    let catalogue = [
        tool("delete_table", ToolClass::Destructive, schema.clone()),
        ToolFacts {
            owner: Owner::Upstream,
            ..tool("read_table", ToolClass::Read, schema)
        },
        gateway_tool("set_mode", &[Role::Operator], true),
    ];
    Engine::compile(Arc::new(bundle), &catalogue, 7)
}

fn explained() -> Explanation {
    engine(policies()).explain(&Arc::new(run("delete_table", &json!({"count": 7}))))
}

#[test]
fn an_explanation_reads_from_the_answer_to_what_stood_around_it() {
    let expected = "\
deny (rule_deny): Delete operations require admin trust level
  by security rule 0 delete-needs-admin (policies/test.yaml:10)
  remedy: needs trust admin, agent has high
  mode NORMAL, policy version 7
stages
  1   lockdown and integrity: passed
  2   name and catalogue: passed
  3   caller: passed
  4   always blocked, protected paths: passed
  5   the agent's denied tools: passed
  6   the agent's allowed tools: passed
  7   roles: passed
  8   blocked by the mode: passed
  9   listed by the mode: passed
  9a  services: passed
  9b  hours: passed
  9c  resources: passed
  10  rules: decided
facts
  agent: etl-1
  trust: high
  roles: agent
  mode: NORMAL
  now: 2026-11-21T12:00:00.000Z
  tool: of server cloud, changes things
rules that apply
  deny at 200 by security rule 0 delete-needs-admin (policies/test.yaml:10): every condition holds, decided
  require_approval at 200 by security rule 1 (policies/test.yaml:10): every condition holds
near misses
  allow at 200 by security rule 2 (policies/test.yaml:10): does not hold: mode NORMAL
shadow policies
  watching: would change the answer: allow (rule_allow)
";
    assert_eq!(explained().to_string(), expected);
}

#[test]
fn an_explanation_as_json_has_the_fields_of_the_decision_and_the_trace() {
    let json = serde_json::to_value(explained()).expect("JSON");
    assert_eq!(json["effect"], "deny");
    assert_eq!(json["code"], "rule_deny");
    let rule = json!({"policy": "security", "rule": 0, "name": "delete-needs-admin", "at": "policies/test.yaml:10"});
    assert_eq!(json["determined_by"], rule);
    assert_eq!(
        json["remedy"],
        json!({"kind": "trust", "text": "needs trust admin, agent has high"})
    );
    assert_eq!(
        json["stages"][12],
        json!({"stage": "10", "about": "rules", "outcome": "decided"})
    );
    assert_eq!(json["shadow"][0]["flips"], true);
    assert_eq!(json["near_misses"][0]["policy"], "security");
}

#[test]
fn an_agent_of_low_trust_sees_the_answer_and_none_of_the_rules() {
    let agent = Roles::of(&[Role::Agent]);
    assert!(!Explanation::is_open_to(agent, TrustLevel::Low));
    assert!(Explanation::is_open_to(agent, TrustLevel::Medium));
    for role in [Role::Operator, Role::Auditor, Role::Admin] {
        assert!(
            Explanation::is_open_to(Roles::of(&[Role::Agent, role]), TrustLevel::Low),
            "{role}"
        );
    }
    let json = serde_json::to_value(explained().for_low_trust()).expect("JSON");
    assert_eq!(json["determined_by"], json!({"policy": "security"}));
    assert_eq!(json["code"], "rule_deny");
    assert_eq!(json["remedy"]["kind"], "trust");
    for hidden in ["stages", "facts", "rules", "near_misses", "shadow"] {
        assert_eq!(json[hidden], json!([]), "{hidden}");
    }
    assert!(!json.to_string().contains("delete-needs-admin"));
    assert!(!json.to_string().contains("policies/"));
}

#[test]
fn what_an_override_lifted_stands_at_its_stage() {
    let mut request = run("delete_table", &json!({"count": 1}));
    let rule = crate::support::rules::rule_digest("security", 0);
    let lift = |code: &str, rule| policyguard::domain::OverrideEvidence {
        code: code.into(),
        rule,
    };
    request.context.overrides = vec![lift("default_deny", None), lift("rule_deny", Some(rule))];
    let text = engine(policies()).explain(&Arc::new(request)).to_string();
    assert!(
        text.contains("10  rules: passed, rule_deny lifted by an override"),
        "{text}"
    );
    assert!(
        text.contains("11  mode and default: passed, default_deny lifted by an override"),
        "{text}"
    );
    assert!(text.contains("14  evidence: passed"), "{text}");
}

#[test]
fn an_undecidable_rule_says_what_it_could_not_see() {
    let mut request = run("delete_table", &json!({}));
    request.principal.trust = TrustLevel::Admin;
    let explained = engine(policies()).explain(&Arc::new(request));
    let why: Vec<&str> = explained
        .rules
        .iter()
        .map(|rule| rule.why.as_str())
        .collect();
    assert_eq!(why, ["can't be told: argument count"]);
}

#[test]
fn defaults_are_filled_in_and_the_policys_come_first() {
    let with_default = |value: Value| Parameter {
        default: Some(value),
        ..parameter(int_type(None, None))
    };
    let mut bundle = policies();
    bundle.constraints = vec![
        constraints(&["read_*"], vec![("count", with_default(json!(9)))]),
        constraints(&["other_*"], vec![("size", with_default(json!(1)))]),
    ];
    let engine = engine(bundle);
    let complete =
        |tool: &str, given: Value| Value::Object(engine.complete(tool, arguments(&given)).0);
    assert_eq!(complete("delete_table", json!({})), json!({"count": 3}));
    assert_eq!(complete("read_table", json!({})), json!({"count": 9}));
    assert_eq!(
        complete("read_table", json!({"count": null, "x": 1})),
        json!({"count": null, "x": 1})
    );
    assert_eq!(complete("other_thing", json!({})), json!({"size": 1}));
    assert_eq!(complete("nothing", json!({})), json!({}));
}

#[test]
fn a_tool_wants_the_lists_of_all_its_constraints_and_requirements() {
    let listed = |source: &str| Parameter {
        allowlist_source: Some(source.into()),
        ..parameter(text_type())
    };
    let mut by_name = rule(&["delete_*"], RuleAction::Allow);
    by_name.require.insert("a".into(), listed("list_tables"));
    let mut any = rule(&["*"], RuleAction::Allow);
    any.require.insert("b".into(), listed("list_owners"));
    let mut bundle = bundle();
    bundle.policies = vec![policy("p", 1, vec![by_name, any])];
    bundle.constraints = vec![constraints(
        &["*_table"],
        vec![("c", listed("list_services"))],
    )];
    let engine = engine(bundle);
    let sources = |tool: &str| {
        engine
            .value_sources(tool)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        sources("delete_table"),
        ["list_owners", "list_services", "list_tables"]
    );
    assert_eq!(sources("read_table"), ["list_owners", "list_services"]);
    assert!(sources("no_such_tool").is_empty());
}

#[test]
fn status_can_ask_what_a_mode_says_of_each_tool() {
    let mut bundle = bundle();
    let rules = ModeRules {
        allowed_tools: Some(names(&["*_table"])),
        blocked_tools: Some(names(&["read_*"])),
        ..ModeRules::default()
    };
    bundle.modes.insert(mode_name("NORMAL"), rules);
    bundle.always_blocked = names(&["delete_*"]);
    let engine = engine(bundle);
    let standing = |mode: &str, tool: &str| engine.standing(&mode_name(mode), tool);
    let blocked = Standing {
        allowed: false,
        blocked: true,
        reachable: false,
    };
    assert_eq!(standing("NORMAL", "read_table"), Some(blocked));
    assert_eq!(standing("EMERGENCY", "delete_table"), Some(blocked));
    let free = Standing {
        allowed: false,
        blocked: false,
        reachable: true,
    };
    assert_eq!(standing("EMERGENCY", "read_table"), Some(free));
    assert_eq!(standing("GHOST", "read_table"), None);
    assert_eq!(standing("NORMAL", "no_such_tool"), None);
    assert_eq!(engine.tools().count(), 3);
    assert_eq!(
        engine.tool("read_table").map(|tool| tool.class),
        Some(ToolClass::Read)
    );
    assert_eq!(engine.version(), 7);
}
