//! `auth: local`: on loopback, the person at the keyboard operates and a model is an agent (`spec/identity.md`).

use crate::audit::Door;
use crate::domain::{AgentId, Authentication, Role, Roles};

use super::{Authenticator, Credentials, Identity, Unauthenticated};

/// Accepts whoever stands on this machine; the roles follow from the door.
#[derive(Debug)]
pub struct LocalAuthenticator {
    operator: AgentId,
    agent: AgentId,
    gateway: AgentId,
}

impl LocalAuthenticator {
    /// The authenticator of local mode.
    ///
    /// # Errors
    /// Never in practice: the reserved ids are agent ids.
    pub fn new() -> Result<Self, crate::domain::IdError> {
        Ok(Self {
            operator: AgentId::parse("local-operator")?,
            agent: AgentId::parse("local")?,
            gateway: AgentId::parse("gateway")?,
        })
    }

    fn identity(&self, id: &AgentId, roles: Roles, authentication: Authentication) -> Identity {
        let may_act_for_others = *id == self.operator;
        Identity {
            id: id.clone(),
            roles,
            authentication,
            may_act_for_others,
        }
    }
}

impl Authenticator for LocalAuthenticator {
    fn authenticate(
        &self,
        door: Door,
        credentials: &Credentials,
    ) -> Result<Identity, Unauthenticated> {
        match (door, credentials) {
            (Door::Internal, Credentials::Internal) => {
                Ok(self.identity(&self.gateway, Roles::ALL, Authentication::Internal))
            }
            (Door::Internal, Credentials::None | Credentials::Started { .. }) => {
                Err(Unauthenticated)
            }
            (Door::Stdio, Credentials::Started { agent_id, role }) => Ok(Identity {
                may_act_for_others: *role != Role::Agent,
                ..self.identity(
                    agent_id,
                    Roles::of(&[Role::Agent, *role]),
                    Authentication::Local,
                )
            }),
            (Door::Rest | Door::Cli | Door::Console | Door::Authzen, _) => {
                Ok(self.identity(&self.operator, Roles::ALL, Authentication::Local))
            }
            (Door::Mcp | Door::Stdio, _) => Ok(self.identity(
                &self.agent,
                Roles::of(&[Role::Agent]),
                Authentication::Local,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_gets_no_role_that_a_person_has() {
        let local = LocalAuthenticator::new().expect("reserved ids are ids");
        let model = local
            .authenticate(Door::Mcp, &Credentials::None)
            .expect("local");
        let person = local
            .authenticate(Door::Rest, &Credentials::None)
            .expect("local");
        assert_eq!(model.roles, Roles::of(&[Role::Agent]));
        assert!(!model.may_act_for_others);
        assert!(person.roles.has(Role::Operator));
        assert_eq!(
            local.authenticate(Door::Internal, &Credentials::None),
            Err(Unauthenticated)
        );
    }
}
