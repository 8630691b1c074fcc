//! Which agents there are and how far each is trusted.

use std::sync::Arc;

use crate::domain::{AgentId, PatternList, Principal, PrincipalStatus, TrustLevel};
use crate::identity::Identity;

/// Why nobody can act for the agent that was named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryRefusal {
    /// The id belongs to the gateway itself.
    #[error("`{0}` is reserved: name an agent of your own")]
    Reserved(AgentId),
    /// The caller may not act for others.
    #[error("`{caller}` may not act for agent `{agent}`: only operators may name another agent")]
    NotForOthers {
        /// Who calls.
        caller: AgentId,
        /// Whom the call names.
        agent: AgentId,
    },
}

/// The registry of agents.
///
/// Until agents can be registered it knows only the gateway's own ids; any other agent that an operator
/// names has trust low and nothing of its own, as an agent that nobody vouched for.
#[derive(Debug, Default)]
pub struct Registry {
    no_list: Arc<PatternList>,
}

impl Registry {
    /// The principal for whom a call is decided: the caller, or the agent that it acts for.
    ///
    /// # Errors
    /// When the caller may not act for the agent, or nobody may.
    pub fn resolve(
        &self,
        identity: &Identity,
        named: Option<AgentId>,
    ) -> Result<Principal, RegistryRefusal> {
        let agent_id = named.unwrap_or_else(|| identity.id.clone());
        let acts_for_another = agent_id != identity.id;
        if acts_for_another {
            if !identity.may_act_for_others {
                return Err(RegistryRefusal::NotForOthers {
                    caller: identity.id.clone(),
                    agent: agent_id,
                });
            }
            if agent_id.is_reserved() && agent_id.as_str() != "local" {
                return Err(RegistryRefusal::Reserved(agent_id));
            }
        }
        let trust = if agent_id.is_reserved() {
            TrustLevel::Admin
        } else {
            TrustLevel::Low
        };
        Ok(Principal {
            agent_id,
            revision: 0,
            trust,
            status: PrincipalStatus::Active,
            allowed_tools: Arc::clone(&self.no_list),
            denied_tools: Arc::clone(&self.no_list),
            roles: identity.roles,
            acted_by: acts_for_another.then(|| identity.id.clone()),
            authentication: identity.authentication,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::Door;
    use crate::identity::{Authenticator as _, Credentials, LocalAuthenticator};

    use super::*;

    fn caller(door: Door) -> Identity {
        let local = LocalAuthenticator::new().expect("reserved ids are ids");
        local.authenticate(door, Credentials::None).expect("local")
    }

    #[test]
    fn an_agent_that_nobody_vouched_for_has_low_trust_and_the_callers_roles() {
        let named = AgentId::parse("etl-1").expect("an id");
        let principal = Registry::default()
            .resolve(&caller(Door::Rest), Some(named))
            .expect("an operator may");
        assert_eq!(principal.trust, TrustLevel::Low);
        assert_eq!(
            principal.acted_by.expect("acted for").as_str(),
            "local-operator"
        );
    }

    #[test]
    fn nobody_acts_for_the_gateway_and_a_model_for_nobody() {
        let gateway = AgentId::parse("gateway").expect("an id");
        let refusal = Registry::default().resolve(&caller(Door::Rest), Some(gateway.clone()));
        assert!(matches!(refusal, Err(RegistryRefusal::Reserved(_))));
        let refusal = Registry::default().resolve(&caller(Door::Mcp), Some(gateway));
        assert!(matches!(refusal, Err(RegistryRefusal::NotForOthers { .. })));
    }
}
