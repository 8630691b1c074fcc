//! Which tools a caller is shown: what it could call in some case, and nothing of what passes.

use std::sync::Arc;

use policyguard::domain::{
    AgentId, Authentication, LocalRole, Principal, PrincipalStatus, Role, Roles, Timestamp,
    ToolClass, ToolFacts, TrustLevel,
};
use policyguard::pipeline::{Caller, Credentials, Door};
use policyguard::policy::{
    Bundle, DefaultDecision, Engine, ModeRules, ParameterType, Policy, Rule, RuleAction,
    TestOperator, TrustSet,
};
use serde_json::json;

use crate::support::House;
use crate::support::rules::{
    argument, bundle, constraints, gateway_tool, hours, int_type, list, mode_name, names,
    parameter, policy, principal, resource_policy, rule, tool,
};

/// What stands around one tool, `restart`, and one caller.
struct Case {
    bundle: Bundle,
    tool: ToolFacts,
    principal: Principal,
}

/// Whether the tool is shown once this was changed.
fn shown(change: impl FnOnce(&mut Case)) -> bool {
    let schema = json!({"type": "object"});
    let mut case = Case {
        bundle: bundle(),
        tool: tool("restart", ToolClass::Modify, schema),
        principal: principal(TrustLevel::Low),
    };
    change(&mut case);
    let Case {
        bundle,
        tool,
        principal,
    } = case;
    let name = Arc::clone(&tool.name);
    let other = gateway_tool("get_policy_status", &[], true);
    let engine = Engine::compile(Arc::new(bundle), &[other, tool], 1);
    let is_shown = engine.is_shown(&name, &principal);
    let listed = engine.shown(&principal);
    let listed = listed.iter().any(|tool| tool.name == name);
    assert_eq!(is_shown, listed, "the list and the question agree");
    is_shown
}

/// A rule that denies the tool for good: whoever calls, in whatever mode, with whatever arguments.
fn deny() -> Rule {
    Rule {
        overridable: false,
        ..rule(&["restart"], RuleAction::Deny)
    }
}

/// Whether the tool is shown under this policy.
fn shown_under(change: impl FnOnce(&mut Policy)) -> bool {
    shown(|case| {
        let mut denying = policy("denying", 100, vec![deny()]);
        change(&mut denying);
        case.bundle.policies.push(denying);
    })
}

fn mode(allowed: Option<&[&str]>, blocked: Option<&[&str]>) -> ModeRules {
    ModeRules {
        allowed_tools: allowed.map(names),
        blocked_tools: blocked.map(names),
        ..ModeRules::default()
    }
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

#[test]
fn a_tool_that_no_rule_names_is_shown_because_an_override_lifts_the_default() {
    assert!(shown(|_| ()));
    assert!(shown(
        |case| case.bundle.default_decision = DefaultDecision::Allow
    ));
}

#[test]
fn what_is_blocked_always_is_hidden() {
    assert!(!shown(|case| case.bundle.always_blocked = names(&["re*"])));
    assert!(shown(
        |case| case.bundle.always_blocked = names(&["delete_*"])
    ));
}

#[test]
fn what_the_agents_own_lists_keep_from_it_is_hidden() {
    assert!(!shown(
        |case| case.principal.denied_tools = list(&["restart"])
    ));
    assert!(!shown(
        |case| case.principal.allowed_tools = list(&["read_*"])
    ));
    assert!(shown(|case| case.principal.allowed_tools = list(&["re*"])));
    assert!(shown(|case| case.principal.allowed_tools = list(&["*"])));
}

#[test]
fn a_tool_of_another_role_is_hidden() {
    let as_role = |role| {
        shown(|case| {
            case.tool = gateway_tool("set_thing", &[Role::Operator], false);
            case.principal.roles = Roles::of(&[role]);
        })
    };
    assert!(!as_role(Role::Agent));
    assert!(as_role(Role::Operator));
    assert!(as_role(Role::Admin));
}

#[test]
fn a_quarantined_tool_is_hidden() {
    assert!(!shown(|case| case.tool.quarantined = true));
}

#[test]
fn whoever_is_not_authenticated_is_shown_nothing() {
    let nobody = |case: &mut Case| case.principal.authentication = Authentication::None;
    assert!(!shown(nobody));
    assert!(!shown(|case| {
        nobody(case);
        case.principal.roles = Roles::of(&[Role::Catalog]);
    }));
}

#[test]
fn role_catalog_is_shown_all_that_is_catalogued_and_nothing_else() {
    assert!(shown(|case| {
        case.principal.roles = Roles::of(&[Role::Catalog]);
        case.principal.denied_tools = list(&["*"]);
        case.bundle.always_blocked = names(&["*"]);
        case.tool.quarantined = true;
    }));
    let engine = Engine::compile(Arc::new(bundle()), &[], 1);
    let mut catalog = principal(TrustLevel::Admin);
    catalog.roles = Roles::of(&[Role::Catalog]);
    assert!(!engine.is_shown("restart", &catalog));
}

#[test]
fn a_deny_that_nothing_escapes_and_nothing_lifts_hides() {
    assert!(!shown_under(|_| ()));
    assert!(!shown_under(
        |denying| denying.rules[0].condition.tools = None
    ));
    assert!(!shown_under(|denying| {
        let trust = &mut denying.rules[0].condition.trust;
        *trust = TrustSet::below(TrustLevel::Medium);
    }));
    assert!(shown_under(|denying| {
        let trust = &mut denying.rules[0].condition.trust;
        *trust = TrustSet::at_least(TrustLevel::Medium);
    }));
    assert!(shown_under(|denying| denying.enabled = false));
}

#[test]
fn a_deny_that_an_override_lifts_hides_nothing() {
    assert!(shown_under(|denying| denying.rules[0].overridable = true));
    // Below one that an override lifts there may be one that none does.
    assert!(!shown(|case| {
        let liftable = rule(&["restart"], RuleAction::Deny);
        let both = vec![liftable, deny()];
        case.bundle.policies.push(policy("both", 100, both));
    }));
}

#[test]
fn a_deny_that_some_time_some_argument_or_some_mode_escapes_hides_nothing() {
    // It runs out, has run out, begins one day, or began: at some time it does not hold.
    for past in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        assert!(shown_under(
            |denying| denying.expires_at = Some(instant(past))
        ));
        assert!(shown_under(
            |denying| denying.effective_from = Some(instant(past))
        ));
    }
    assert!(shown_under(|denying| {
        let test = argument("count", TestOperator::Gt(5.0));
        denying.rules[0].condition.arguments.push(test);
    }));
    let in_modes = |modes: &[&str]| {
        let modes = modes.iter().copied().map(mode_name).collect();
        shown_under(|denying| denying.rules[0].condition.modes = Some(modes))
    };
    assert!(in_modes(&["NORMAL"]));
    assert!(in_modes(&["EMERGENCY"]));
    assert!(!in_modes(&["NORMAL", "EMERGENCY"]));
}

#[test]
fn a_deny_below_what_may_fire_first_hides_nothing() {
    let beside = |priority: i64, action: RuleAction, change: fn(&mut Policy)| {
        shown(|case| {
            let denying = policy("denying", 100, vec![deny()]);
            let mut other = policy("other", priority, vec![rule(&["restart"], action)]);
            change(&mut other);
            case.bundle.policies.extend([denying, other]);
        })
    };
    let with_argument = |first: &mut Policy| {
        let test = argument("count", TestOperator::Gt(5.0));
        first.rules[0].condition.arguments.push(test);
    };
    let one_day = |first: &mut Policy| first.effective_from = Some(instant("2999-01-01T00:00:00Z"));
    for action in [RuleAction::Allow, RuleAction::RequireApproval] {
        for change in [|_: &mut Policy| (), with_argument, one_day] {
            assert!(beside(200, action, change), "{action:?} above the deny");
            assert!(!beside(50, action, change), "{action:?} below the deny");
        }
    }
}

#[test]
fn what_the_mode_keeps_back_is_shown() {
    for rules in [
        mode(Some(&["read_*"]), None),
        mode(None, Some(&["restart"])),
    ] {
        assert!(shown(|case| {
            for mode in case.bundle.modes.values_mut() {
                *mode = rules.clone();
            }
        }));
    }
}

#[test]
fn what_hours_services_resources_and_arguments_keep_back_is_shown() {
    assert!(shown(|case| {
        let window = hours(&["restart"], &[], "UTC");
        case.bundle.time_restrictions.push(window);
    }));
    assert!(shown(|case| {
        for mode in case.bundle.modes.values_mut() {
            mode.service_restrictions = true;
        }
        case.tool.input_schema = Arc::new(json!({
            "type": "object",
            "properties": {"service_name": {"type": "string"}},
            "required": ["service_name"]
        }));
    }));
    assert!(shown(|case| {
        let count = parameter(int_type(Some(1), Some(3)));
        let constraint = constraints(&["restart"], vec![("count", count)]);
        case.bundle.constraints.push(constraint);
        let never = resource_policy("*", None, &["restart"], &[]);
        case.bundle.resource_policies.push(never);
    }));
    assert!(shown(|case| {
        let mut demanding = Rule {
            overridable: false,
            ..rule(&["restart"], RuleAction::Allow)
        };
        let port = parameter(ParameterType::Port);
        demanding.require.insert("port".to_owned(), port);
        case.bundle
            .policies
            .push(policy("demanding", 100, vec![demanding]));
    }));
}

#[test]
fn a_policy_that_only_watches_hides_nothing() {
    use policyguard::policy::Enforcement;
    assert!(shown_under(
        |denying| denying.enforcement = Enforcement::Shadow
    ));
}

#[test]
fn the_suspension_of_an_agent_changes_nothing_of_what_it_is_shown() {
    let suspend = |case: &mut Case| case.principal.status = PrincipalStatus::Suspended;
    assert!(shown(suspend));
    assert!(!shown(|case| {
        suspend(case);
        case.bundle.always_blocked = names(&["restart"]);
    }));
}

/// The tools that a model over MCP is shown, in their order.
fn listed(house: &House) -> Vec<String> {
    let caller = Caller::at(Door::Mcp);
    let tools = house.app.pipeline.tools_for(&caller, &Credentials::None);
    let names = tools.unwrap().into_iter();
    names.map(|tool| tool.facts.name.to_string()).collect()
}

const POLICY: &str = "
version: '1.0'
policy_name: shown
default_mode: NORMAL
global_rules:
  always_blocked: [delete_database]
modes:
  NORMAL: { allowed_tools: ['list_*'] }
  EMERGENCY: { allowed_tools: ['*_service'], max_duration: 15m }
";

#[tokio::test]
async fn a_model_is_shown_its_own_reads_first_then_tools_and_none_of_another_role() {
    let house = House::with_policy_text(POLICY).await;
    let listed = listed(&house);
    let at = |name: &str| listed.iter().position(|tool| tool == name);
    let definitions = house.app.pipeline.catalog().definitions();
    let group = |name: &String| {
        let definition = definitions.iter().find(|tool| *tool.facts.name == **name);
        let facts = &definition.unwrap().facts;
        match (&*facts.server, facts.class) {
            ("gateway", ToolClass::Read) => 0,
            ("gateway", _) => 1,
            _ => 2,
        }
    };
    assert!(listed.is_sorted_by_key(group), "{listed:?}");
    assert_eq!(group(&listed[0]), 0);
    for name in [
        "validate_action",
        "get_audit_log",
        "get_compliance_status",
        "report_incident",
        "register_agent",
        "create_policy",
        "list_services",
        "restart_service",
    ] {
        assert!(at(name).is_some(), "{name} of {listed:?}");
    }
    for name in [
        "set_mode",
        "set_lockdown",
        "suspend_agent",
        "delete_database",
    ] {
        assert_eq!(at(name), None, "{listed:?}");
    }
    let principal = Principal {
        agent_id: AgentId::parse("local").unwrap(),
        ..principal(TrustLevel::Admin)
    };
    for definition in definitions {
        let name = &*definition.facts.name;
        let is_shown = house.app.pipeline.is_shown(&principal, name);
        assert_eq!(is_shown, at(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn neither_mode_nor_lockdown_nor_suspension_nor_time_changes_the_list() {
    let house = House::with_policy_text(POLICY).await;
    let before = listed(&house);
    let standing = || {
        let caller = Caller::at(Door::Mcp);
        house
            .app
            .pipeline
            .standing_for(&caller, &Credentials::None)
            .unwrap()
    };
    let first = standing();
    house.set_mode("EMERGENCY").await;
    assert_eq!(listed(&house), before);
    assert_eq!(standing(), first);
    let body = json!({ "on": true, "reason": "agent out of control" });
    let reply = house.post("/api/v1/lockdown", &body).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(listed(&house), before);
    house.clock.advance(std::time::Duration::from_hours(9));
    assert_eq!(listed(&house), before);
    assert_eq!(standing(), first);
    let body = json!({ "reason": "agent out of control" });
    let reply = house.post("/api/v1/agents/local/suspend", &body).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(listed(&house), before);
}

#[tokio::test]
async fn a_new_policy_or_a_new_denied_tool_is_another_standing_and_another_list() {
    let house = House::with_policy_text(POLICY).await;
    let standing = || {
        let caller = Caller::at(Door::Mcp);
        let road = &house.app.pipeline;
        road.standing_for(&caller, &Credentials::None).unwrap()
    };
    let is_listed = |tool: &str| listed(&house).iter().any(|name| name == tool);
    let first = standing();
    assert!(is_listed("restart_service") && is_listed("scale_fleet"));

    let denied = json!({ "name": "Local", "trust_level": "admin", "denied_tools": ["scale_*"] });
    let body = denied.to_string().into_bytes();
    let reply = house.send("PUT", "/api/v1/agents/local", Some(body)).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let second = standing();
    assert_ne!(second, first);
    assert!(is_listed("restart_service") && !is_listed("scale_fleet"));

    let other = json!({ "name": "Other", "trust_level": "low" });
    let body = other.to_string().into_bytes();
    let reply = house.send("PUT", "/api/v1/agents/other", Some(body)).await;
    assert!(reply.status < 300, "{:?}", reply.body);
    assert_eq!(standing(), second, "another agent is another's standing");

    let rule = json!({
        "condition": { "tool_pattern": "restart_service" }, "action": "deny", "overridable": false
    });
    let policy = json!({ "name": "Never", "rules": [rule] });
    let body = policy.to_string().into_bytes();
    let reply = house
        .send("PUT", "/api/v1/policies/never", Some(body))
        .await;
    assert!(reply.status < 300, "{:?}", reply.body);
    assert_ne!(standing(), second);
    assert!(!is_listed("restart_service"));
}

#[tokio::test]
async fn models_that_may_operate_are_shown_the_operators_tools() {
    let house = House::with_models(LocalRole::Operator).await;
    let listed = listed(&house);
    let has = |tool: &str| listed.iter().any(|name| name == tool);
    assert!(has("set_mode") && has("suspend_agent"), "{listed:?}");
    assert!(!has("rollback_policy"), "an admin's: {listed:?}");
}
