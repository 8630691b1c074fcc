//! Runs `tests/cases/decisions/*.yaml`: request → effect, code, rule, reason, remedy.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use policyguard::domain::{
    ActionRequest, ActionType, AgentId, ApprovalEvidence, Authentication, Health, Integrity,
    ModeName, OverrideEvidence, PrincipalStatus, Purpose, QuotaVerdict, Role, Roles, Timestamp,
    TrustLevel,
};
use policyguard::policy::{
    Bundle, DefaultDecision, Enforcement, Engine, ModeRules, NamePatterns, OperationMap,
    ResourceName, Rule, RuleAction, TestOperator, TrustSet,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::choices::Choices;
use crate::support::random::catalogue;
use crate::support::rules::{
    argument, bundle, constraints, hours, int_type, list, mode_name, names, parameter, pattern,
    policy, resource_policy, rule, rule_digest, run,
};

/// A policy, and what requests come to under it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: GivenPolicy,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: GivenRequest,
    expect: Expected,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct GivenPolicy {
    default_decision: Option<String>,
    modes: BTreeMap<ModeName, GivenMode>,
    always_blocked: Vec<String>,
    time_restrictions: BTreeMap<String, GivenHours>,
    operations: BTreeMap<String, GivenOperation>,
    resource_policies: BTreeMap<String, GivenResource>,
    /// Tool → parameter → least and greatest integer.
    parameter_constraints: BTreeMap<String, BTreeMap<String, [i64; 2]>>,
    protected: Vec<String>,
    policies: Vec<GivenRules>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct GivenMode {
    rationale: String,
    allowed_tools: Option<Vec<String>>,
    blocked_tools: Option<Vec<String>>,
    reachable_tools: Option<Vec<String>>,
    service_restrictions: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenHours {
    allowed_hours: Vec<u32>,
    timezone: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenOperation {
    resource: String,
    operation: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct GivenResource {
    allowed_operations: Option<Vec<String>>,
    blocked_operations: Vec<String>,
    require_approval: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenRules {
    id: String,
    #[serde(default = "hundred")]
    priority: i64,
    #[serde(default)]
    shadow: bool,
    rules: Vec<GivenRule>,
}

fn hundred() -> i64 {
    100
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenRule {
    tool_pattern: Vec<String>,
    #[serde(default)]
    action_type: Option<String>,
    #[serde(default)]
    trust_level_below: Option<TrustLevel>,
    #[serde(default)]
    modes: Option<Vec<ModeName>>,
    #[serde(default)]
    agents: Option<Vec<String>>,
    /// Argument → greater than.
    #[serde(default)]
    argument_above: BTreeMap<String, f64>,
    /// Argument → least and greatest integer.
    #[serde(default)]
    require: BTreeMap<String, [i64; 2]>,
    action: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default = "yes")]
    overridable: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact that a case may state"
)]
struct GivenRequest {
    tool: String,
    arguments: Map<String, Value>,
    action_type: Option<String>,
    question: bool,
    mode: Option<ModeName>,
    now: Option<Timestamp>,
    trust: Option<TrustLevel>,
    agent: Option<String>,
    roles: Option<Vec<Role>>,
    allowed_tools: Vec<String>,
    denied_tools: Vec<String>,
    suspended: bool,
    unauthenticated: bool,
    quarantined: bool,
    lockdown: bool,
    integrity_failed: bool,
    incident_scope: Option<Vec<String>>,
    health: BTreeMap<String, Health>,
    quota: Option<String>,
    /// `policy/rule` that the approval was given for.
    approved: Option<String>,
    approval_denied: bool,
    /// Code, or code and `policy/rule`.
    overrides: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    effect: String,
    code: String,
    reason: Option<String>,
    rule: Option<String>,
    remedy: Option<String>,
    #[serde(default)]
    problems: Vec<String>,
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn build(given: &GivenPolicy) -> Bundle {
    let mut bundle = bundle();
    if given.default_decision.as_deref() == Some("allow") {
        bundle.default_decision = DefaultDecision::Allow;
    }
    let list = |list: &Option<Vec<String>>| -> Option<NamePatterns> {
        list.as_ref().map(|list| names(&strs(list)))
    };
    for (name, mode) in &given.modes {
        let rules = ModeRules {
            rationale: mode.rationale.clone(),
            allowed_tools: list(&mode.allowed_tools),
            blocked_tools: list(&mode.blocked_tools),
            reachable_tools: list(&mode.reachable_tools),
            service_restrictions: mode.service_restrictions,
            ..ModeRules::default()
        };
        bundle.modes.insert(name.clone(), rules);
    }
    bundle.always_blocked = names(&strs(&given.always_blocked));
    for (tools, window) in &given.time_restrictions {
        bundle
            .time_restrictions
            .push(hours(&[tools], &window.allowed_hours, &window.timezone));
    }
    for (tool, map) in &given.operations {
        let resource = match map.resource.strip_prefix("args.") {
            Some(argument) => ResourceName::Argument(argument.to_owned()),
            None => ResourceName::Fixed(map.resource.clone()),
        };
        let map = OperationMap {
            resource,
            operation: map.operation.clone(),
        };
        bundle.operations.insert(tool.clone(), map);
    }
    for (resource, given) in &given.resource_policies {
        let allowed = given.allowed_operations.as_ref().map(|list| strs(list));
        let (blocked, approval) = (
            strs(&given.blocked_operations),
            strs(&given.require_approval),
        );
        let policy = resource_policy(resource, allowed.as_deref(), &blocked, &approval);
        bundle.resource_policies.push(policy);
    }
    for (tool, parameters) in &given.parameter_constraints {
        let bounded = |(name, [least, most]): (&String, &[i64; 2])| {
            (name.clone(), parameter(int_type(Some(*least), Some(*most))))
        };
        let mut constraint = constraints(&[tool], Vec::new());
        constraint.parameters = parameters.iter().map(bounded).collect();
        bundle.constraints.push(constraint);
    }
    bundle.protected_paths = given.protected.iter().map(|text| pattern(text)).collect();
    for given in &given.policies {
        let mut policy = policy(
            &given.id,
            given.priority,
            given.rules.iter().map(build_rule).collect(),
        );
        if given.shadow {
            policy.enforcement = Enforcement::Shadow;
        }
        bundle.policies.push(policy);
    }
    bundle
}

fn build_rule(given: &GivenRule) -> Rule {
    let action = match given.action.as_str() {
        "allow" => RuleAction::Allow,
        "deny" => RuleAction::Deny,
        "require_approval" => RuleAction::RequireApproval,
        other => panic!("no such action: {other}"),
    };
    let mut rule = rule(&strs(&given.tool_pattern), action);
    let condition = &mut rule.condition;
    condition.action_types = given.action_type.as_ref().map(|text| vec![pattern(text)]);
    if let Some(level) = given.trust_level_below {
        condition.trust = TrustSet::below(level);
    }
    condition.modes = given
        .modes
        .as_ref()
        .map(|modes| modes.iter().cloned().collect());
    condition.agents = given
        .agents
        .as_ref()
        .map(|list| list.iter().map(|t| pattern(t)).collect());
    let above = |(name, limit): (&String, &f64)| argument(name, TestOperator::Gt(*limit));
    condition.arguments = given.argument_above.iter().map(above).collect();
    for (name, [least, most]) in &given.require {
        let bounds = parameter(int_type(Some(*least), Some(*most)));
        rule.require.insert(name.clone(), bounds);
    }
    rule.message = given.message.as_deref().map(Into::into);
    rule.overridable = given.overridable;
    rule
}

fn digest(name: &str) -> policyguard::domain::Digest {
    let (policy, index) = name.split_once('/').expect("policy/rule");
    rule_digest(policy, index.parse().expect("an index"))
}

fn build_request(given: &GivenRequest) -> ActionRequest {
    let mut request = run(&given.tool, &Value::Object(given.arguments.clone()));
    if let Some(action) = &given.action_type {
        request.action = ActionType::parse(action).expect("an action type");
    }
    if given.question {
        request.purpose = Purpose::Question;
    }
    let principal = &mut request.principal;
    principal.trust = given.trust.unwrap_or(principal.trust);
    if let Some(agent) = &given.agent {
        principal.agent_id = AgentId::parse(agent).expect("an agent id");
    }
    if let Some(roles) = &given.roles {
        principal.roles = Roles::of(roles);
    }
    principal.allowed_tools = list(&strs(&given.allowed_tools));
    principal.denied_tools = list(&strs(&given.denied_tools));
    if given.suspended {
        principal.status = PrincipalStatus::Suspended;
    }
    if given.unauthenticated {
        principal.authentication = Authentication::None;
    }
    let context = &mut request.context;
    context.mode = given.mode.clone().unwrap_or(mode_name("NORMAL"));
    context.now = given.now.unwrap_or(context.now);
    context.lockdown = given.lockdown;
    if given.integrity_failed {
        context.integrity = Integrity::Failed;
    }
    context.incident_scope = given.incident_scope.as_deref().map(Arc::from);
    context.service_health = Arc::new(given.health.clone());
    context.quota = given.quota.as_deref().map(|name| QuotaVerdict {
        name: name.into(),
        retry_after_seconds: 42,
    });
    if given.approval_denied {
        context.approval = Some(ApprovalEvidence::Denied);
    }
    if let Some(rule) = &given.approved {
        context.approval = Some(ApprovalEvidence::Approved { rule: digest(rule) });
    }
    let evidence = |parts: &Vec<String>| OverrideEvidence {
        code: parts[0].as_str().into(),
        rule: parts.get(1).map(|rule| digest(rule)),
    };
    context.overrides = given.overrides.iter().map(evidence).collect();
    request
}

fn check(file: &Path, engine: &Engine, case: &Case) {
    let decision = engine.decide(&Arc::new(build_request(&case.request)));
    let place = format!("{}: {}\n{decision:#?}", file.display(), case.name);
    let expect = &case.expect;
    assert_eq!(decision.effect().as_str(), expect.effect, "{place}");
    assert_eq!(decision.code().as_str(), expect.code, "{place}");
    if let Some(reason) = &expect.reason {
        assert_eq!(decision.reason(), reason, "{place}");
    }
    let rule = decision
        .determined_by()
        .map(|rule| format!("{}/{}", rule.policy, rule.rule));
    if expect.rule.is_some() {
        assert_eq!(rule, expect.rule, "{place}");
    }
    if let Some(remedy) = &expect.remedy {
        assert_eq!(
            decision.remedy().map(|remedy| &remedy.text),
            Some(remedy),
            "{place}"
        );
    }
    if !expect.problems.is_empty() {
        assert_eq!(decision.problems(), expect.problems, "{place}");
    }
}

#[test]
fn every_case_is_decided_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/decisions");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the cases") {
        let path = entry.expect("a case").path();
        let text = std::fs::read_to_string(&path).expect("a case");
        let file: File = serde_yaml::from_str(&text)
            .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        let plain = Engine::compile(
            Arc::new(build(&file.policy)),
            &catalogue(&mut Choices::new(Vec::new())),
            7,
        );
        let mut tools = catalogue(&mut Choices::new(Vec::new()));
        for tool in &mut tools {
            tool.quarantined = true;
        }
        let quarantined = Engine::compile(Arc::new(build(&file.policy)), &tools, 7);
        for case in &file.cases {
            check(
                &path,
                if case.request.quarantined {
                    &quarantined
                } else {
                    &plain
                },
                case,
            );
            count += 1;
        }
    }
    assert!(count > 50, "only {count} cases");
}
