//! `auth: local`: on loopback, the person at the keyboard operates and a model is an agent (`spec/identity.md`).

use crate::audit::Door;
use crate::domain::{AgentId, Authentication, LocalRole, Role, Roles};

use super::{Authenticator, Credentials, Identity, Kind, Preparing, Unauthenticated};

/// Accepts whoever stands on this machine; the roles follow from the door.
#[derive(Debug)]
pub struct LocalAuthenticator {
    operator: AgentId,
    agent: AgentId,
    gateway: AgentId,
    /// What a model may do with the gateway.
    models: Roles,
}

impl LocalAuthenticator {
    /// The authenticator of local mode, in which callers over MCP have these roles.
    ///
    /// A model with role operator is one whom the person at the keyboard trusts to operate: it may then act for others
    /// as that person may. Its calls still are those of agent `local`, and on record as such.
    ///
    /// # Errors
    /// Never in practice: the reserved ids are agent ids.
    pub fn new(models: Roles) -> Result<Self, crate::domain::IdError> {
        Ok(Self {
            operator: AgentId::parse("local-operator")?,
            agent: AgentId::parse("local")?,
            gateway: AgentId::parse("gateway")?,
            models,
        })
    }

    fn person(&self) -> Identity {
        Identity {
            id: self.operator.clone(),
            kind: Kind::Local,
            roles: Roles::ALL,
            authentication: Authentication::Local,
            may_act_for_others: true,
            credential: None,
        }
    }

    fn model(&self) -> Identity {
        Identity {
            id: self.agent.clone(),
            kind: Kind::Agent,
            roles: self.models,
            authentication: Authentication::Local,
            may_act_for_others: self.models.has(Role::Operator),
            credential: None,
        }
    }

    fn gateway(&self) -> Identity {
        Identity {
            id: self.gateway.clone(),
            kind: Kind::Local,
            roles: Roles::ALL,
            authentication: Authentication::Internal,
            may_act_for_others: false,
            credential: None,
        }
    }
}

impl Authenticator for LocalAuthenticator {
    fn prepare<'a>(&'a self, _credentials: &'a Credentials) -> Preparing<'a> {
        None
    }

    fn authenticate(
        &self,
        door: Door,
        credentials: &Credentials,
    ) -> Result<Identity, Unauthenticated> {
        match (door, credentials) {
            (Door::Internal, Credentials::Internal) => Ok(self.gateway()),
            (
                Door::Internal,
                Credentials::None | Credentials::Started { .. } | Credentials::Shown(_),
            ) => Err(Unauthenticated),
            (Door::Stdio, Credentials::Started { agent_id, role }) => Ok(Identity {
                id: agent_id.clone(),
                roles: role.roles(),
                may_act_for_others: matches!(role, LocalRole::Operator | LocalRole::Admin),
                ..self.model()
            }),
            (Door::Rest | Door::Cli | Door::Console | Door::Authzen, _) => Ok(self.person()),
            (Door::Mcp | Door::Stdio, _) => Ok(self.model()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticate(models: &[Role], door: Door) -> Result<Identity, Unauthenticated> {
        let local = LocalAuthenticator::new(Roles::of(models)).expect("reserved ids are ids");
        local.authenticate(door, &Credentials::None)
    }

    #[test]
    fn a_model_gets_no_role_that_a_person_has() {
        for door in [Door::Mcp, Door::Stdio] {
            let model = authenticate(&[Role::Agent], door).expect("local");
            assert_eq!(model.roles, Roles::of(&[Role::Agent]));
            assert!(!model.may_act_for_others);
        }
        let person = authenticate(&[Role::Agent], Door::Rest).expect("local");
        assert!(person.roles.has(Role::Operator));
        assert_eq!(
            authenticate(&[Role::Agent], Door::Internal),
            Err(Unauthenticated)
        );
    }

    #[test]
    fn a_model_that_a_person_lets_operate_is_still_agent_local_and_may_act_for_others() {
        for role in [Role::Operator, Role::Admin] {
            let model = authenticate(&[Role::Agent, role], Door::Mcp).expect("local");
            assert_eq!(model.id.as_str(), "local");
            assert_eq!(model.roles, Roles::of(&[Role::Agent, role]));
            assert!(model.may_act_for_others);
            assert!(!model.roles.has(Role::Approver), "nobody's own approver");
        }
    }
}
