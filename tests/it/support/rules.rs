//! Small constructors for the model of policies, so that a test says only what it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policyguard::domain::{
    ActionId, ActionRequest, ActionType, AgentId, Annotations, Arguments, Authentication, Context,
    Digest, ModeName, Owner, Pattern, PatternList, PolicyId, Principal, PrincipalStatus, Purpose,
    Resource, Role, Roles, Severity, Stated, Timestamp, ToolClass, ToolFacts, TrustLevel,
};
use policyguard::policy::{
    Additional, ApprovalTerms, ArgumentTest, Bundle, Condition, DefaultDecision, Enforcement,
    HourWindow, ModeRules, NamePattern, NamePatterns, Origin, Parameter, ParameterType, Place,
    Policy, ResourcePolicy, Rule, RuleAction, TestOperator, ToolConstraints, WholeRegex,
};
use serde_json::Value;

pub(crate) fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("a pattern")
}

/// Patterns as a list; `!x` removes.
pub(crate) fn names(texts: &[&str]) -> NamePatterns {
    let mut list = NamePatterns::default();
    for text in texts {
        match text.strip_prefix('!') {
            Some(removed) => list.exclude.push(pattern(removed)),
            None => list.include.push(NamePattern {
                pattern: pattern(text),
                group: None,
            }),
        }
    }
    list
}

/// Patterns as the group of this name expands to.
pub(crate) fn group(name: &str, texts: &[&str]) -> NamePatterns {
    let mut list = names(texts);
    for entry in &mut list.include {
        entry.group = Some(name.into());
    }
    list
}

pub(crate) fn mode_name(name: &str) -> ModeName {
    ModeName::parse(name).expect("a mode name")
}

pub(crate) fn place(line: u32) -> Place {
    Place {
        file: "policies/test.yaml".into(),
        line,
    }
}

/// A bundle of the modes NORMAL and EMERGENCY without ceilings, which denies by default.
pub(crate) fn bundle() -> Bundle {
    let modes = [ModeName::normal(), ModeName::emergency()];
    Bundle {
        name: "test".into(),
        version: "1".into(),
        description: String::new(),
        digest: Digest::of(b"test"),
        default_mode: ModeName::normal(),
        default_decision: DefaultDecision::Deny,
        modes: modes.map(|mode| (mode, ModeRules::default())).into(),
        always_blocked: NamePatterns::default(),
        always_blocked_because: String::new(),
        always_blocked_at: place(1),
        time_restrictions: Vec::new(),
        operations: BTreeMap::new(),
        resource_policies: Vec::new(),
        constraints: Vec::new(),
        protected_paths: Vec::new(),
        protected_allow_read: false,
        policies: Vec::new(),
    }
}

/// An enforced policy of these rules; numbers them and gives each a digest of its own.
pub(crate) fn policy(id: &str, priority: i64, rules: Vec<Rule>) -> Policy {
    let numbered = |(index, rule): (usize, Rule)| Rule {
        index,
        digest: Digest::of(format!("{id}/{index}").as_bytes()),
        ..rule
    };
    Policy {
        id: PolicyId::parse(id).expect("a policy id"),
        name: id.into(),
        description: String::new(),
        priority,
        enabled: true,
        enforcement: Enforcement::Enforce,
        effective_from: None,
        expires_at: None,
        rules: rules.into_iter().enumerate().map(numbered).collect(),
        origin: Origin::File,
        at: place(1),
    }
}

/// A rule for these names that says this.
pub(crate) fn rule(tools: &[&str], action: RuleAction) -> Rule {
    Rule {
        index: 0,
        name: None,
        condition: Condition {
            tools: Some(names(tools)),
            ..Condition::default()
        },
        require: BTreeMap::new(),
        action,
        message: None,
        overridable: true,
        severity: Severity::Medium,
        approval: ApprovalTerms::default(),
        digest: Digest::ZERO,
        at: place(10),
    }
}

pub(crate) fn argument(name: &str, operator: TestOperator) -> ArgumentTest {
    ArgumentTest {
        name: name.into(),
        operator,
    }
}

pub(crate) fn regex(source: &str) -> WholeRegex {
    WholeRegex::parse(source).expect("a regex")
}

pub(crate) fn parameter(kind: ParameterType) -> Parameter {
    Parameter {
        kind,
        required: true,
        default: None,
        allowlist_source: None,
    }
}

pub(crate) fn text_type() -> ParameterType {
    ParameterType::String {
        min_length: None,
        max_length: None,
        pattern: None,
        allowed_values: None,
        format: None,
    }
}

pub(crate) fn int_type(min: Option<i64>, max: Option<i64>) -> ParameterType {
    ParameterType::Int {
        min,
        max,
        allowed_values: None,
    }
}

pub(crate) fn constraints(tools: &[&str], parameters: Vec<(&str, Parameter)>) -> ToolConstraints {
    ToolConstraints {
        tools: names(tools),
        parameters: parameters
            .into_iter()
            .map(|(name, p)| (name.to_owned(), p))
            .collect(),
        additional: Additional::Deny,
        at: place(20),
    }
}

pub(crate) fn hours(tools: &[&str], hours: &[u32], timezone: &str) -> HourWindow {
    HourWindow {
        tools: names(tools),
        hours: hours.iter().fold(0, |bits, hour| bits | 1 << hour),
        timezone: timezone.into(),
        at: place(30),
    }
}

pub(crate) fn resource_policy(
    resources: &str,
    allowed: Option<&[&str]>,
    blocked: &[&str],
    approval: &[&str],
) -> ResourcePolicy {
    let set = |list: &[&str]| {
        list.iter()
            .map(|&one| one.to_owned())
            .collect::<BTreeSet<String>>()
    };
    ResourcePolicy {
        resources: pattern(resources),
        allowed_operations: allowed.map(set),
        blocked_operations: set(blocked),
        require_approval: set(approval),
        at: place(40),
    }
}

/// A tool of the cloud with this schema.
pub(crate) fn tool(name: &str, class: ToolClass, schema: Value) -> ToolFacts {
    ToolFacts {
        name: name.into(),
        server: "cloud".into(),
        owner: Owner::Cloud,
        class,
        annotations: Annotations::default(),
        needs: Roles::NONE,
        safety: false,
        asks: false,
        quarantined: false,
        input_schema: Arc::new(schema),
    }
}

/// A tool of the gateway that needs these roles.
pub(crate) fn gateway_tool(name: &str, needs: &[Role], safety: bool) -> ToolFacts {
    ToolFacts {
        server: "gateway".into(),
        owner: Owner::Gateway,
        needs: Roles::of(needs),
        safety,
        ..tool(
            name,
            ToolClass::Modify,
            serde_json::json!({"type": "object"}),
        )
    }
}

pub(crate) fn principal(trust: TrustLevel) -> Principal {
    Principal {
        agent_id: AgentId::parse("etl-1").expect("an agent id"),
        stamp: 0,
        trust,
        status: PrincipalStatus::Active,
        allowed_tools: Arc::new(PatternList::default()),
        denied_tools: Arc::new(PatternList::default()),
        roles: Roles::of(&[Role::Agent]),
        acted_by: None,
        authentication: Authentication::Local,
        credential: None,
    }
}

pub(crate) fn list(texts: &[&str]) -> Arc<PatternList> {
    Arc::new(PatternList::parse(texts).expect("patterns"))
}

pub(crate) fn arguments(value: &Value) -> Arguments {
    Arguments(value.as_object().cloned().expect("an object"))
}

/// A run of the tool by an agent of high trust in NORMAL mode, at noon of a Saturday in UTC.
pub(crate) fn run(name: &str, value: &Value) -> ActionRequest {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("an instant");
    ActionRequest {
        action_id: ActionId::from_bits(1),
        principal: principal(TrustLevel::High),
        action: ActionType::ToolCall,
        resource: Resource { name: name.into() },
        arguments: arguments(value),
        context: Context::at(now, ModeName::normal()),
        stated: Arc::new(Stated::default()),
        purpose: Purpose::Run,
        correlation_id: None,
    }
}

pub(crate) fn rule_digest(policy: &str, index: usize) -> Digest {
    Digest::of(format!("{policy}/{index}").as_bytes())
}
