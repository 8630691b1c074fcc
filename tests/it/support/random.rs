//! Random bundles, catalogues and requests over small vocabularies, so that they meet each other often.

use std::collections::BTreeMap;
use std::sync::Arc;

use policyguard::domain::{
    ActionRequest, ActionType, ApprovalEvidence, Arguments, Authentication, Health, Integrity,
    OverrideEvidence, Owner, PrincipalStatus, Purpose, QuotaVerdict, Role, Roles, Timestamp,
    ToolClass, ToolFacts, TrustLevel, ValueList,
};
use policyguard::policy::{
    Additional, ApprovalTerms, Bundle, Condition, DefaultDecision, Enforcement, ModeRules,
    NamePatterns, OperationMap, Parameter, ParameterType, Policy, ResourceName, Rule, RuleAction,
    TestOperator, ToolConstraints, TrustSet,
};
use serde_json::{Map, Value, json};

use super::choices::Choices;
use super::rules::{
    argument, bundle as empty_bundle, constraints, gateway_tool, group, hours, int_type, list,
    mode_name, names, parameter, pattern, policy, regex, resource_policy, rule, rule_digest, run,
    text_type, tool,
};

const PATTERNS: [&str; 22] = [
    "*",
    "delete_*",
    "*_database",
    "restart_service",
    "RESTART_service",
    "*et*",
    "re*",
    "?et_*",
    "{read,scale}_*",
    "set_mode",
    "create_policy",
    "list_policies",
    "rollback_policy",
    "*_service",
    "production*",
    "[a-m]*",
    "write_file",
    "scale_fleet",
    "*e*_f*",
    "*_*",
    "restore_database",
    "read_logs",
];
const MODES: [&str; 4] = ["NORMAL", "EMERGENCY", "MAINTENANCE", "GHOST"];
const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "Asia/Kolkata"];
const OPERATIONS: [&str; 5] = ["read", "write", "restore", "delete", "Delete"];
const RESOURCES: [&str; 4] = ["production_database", "production*", "users", "*"];
const SERVICES: [&str; 4] = ["database", "cache", "web-server", "web server!"];
const POLICIES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
/// Every code that an override may name, and some that it may not.
const LIFTED: [&str; 9] = [
    "mode_blocked",
    "mode_not_listed",
    "service_healthy",
    "out_of_scope",
    "outside_hours",
    "resource_denied",
    "default_deny",
    "always_blocked",
    "agent_denied_tools",
];

/// The catalogue of all tests: tools of each owner and class.
pub(crate) fn catalogue(choices: &mut Choices) -> Vec<ToolFacts> {
    let object = |properties: Value, required: Value, closed: bool| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": !closed});
    let service = json!({"service_name": {"type": "string", "maxLength": 64}});
    let database = json!({"db_name": {"type": "string"}});
    let count = json!({"count": {"type": "integer", "minimum": 1, "maximum": 100}});
    let lines = json!({"lines": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}});
    let mut tools = vec![
        tool("read_logs", ToolClass::Read, object(lines, json!([]), true)),
        tool(
            "restart_service",
            ToolClass::Modify,
            object(service, json!(["service_name"]), true),
        ),
        tool(
            "scale_fleet",
            ToolClass::Modify,
            object(count, json!(["count"]), true),
        ),
        tool(
            "delete_database",
            ToolClass::Destructive,
            object(database.clone(), json!(["db_name"]), true),
        ),
        tool(
            "restore_database",
            ToolClass::Modify,
            object(database, json!([]), false),
        ),
        ToolFacts {
            owner: Owner::Upstream,
            ..tool("write_file", ToolClass::Modify, json!({"type": "object"}))
        },
        gateway_tool("set_mode", &[Role::Operator], true),
        gateway_tool("get_policy_status", &[], true),
        gateway_tool("rollback_policy", &[Role::Admin], true),
        gateway_tool("list_policies", &[], true),
        gateway_tool("create_policy", &[Role::Admin], false),
    ];
    if choices.rarely(8) {
        let place = choices.below(tools.len());
        tools[place].quarantined = true;
    }
    tools
}

/// A bundle; half of what it can hold is absent in any one.
pub(crate) fn bundle(choices: &mut Choices) -> Bundle {
    let mut bundle = empty_bundle();
    for mode in &MODES[..3] {
        if choices.below(4) > 0 {
            bundle.modes.insert(mode_name(mode), mode_rules(choices));
        }
    }
    if choices.rarely(3) {
        bundle.default_decision = DefaultDecision::Allow;
    }
    if choices.rarely(6) {
        bundle.always_blocked = patterns(choices, 2);
    }
    if choices.rarely(3) {
        bundle.time_restrictions = (0..=choices.below(2)).map(|_| window(choices)).collect();
    }
    if choices.rarely(2) {
        resources(choices, &mut bundle);
    }
    if choices.rarely(2) {
        bundle.constraints = (0..=choices.below(2))
            .map(|_| constraint(choices))
            .collect();
    }
    if choices.rarely(2) {
        bundle.protected_paths = vec![pattern("policies/*"), pattern("/srv/gateway/*")];
        bundle.protected_allow_read = choices.rarely(2);
    }
    let count = choices.below(POLICIES.len() + 1);
    bundle.policies = POLICIES[..count]
        .iter()
        .map(|id| random_policy(choices, id))
        .collect();
    bundle
}

fn patterns(choices: &mut Choices, most: usize) -> NamePatterns {
    let mut texts = choices.some(most, &PATTERNS);
    texts.push(choices.one(&PATTERNS));
    let mut list = if choices.rarely(6) {
        group("some", &texts)
    } else {
        names(&texts)
    };
    if choices.rarely(5) {
        list.exclude.push(pattern(choices.one(&PATTERNS)));
    }
    list
}

fn mode_rules(choices: &mut Choices) -> ModeRules {
    let mut lists = || choices.rarely(3).then(|| patterns(choices, 3));
    let (allowed_tools, blocked_tools, reachable_tools) = (lists(), lists(), lists());
    ModeRules {
        rationale: ["", "Too early"][choices.below(2)].to_owned(),
        allowed_tools,
        blocked_tools,
        reachable_tools,
        service_restrictions: choices.rarely(3),
        ..ModeRules::default()
    }
}

fn window(choices: &mut Choices) -> policyguard::policy::HourWindow {
    let from = u32::try_from(choices.below(20)).unwrap();
    let all: Vec<u32> = (from..from + 12).filter(|hour| *hour < 24).collect();
    let mut window = hours(&[], &all, choices.one(&ZONES));
    window.tools = patterns(choices, 1);
    window
}

fn resources(choices: &mut Choices, bundle: &mut Bundle) {
    for tool in ["restore_database", "delete_database", "create_policy"] {
        if choices.rarely(2) {
            let resource = if choices.rarely(3) {
                ResourceName::Fixed("production_database".to_owned())
            } else {
                ResourceName::Argument("db_name".to_owned())
            };
            let operation = choices.one(&OPERATIONS).to_owned();
            bundle.operations.insert(
                tool.to_owned(),
                OperationMap {
                    resource,
                    operation,
                },
            );
        }
    }
    for resource in &RESOURCES[..=choices.below(2)] {
        let allowed = choices.rarely(3).then(|| choices.some(3, &OPERATIONS));
        let blocked = choices.some(1, &OPERATIONS);
        let approval = choices.some(2, &OPERATIONS);
        bundle.resource_policies.push(resource_policy(
            resource,
            allowed.as_deref(),
            &blocked,
            &approval,
        ));
    }
}

fn constraint(choices: &mut Choices) -> ToolConstraints {
    let name = choices.one(&["count", "service_name", "db_name", "path"]);
    let parameter = match name {
        "count" => random_count(choices),
        _ => random_text(choices),
    };
    let mut constraint = constraints(&[], vec![(name, parameter)]);
    constraint.tools = patterns(choices, 0);
    if choices.rarely(2) {
        constraint.additional = Additional::Allow;
    }
    constraint
}

fn random_count(choices: &mut Choices) -> Parameter {
    let kind = match choices.below(4) {
        0 => int_type(Some(1), Some(10)),
        1 => int_type(None, Some(50)),
        2 => ParameterType::Number {
            min: Some(0.5),
            max: None,
        },
        _ => ParameterType::Port,
    };
    Parameter {
        required: choices.rarely(2),
        ..parameter(kind)
    }
}

fn random_text(choices: &mut Choices) -> Parameter {
    let kind = match choices.below(4) {
        0 => text_type(),
        1 => ParameterType::String {
            min_length: Some(1),
            max_length: Some(9),
            pattern: Some(regex("[a-z-]+")),
            allowed_values: None,
            format: None,
        },
        2 => ParameterType::String {
            min_length: None,
            max_length: None,
            pattern: None,
            allowed_values: Some(vec!["database".into(), "users".into()]),
            format: None,
        },
        _ => ParameterType::Path {
            under: vec!["/srv".into()],
            max_length: Some(40),
        },
    };
    let allowlist_source = choices.rarely(4).then(|| Arc::from("list_services"));
    Parameter {
        required: choices.rarely(2),
        allowlist_source,
        ..parameter(kind)
    }
}

/// A policy of this id, with up to three rules.
pub(crate) fn random_policy(choices: &mut Choices, id: &str) -> Policy {
    let rules = (0..choices.below(4))
        .map(|_| random_rule(choices))
        .collect();
    let priority = [10, 100, 100, 200][choices.below(4)];
    let mut policy = policy(id, priority, rules);
    policy.enabled = !choices.rarely(10);
    if choices.rarely(8) {
        policy.enforcement = Enforcement::Shadow;
    }
    if choices.rarely(8) {
        policy.effective_from = Timestamp::parse("2026-11-21T12:00:00Z");
    }
    if choices.rarely(8) {
        policy.expires_at = Timestamp::parse("2026-11-21T12:00:00Z");
    }
    policy
}

/// A rule that says anything.
pub(crate) fn random_rule(choices: &mut Choices) -> Rule {
    let actions = [
        RuleAction::Allow,
        RuleAction::Allow,
        RuleAction::Deny,
        RuleAction::RequireApproval,
    ];
    let mut rule = rule(&[], actions[choices.below(4)]);
    rule.condition = condition(choices);
    if choices.rarely(4) {
        let (name, required) = [
            ("count", random_count(choices)),
            ("db_name", random_text(choices)),
        ][choices.below(2)]
        .clone();
        rule.require.insert(name.to_owned(), required);
    }
    rule.message = choices.rarely(3).then(|| Arc::from("Because"));
    rule.overridable = !choices.rarely(5);
    if choices.rarely(3) {
        rule.approval = ApprovalTerms {
            quorum: 2,
            ..ApprovalTerms::default()
        };
    }
    rule
}

fn condition(choices: &mut Choices) -> Condition {
    let trust = [TrustLevel::Medium, TrustLevel::High, TrustLevel::Admin][choices.below(3)];
    let trust = match choices.below(5) {
        0 => TrustSet::below(trust),
        1 => TrustSet::at_least(trust),
        2 => TrustSet::of(&[trust]),
        _ => TrustSet::ANY,
    };
    let types = [
        vec!["tool_call"],
        vec!["data_*"],
        vec!["deploy*", "resource_access"],
    ];
    Condition {
        tools: (!choices.rarely(6)).then(|| patterns(choices, 1)),
        action_types: choices.rarely(4).then(|| {
            types[choices.below(3)]
                .iter()
                .map(|text| pattern(text))
                .collect()
        }),
        trust,
        agents: choices
            .rarely(4)
            .then(|| vec![pattern(choices.one(&["etl-*", "ETL-1", "other"]))]),
        modes: choices
            .rarely(4)
            .then(|| choices.some(2, &MODES).into_iter().map(mode_name).collect()),
        arguments: (0..choices.below(3))
            .filter_map(|_| argument_test(choices))
            .collect(),
    }
}

fn argument_test(choices: &mut Choices) -> Option<policyguard::policy::ArgumentTest> {
    let service = |choices: &mut Choices| Value::from(choices.one(&SERVICES));
    Some(match choices.below(14) {
        0 => argument("count", TestOperator::Gt(5.0)),
        1 => argument("count", TestOperator::Lte(10.5)),
        2 => argument("count", TestOperator::Gte(10.0)),
        3 => argument("count", TestOperator::Lt(3.0)),
        4 => argument("count", TestOperator::Eq(json!(5))),
        5 => argument("count", TestOperator::NotIn(vec![json!(5), json!(7.0)])),
        6 => argument("service_name", TestOperator::Eq(service(choices))),
        7 => argument("service_name", TestOperator::Ne(service(choices))),
        8 => argument(
            "service_name",
            TestOperator::In(vec![service(choices), service(choices)]),
        ),
        9 => argument("db_name", TestOperator::Glob(pattern("production*"))),
        10 => argument("db_name", TestOperator::Matches(regex("[a-z]+"))),
        _ => return None,
    })
}

/// A request; what is dangerous or decisive is there often enough to be met.
pub(crate) fn request(choices: &mut Choices) -> ActionRequest {
    let catalogued = [
        "read_logs",
        "restart_service",
        "scale_fleet",
        "delete_database",
        "restore_database",
        "write_file",
        "set_mode",
        "get_policy_status",
        "rollback_policy",
        "list_policies",
        "create_policy",
    ];
    let others = [
        "Restart_Service",
        "delete_table",
        "no.such",
        "set_Mode",
        "bad name",
        "x\u{200b}",
    ];
    let targets = [
        "production_database",
        "users",
        "policies/default.yaml",
        "read_logs",
    ];
    let mut request = run("read_logs", &json!({}));
    let name = match choices.below(16) {
        0 => choices.one(&others),
        1 | 2 => choices.one(&targets),
        _ => choices.one(&catalogued),
    };
    request.resource.name = name.into();
    if targets.contains(&name) || choices.rarely(10) {
        request.purpose = Purpose::Question;
        let types = [
            "data_read",
            "data_write",
            "resource_access",
            "deploy_thing",
            "tool_call",
        ];
        request.action = ActionType::parse(choices.one(&types)).unwrap();
    } else if choices.rarely(3) {
        request.purpose = *choices.one(&[&Purpose::Question, &Purpose::DryRun]);
    }
    request.arguments = random_arguments(choices, name);
    principal(choices, &mut request);
    context(choices, &mut request);
    request
}

fn principal(choices: &mut Choices, request: &mut ActionRequest) {
    let principal = &mut request.principal;
    principal.trust = TrustLevel::ALL[choices.below(4)];
    if choices.rarely(50) {
        principal.status = PrincipalStatus::Suspended;
    }
    if choices.rarely(50) {
        principal.authentication = Authentication::None;
    }
    if choices.rarely(12) {
        principal.denied_tools = list(&choices.some(2, &PATTERNS));
    }
    if choices.rarely(12) {
        principal.allowed_tools = list(&choices.some(3, &PATTERNS));
    }
    principal.roles = match choices.below(5) {
        0 => Roles::of(&[Role::Agent]),
        1 | 2 => Roles::of(&[Role::Operator]),
        _ => Roles::ALL,
    };
}

fn context(choices: &mut Choices, request: &mut ActionRequest) {
    let context = &mut request.context;
    context.mode =
        mode_name(MODES[[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3][choices.below(16)]]);
    context.lockdown = choices.rarely(40);
    if choices.rarely(40) {
        context.integrity = Integrity::Failed;
    }
    // Noon is where policies begin and end to be in force.
    let noon = 12 * 60;
    let minutes = if choices.rarely(4) {
        noon
    } else {
        choices.below(24 * 60)
    };
    let minutes = i64::try_from(minutes).unwrap();
    context.now =
        Timestamp::from_millis(context.now.as_millis() - 12 * 3_600_000 + minutes * 60_000);
    if choices.rarely(3) {
        context.incident_scope = Some(Arc::from(["cache".to_owned()]));
    }
    let health = |choices: &mut Choices| {
        [Health::Healthy, Health::Degraded, Health::Critical][choices.below(3)]
    };
    let known = ["database", "cache", "web-server"].map(|s| (s.to_owned(), health(choices)));
    context.service_health = Arc::new(BTreeMap::from(known));
    match choices.below(3) {
        0 => {}
        1 => drop(
            context
                .values
                .insert("list_services".into(), ValueList::Unavailable),
        ),
        _ => {
            let values: Arc<[String]> = Arc::from(["database".to_owned(), "users".to_owned()]);
            drop(
                context
                    .values
                    .insert("list_services".into(), ValueList::Values(values)),
            );
        }
    }
    if choices.rarely(20) {
        context.quota = Some(QuotaVerdict {
            name: "restarts".into(),
            retry_after_seconds: 9,
        });
    }
    match choices.below(10) {
        0 => context.approval = Some(ApprovalEvidence::Denied),
        1 => {
            let rule = rule_digest(choices.one(&POLICIES), choices.below(3));
            context.approval = Some(ApprovalEvidence::Approved { rule });
        }
        _ => {}
    }
    if choices.rarely(3) {
        context.overrides = (0..=choices.below(4))
            .map(|_| override_evidence(choices))
            .collect();
    }
}

fn override_evidence(choices: &mut Choices) -> OverrideEvidence {
    let rule = rule_digest(choices.one(&POLICIES), choices.below(3));
    if choices.below(2) == 0 {
        let code = choices.one(&["rule_deny", "constraint_violated"]).into();
        return OverrideEvidence {
            code,
            rule: (!choices.rarely(6)).then_some(rule),
        };
    }
    // A stage's denial has no rule, so that evidence which names one lifts nothing.
    let code = choices.one(&LIFTED).into();
    OverrideEvidence {
        code,
        rule: choices.rarely(6).then_some(rule),
    }
}

/// Values of the arguments that rules, constraints and schemas look at, of the right type.
pub(crate) fn well_typed(name: &str) -> Vec<Value> {
    match name {
        "count" => [1, 2, 3, 5, 6, 7, 10, 11, 50, 51, 100]
            .map(Value::from)
            .into(),
        "service_name" => SERVICES.map(Value::from).into(),
        "db_name" => [
            "users",
            "production_database",
            "other",
            "database",
            "/srv/x",
        ]
        .map(Value::from)
        .into(),
        _ => vec![
            Value::from("/srv/x"),
            Value::from("users"),
            Value::from("policies/x"),
        ],
    }
}

/// Values of no use to anybody.
pub(crate) fn ill_typed() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!("11"),
        json!([5]),
        json!({"x": 1}),
        json!(1.5),
        json!(-1),
    ]
}

/// Arguments: two times in three those that the tool takes, else any.
fn random_arguments(choices: &mut Choices, tool: &str) -> Arguments {
    let taken: &[&str] = match tool {
        "restart_service" => &["service_name"],
        "scale_fleet" => &["count"],
        "delete_database" | "restore_database" => &["db_name"],
        "write_file" => &["path", "count"],
        _ => &[],
    };
    let any = choices.rarely(3);
    let mut arguments = Map::new();
    for name in ["count", "service_name", "db_name", "path"] {
        if any && choices.rarely(3) || !any && taken.contains(&name) && !choices.rarely(6) {
            let all = if choices.rarely(10) {
                ill_typed()
            } else {
                well_typed(name)
            };
            arguments.insert(name.to_owned(), all[choices.below(all.len())].clone());
        }
    }
    let mut sometimes = |once_in: usize, name: &str, values: &[Value]| {
        if choices.rarely(once_in) {
            arguments.insert(name.to_owned(), values[choices.below(values.len())].clone());
        }
    };
    let numbers = [json!(5), json!(-1), json!("x")];
    let operations = [json!("delete"), json!("READ"), json!("restore"), json!(7)];
    sometimes(20, "lines", &numbers);
    sometimes(if any { 5 } else { 40 }, "operation", &operations);
    sometimes(
        if tool == "set_mode" { 2 } else { 40 },
        "mode",
        &[json!("NORMAL"), json!("EMERGENCY")],
    );
    sometimes(40, "extra", &[json!({"files": ["x", "a/../POLICIES%2fx"]})]);
    Arguments(arguments)
}
