use crate::audit::Door;
use crate::domain::{Role, Roles, Timestamp};
use crate::identity::{Authenticator as _, Credentials, LocalAuthenticator};

use super::*;

/// A store in which these agents stand.
struct Shelf(Vec<Agent>);

impl AgentStore for Shelf {
    fn get(&self, agent_id: &AgentId) -> Result<Option<Agent>, RegistryUnread> {
        Ok(self
            .0
            .iter()
            .find(|agent| agent.agent_id == *agent_id)
            .cloned())
    }

    fn list(&self, _: AgentFilter, _: &str, _: usize) -> Result<Vec<Agent>, RegistryUnread> {
        Ok(self.0.clone())
    }

    fn each(&self, take: &mut dyn FnMut(Agent)) -> Result<(), RegistryUnread> {
        self.0.iter().cloned().for_each(take);
        Ok(())
    }
}

fn agent(id: &str) -> Agent {
    Agent {
        revision: 1,
        agent_id: AgentId::parse(id).expect("an id"),
        name: id.to_owned(),
        description: None,
        trust_level: TrustLevel::High,
        allowed_tools: Vec::new(),
        denied_tools: vec!["delete_*".to_owned()],
        metadata: serde_json::Map::new(),
        status: PrincipalStatus::Active,
        registered_at: Timestamp::from_millis(0),
        updated_at: Timestamp::from_millis(0),
        registered_by: "operator".to_owned(),
        owner: None,
        auto_registered: false,
        suspended_at: None,
        suspension_reason: None,
        incident_id: None,
    }
}

fn registry(agents: Vec<Agent>) -> Registry {
    Registry::open(Arc::new(Shelf(agents))).expect("readable")
}

fn caller(door: Door) -> Identity {
    let local = LocalAuthenticator::new(Roles::of(&[Role::Agent])).expect("reserved ids are ids");
    local.authenticate(door, &Credentials::None).expect("local")
}

fn id(id: &str) -> AgentId {
    AgentId::parse(id).expect("an id")
}

#[test]
fn an_agent_that_nobody_vouched_for_has_low_trust_and_the_callers_roles() {
    let principal = registry(Vec::new())
        .resolve(&caller(Door::Rest), Some(id("etl-1")))
        .expect("an operator may");
    assert_eq!(principal.trust, TrustLevel::Low);
    assert_eq!(principal.stamp, 0);
    assert!(principal.roles.has(Role::Operator));
    let by = principal.acted_by.expect("acted for");
    assert_eq!(by.as_str(), "local-operator");
}

#[test]
fn a_registered_agent_has_its_own_trust_and_lists() {
    let registry = registry(vec![agent("etl-1")]);
    let principal = registry
        .resolve(&caller(Door::Rest), Some(id("etl-1")))
        .expect("an operator may");
    assert_eq!(principal.trust, TrustLevel::High);
    assert!(principal.denied_tools.matches("delete_records"));
    assert_eq!(registry.stamp(&principal.agent_id), principal.stamp);
    registry.forget(&principal.agent_id);
    assert_eq!(registry.stamp(&principal.agent_id), 0);
    registry.keep(&agent("etl-1"));
    assert_ne!(registry.stamp(&principal.agent_id), principal.stamp);
}

#[test]
fn nobody_acts_for_the_gateway_and_a_model_for_nobody() {
    let registry = registry(Vec::new());
    let refusal = registry.resolve(&caller(Door::Rest), Some(id("gateway")));
    assert!(matches!(refusal, Err(RegistryRefusal::Reserved(_))));
    let refusal = registry.resolve(&caller(Door::Mcp), Some(id("gateway")));
    assert!(matches!(refusal, Err(RegistryRefusal::NotForOthers { .. })));
}

#[test]
fn an_agent_whose_stored_list_cannot_be_read_may_do_nothing() {
    let mut broken = agent("etl-1");
    broken.denied_tools = vec!["[".to_owned()];
    let principal = registry(vec![broken])
        .resolve(&caller(Door::Rest), Some(id("etl-1")))
        .expect("an operator may");
    assert_eq!(principal.status, PrincipalStatus::Suspended);
}

#[test]
fn counts_follow_every_change() {
    let registry = registry(vec![agent("a"), agent("b")]);
    let mut changed = agent("a");
    changed.trust_level = TrustLevel::Low;
    changed.status = PrincipalStatus::Suspended;
    changed.auto_registered = true;
    registry.keep(&changed);
    registry.forget(&agent("b").agent_id);
    let expected = Counts {
        total: 1,
        suspended: 1,
        auto_registered: 1,
        by_trust: [1, 0, 0, 0],
    };
    assert_eq!(registry.counts(), expected);
}
