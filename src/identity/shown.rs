//! `auth: credentials`: every caller is who its credential says (`spec/identity.md`, "Who is calling").

use std::sync::Arc;

use crate::audit::Door;
use crate::domain::{AgentId, Authentication, Clock, LocalRole, Role, Roles};

use super::credential::Shown;
use super::{
    Authenticator, Credentials, Identity, Keys, Kind, LocalAuthenticator, Unauthenticated,
};

/// Accepts keys and tokens; with `auth: local` besides whoever stands on this machine.
pub struct CredentialAuthenticator {
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    local: LocalAuthenticator,
    /// Whether standing on this machine is proof enough, as with `auth: local`.
    trusts_machine: bool,
    /// Who calls without a credential, where the operator lets such callers in (`--insecure`).
    anonymous: Option<Identity>,
}

impl CredentialAuthenticator {
    /// The authenticator over these keys.
    #[must_use]
    pub fn new(
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        local: LocalAuthenticator,
        trusts_machine: bool,
    ) -> Self {
        Self {
            keys,
            clock,
            local,
            trusts_machine,
            anonymous: None,
        }
    }

    /// The same, where a caller without a credential is agent `anonymous` (`--insecure`).
    ///
    /// # Errors
    /// Never in practice: the reserved ids are agent ids.
    pub fn letting_anyone_in(mut self) -> Result<Self, crate::domain::IdError> {
        self.anonymous = Some(Identity {
            id: AgentId::parse("anonymous")?,
            kind: Kind::Agent,
            roles: Roles::of(&[Role::Agent]),
            authentication: Authentication::Anonymous,
            may_act_for_others: false,
            credential: None,
        });
        Ok(self)
    }

    fn holder(&self, shown: &Shown) -> Result<Identity, Unauthenticated> {
        match shown {
            Shown::Key(text) => self.keys.holder(text, self.clock.now()),
            Shown::Token(_) => Err(Unauthenticated),
        }
    }
}

impl Authenticator for CredentialAuthenticator {
    fn authenticate(
        &self,
        door: Door,
        credentials: &Credentials,
    ) -> Result<Identity, Unauthenticated> {
        match credentials {
            // Nothing is said of tokens there: a client that sends one to its own machine means no harm.
            Credentials::Shown(Shown::Token(_)) if self.trusts_machine => {
                self.local.authenticate(door, &Credentials::None)
            }
            Credentials::Shown(shown) => self.holder(shown),
            Credentials::Internal => self.local.authenticate(door, credentials),
            Credentials::None | Credentials::Started { .. } if self.trusts_machine => {
                self.local.authenticate(door, credentials)
            }
            // The operator started it; what an operator may takes a key once there are any.
            Credentials::Started { role, .. } if *role == LocalRole::Agent => {
                self.local.authenticate(door, credentials)
            }
            Credentials::Started { .. } => Err(Unauthenticated),
            Credentials::None => self.anonymous.clone().ok_or(Unauthenticated),
        }
    }
}
