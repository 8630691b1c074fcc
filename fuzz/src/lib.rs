//! What the targets have in common: a small catalogue, and a call of one of its tools.

use std::sync::Arc;

use policyguard::domain::{
    ActionId, ActionRequest, ActionType, AgentId, Annotations, Arguments, Authentication, Context,
    ModeName, Owner, PatternList, Principal, PrincipalStatus, Purpose, Resource, Role, Roles,
    Stated, Timestamp, ToolClass, ToolFacts, TrustLevel,
};
use serde_json::{Map, Value, json};

/// Tools such as the simulated cloud has, which take any arguments.
///
/// # Panics
/// Never: the names are fixed.
#[must_use]
pub fn catalogue() -> Vec<ToolFacts> {
    [
        ("list_services", ToolClass::Read),
        ("get_service_status", ToolClass::Read),
        ("restart_service", ToolClass::Modify),
        ("scale_fleet", ToolClass::Modify),
        ("delete_database", ToolClass::Destructive),
    ]
    .map(|(name, class)| tool(name, class))
    .into()
}

/// A tool of this name, which takes any arguments.
#[must_use]
pub fn tool(name: &str, class: ToolClass) -> ToolFacts {
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
        input_schema: Arc::new(json!({ "type": "object" })),
    }
}

/// A call of the tool by an agent of high trust in NORMAL mode, at noon of a Saturday in UTC.
///
/// # Panics
/// Never: what could be wrong is fixed.
#[must_use]
pub fn call(name: &str, arguments: Map<String, Value>) -> Arc<ActionRequest> {
    Arc::new(ActionRequest {
        action_id: ActionId::from_bits(1),
        principal: Principal {
            agent_id: AgentId::parse("etl-1").expect("an agent id"),
            stamp: 0,
            trust: TrustLevel::High,
            status: PrincipalStatus::Active,
            allowed_tools: Arc::new(PatternList::default()),
            denied_tools: Arc::new(PatternList::default()),
            roles: Roles::of(&[Role::Agent]),
            acted_by: None,
            authentication: Authentication::Local,
            credential: None,
        },
        action: ActionType::ToolCall,
        resource: Resource { name: name.into() },
        arguments: Arguments(arguments),
        context: Context::at(now(), ModeName::normal()),
        stated: Arc::new(Stated::default()),
        purpose: Purpose::Run,
        correlation_id: None,
    })
}

/// The instant at which all of it happens.
///
/// # Panics
/// Never: it is fixed.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:00:00Z").expect("an instant")
}
