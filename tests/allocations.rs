//! The path to an allow takes no memory: a counting allocator watches it.
#![expect(
    unsafe_code,
    clippy::expect_used,
    reason = "a test, and an allocator is unsafe by its nature"
)]

#[path = "it/support/rules.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod rules;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use policyguard::domain::{
    ActionRequest, ApprovalEvidence, Health, OverrideEvidence, Purpose, Role, Roles, ToolClass,
    TrustLevel, ValueList,
};
use policyguard::policy::{
    Additional, Code, DefaultDecision, Effect, Engine, ModeRules, OperationMap, Parameter,
    ParameterType, ResourceName, RuleAction, TestOperator, TrustSet,
};
use serde_json::{Value, json};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Counts what this thread takes and gives back.
struct Counting;

// SAFETY: hands everything on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `pointer` and `layout` is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn engine() -> Engine {
    let mut bundle = rules::bundle();
    bundle.default_decision = DefaultDecision::Allow;
    bundle.always_blocked = rules::names(&["delete_*"]);
    bundle.protected_paths = vec![rules::pattern("policies/*")];
    bundle.time_restrictions = vec![rules::hours(&["scale_fleet"], &[12, 13], "Europe/Berlin")];
    let map = OperationMap {
        resource: ResourceName::Argument("db_name".into()),
        operation: "backup".into(),
    };
    bundle.operations.insert("backup_database".into(), map);
    bundle.resource_policies = vec![rules::resource_policy(
        "prod*",
        Some(&["backup"]),
        &["delete"],
        &[],
    )];
    let mode = ModeRules {
        allowed_tools: Some(rules::names(&["read_*"])),
        reachable_tools: Some(rules::names(&["*"])),
        blocked_tools: Some(rules::names(&["drop_*"])),
        service_restrictions: true,
        ..ModeRules::default()
    };
    bundle.modes.insert(rules::mode_name("NORMAL"), mode);
    let name = ParameterType::String {
        min_length: Some(1),
        max_length: Some(64),
        pattern: Some(rules::regex("[a-z-]+")),
        allowed_values: None,
        format: None,
    };
    let name = Parameter {
        allowlist_source: Some("list_services".into()),
        ..rules::parameter(name)
    };
    let mut constraint = rules::constraints(&["restart_*"], vec![("service_name", name)]);
    constraint.additional = Additional::Deny;
    bundle.constraints = vec![constraint];
    bundle.policies = vec![rules::policy("p", 100, policy_rules())];
    let service = json!({"type": "object", "properties": {"service_name": {"type": "string"}}, "required": ["service_name"], "additionalProperties": false});
    let open = json!({"type": "object"});
    let nested = json!({"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}});
    let mut tools = vec![rules::gateway_tool("set_mode", &[Role::Operator], true)];
    for name in [
        "read_logs",
        "scale_fleet",
        "backup_database",
        "write_file",
        "ask_person",
    ] {
        tools.push(rules::tool(name, ToolClass::Modify, open.clone()));
    }
    tools.push(rules::tool("restart_service", ToolClass::Modify, service));
    tools.push(rules::tool("tag_thing", ToolClass::Modify, nested));
    Engine::compile(Arc::new(bundle), &tools, 1)
}

fn policy_rules() -> Vec<policyguard::policy::Rule> {
    let mut restart = rules::rule(&["restart_*"], RuleAction::Allow);
    restart.condition.trust = TrustSet::at_least(TrustLevel::Medium);
    restart.condition.agents = Some(vec![rules::pattern("etl-*")]);
    let mut scale = rules::rule(&["scale_*"], RuleAction::Allow);
    scale.condition.arguments = vec![rules::argument("count", TestOperator::Lte(10.0))];
    scale.require.insert(
        "count".into(),
        rules::parameter(rules::int_type(Some(1), Some(10))),
    );
    let mut never = rules::rule(&["*"], RuleAction::Deny);
    never.condition.arguments = vec![
        rules::argument("never", TestOperator::Eq(Value::from("never"))),
        rules::argument("always", TestOperator::Matches(rules::regex("x+"))),
    ];
    never.condition.modes = Some([rules::mode_name("EMERGENCY")].into());
    vec![
        restart,
        scale,
        never,
        rules::rule(&["ask_*"], RuleAction::RequireApproval),
    ]
}

/// The request is allowed with this code, and deciding it and dropping the decision takes no memory.
#[track_caller]
fn check(engine: &Engine, request: ActionRequest, code: Code) {
    let request = Arc::new(request);
    // The first time, regexes and schemas make the scratch space that they keep.
    let decision = engine.decide(&request);
    assert_eq!(
        (decision.effect(), decision.code()),
        (Effect::Allow, code),
        "{}",
        decision.reason()
    );
    drop(decision);
    let before = COUNT.with(Cell::get);
    for _ in 0..100 {
        drop(engine.decide(&request));
    }
    let taken = COUNT.with(Cell::get) - before;
    assert_eq!(taken, 0, "{code}: {taken} allocations in 100 decisions");
}

#[test]
fn the_counter_counts() {
    let before = COUNT.with(Cell::get);
    drop(std::hint::black_box(String::from("text")));
    assert!(COUNT.with(Cell::get) >= before + 2);
}

#[test]
fn every_kind_of_allow_takes_no_memory() {
    let engine = engine();
    check(
        &engine,
        rules::run("read_logs", &json!({})),
        Code::ModeAllowed,
    );
    check(
        &engine,
        rules::run(
            "write_file",
            &json!({"path": "/srv/app/x/../y.txt", "n": [1, "a/b"]}),
        ),
        Code::DefaultAllow,
    );
    check(
        &engine,
        rules::run("scale_fleet", &json!({"count": 5})),
        Code::RuleAllow,
    );
    check(
        &engine,
        rules::run("backup_database", &json!({"db_name": "production"})),
        Code::DefaultAllow,
    );
    check(
        &engine,
        rules::run("tag_thing", &json!({"tags": ["a", "b"]})),
        Code::DefaultAllow,
    );
    let mut restart = rules::run("restart_service", &json!({"service_name": "cache"}));
    restart.context.service_health = Arc::new([("cache".to_owned(), Health::Degraded)].into());
    let listed = ValueList::Values(Arc::from(["cache".to_owned()]));
    restart
        .context
        .values
        .insert("list_services".into(), listed);
    check(&engine, restart, Code::RuleAllow);
    let mut builtin = rules::run("set_mode", &json!({"mode": "NORMAL"}));
    builtin.principal.roles = Roles::of(&[Role::Operator]);
    check(&engine, builtin, Code::Builtin);
}

#[test]
fn evidence_and_questions_take_none_either() {
    let engine = engine();
    let mut approved = rules::run("ask_person", &json!({}));
    approved.context.approval = Some(ApprovalEvidence::Approved {
        rule: rules::rule_digest("p", 3),
    });
    check(&engine, approved, Code::Approved);
    let mut lifted = rules::run("scale_fleet", &json!({"count": 5}));
    lifted.context.now = lifted.context.now.plus(std::time::Duration::from_hours(4));
    lifted.context.overrides = vec![OverrideEvidence {
        code: "outside_hours".into(),
        rule: None,
    }];
    check(&engine, lifted, Code::Override);
    let mut question = rules::run("Some.Other_Tool", &json!({"count": 5}));
    question.purpose = Purpose::Question;
    check(&engine, question, Code::DefaultAllow);
}
