//! `auth: credentials`: every caller is who its credential says (`spec/identity.md`, "Who is calling").

use std::sync::Arc;

use crate::audit::Door;
use crate::domain::{AgentId, Authentication, Clock, LocalRole, Role, Roles};

use super::credential::Shown;
use super::{
    Authenticator, Credentials, Identity, KeyText, Keys, Kind, LocalAuthenticator, Preparing,
    Tokens, Unauthenticated, Verified,
};

/// Accepts keys and tokens; with `auth: local` besides whoever stands on this machine.
pub struct CredentialAuthenticator {
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    tokens: Option<Tokens>,
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
            tokens: None,
            local,
            trusts_machine,
            anonymous: None,
        }
    }

    /// The same, believing tokens.
    #[must_use]
    pub fn believing(mut self, tokens: Option<Tokens>) -> Self {
        self.tokens = tokens;
        self
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

    /// Whether the text is no credential here: a key that is written wrong still is one.
    fn ignores(&self, text: &str) -> bool {
        self.trusts_machine && self.tokens.is_none() && !KeyText::is_meant(text)
    }

    /// Whether anybody was ever given a key here.
    fn has_keys(&self) -> bool {
        self.keys.look(|book| book.any(|_| true))
    }

    fn holder(&self, shown: &Shown) -> Result<Identity, Unauthenticated> {
        match shown {
            Shown::Key(text) => self.keys.holder(text, self.clock.now()),
            Shown::Token(text) => {
                let tokens = self.tokens.as_ref().ok_or(Unauthenticated)?;
                let verified = tokens.verify(text).map_err(|fault| {
                    tracing::debug!(%fault, "a token is not accepted");
                    Unauthenticated
                })?;
                self.bearer(verified)
            }
        }
    }

    /// Who bears this token. Whom claims make more than an agent is a person; no token makes an agent of a person here.
    fn bearer(&self, verified: Verified) -> Result<Identity, Unauthenticated> {
        let of_agents = Roles::any_of(&[Role::Agent, Role::Pep, Role::Catalog]);
        let is_person = verified.roles.without(of_agents) != Roles::NONE;
        let is_known = self
            .keys
            .look(|book| book.user(&verified.agent_id).is_some());
        if is_known && !is_person {
            return Err(Unauthenticated);
        }
        let operates = verified.roles.meets(Roles::any_of(&[Role::Operator]));
        Ok(Identity {
            id: verified.agent_id,
            kind: if is_person { Kind::Person } else { Kind::Agent },
            roles: verified.roles,
            authentication: Authentication::Token,
            may_act_for_others: is_person && operates,
            credential: Some(verified.issuer),
        })
    }
}

impl Authenticator for CredentialAuthenticator {
    fn prepare<'a>(&'a self, credentials: &'a Credentials) -> Preparing<'a> {
        match (credentials, &self.tokens) {
            (Credentials::Shown(Shown::Token(text)), Some(tokens)) => {
                Some(Box::pin(tokens.prepare(text)))
            }
            _ => None,
        }
    }

    fn authenticate(
        &self,
        door: Door,
        credentials: &Credentials,
    ) -> Result<Identity, Unauthenticated> {
        match credentials {
            // Nothing is said of tokens there: a client that sends one to its own machine means no harm.
            Credentials::Shown(Shown::Token(text)) if self.ignores(text) => {
                self.local.authenticate(door, &Credentials::None)
            }
            Credentials::Shown(shown) => self.holder(shown),
            Credentials::Internal => self.local.authenticate(door, credentials),
            // The operator started it; what an operator may takes a key once there are any.
            Credentials::Started { role, .. } => {
                let free = *role == LocalRole::Agent || self.trusts_machine && !self.has_keys();
                let started = free.then(|| self.local.authenticate(door, credentials));
                started.unwrap_or(Err(Unauthenticated))
            }
            Credentials::None if self.trusts_machine => self.local.authenticate(door, credentials),
            Credentials::None => self.anonymous.clone().ok_or(Unauthenticated),
        }
    }
}
