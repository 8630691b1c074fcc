//! Who is calling: credentials in, an identity out. Never from an argument, a session id or a plain header.

mod credential; // what a caller shows of itself
mod jwt; // tokens of an issuer
mod key_text; // API keys as text
mod keys; // the book of keys and people
mod local; // whoever stands on this machine
mod metrics; // figures of sessions
mod sessions; // whose each session is
mod shown; // whoever shows a credential
mod totp; // second factors of people

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::audit::Door;
use crate::domain::{AgentId, Authentication, LocalRole, Role, Roles, TrustLevel};

pub use credential::Shown;
pub use jwt::{
    Algorithm, Fetching, Issuer, IssuerFault, KeyPlace, KeySource, KeysUnread, RoleClaim,
    TokenFault, Tokens, Verified,
};
pub use key_text::{KeyText, NewKey, NoRandomness};
pub use keys::{Book, BookEdit, BookUnread, Kept, KeyStore, Keys};
pub use local::LocalAuthenticator;
pub use metrics::SessionGauge;
pub use sessions::{MOST, MOST_OF_ONE, NoPlace, SessionStore, Sessions, SessionsUnread};
pub use shown::CredentialAuthenticator;
pub use totp::{
    CodeForm, CodeHash, NewTotp, TotpRefusal, TotpStore, TotpUnread, Totps, Turn, Unsealable,
};

/// What a door found of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None: the caller stands on this machine, or is nobody.
    None,
    /// The gateway's own code calls.
    Internal,
    /// A program that this machine's operator started says for whom it speaks, through the socket that only the
    /// operator reaches (`spec/identity.md`, "Who is calling").
    Started {
        /// The agent.
        agent_id: AgentId,
        /// What it may do with the gateway.
        role: LocalRole,
    },
    /// A key or a token that the caller sent along.
    Shown(Shown),
}

/// What stands behind an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program that is governed, and that the registry knows or may come to know.
    Agent,
    /// Somebody whom no registry lists.
    Person,
    /// The gateway's own code, or whoever stands on its machine.
    Local,
}

/// Who calls, and what the caller may do with the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The caller's own id: an agent's, or a person's who acts without naming an agent.
    pub id: AgentId,
    /// What stands behind it.
    pub kind: Kind,
    /// The caller's roles.
    pub roles: Roles,
    /// How it was proved.
    pub authentication: Authentication,
    /// Whether the caller may name another agent to act for.
    pub may_act_for_others: bool,
    /// The public part of the credential.
    pub credential: Option<Arc<str>>,
}

impl Identity {
    /// How far it is trusted if the registry does not know it.
    ///
    /// Of an agent that nobody vouched for nothing is believed. A person is trusted as far as its roles reach: whoever
    /// may switch modes may use what they open, and whoever may raise any agent's trust has it.
    #[must_use]
    pub fn unregistered_trust(&self) -> TrustLevel {
        match self.kind {
            Kind::Local => TrustLevel::Admin,
            Kind::Person if self.roles.has(Role::Admin) => TrustLevel::Admin,
            Kind::Person if self.roles.has(Role::Operator) => TrustLevel::High,
            Kind::Agent | Kind::Person => TrustLevel::Low,
        }
    }
}

/// A caller without an accepted credential. Which of the reasons it was, nobody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not authenticated: this door needs a credential")]
pub struct Unauthenticated;

/// The one way from a credential to an identity.
pub trait Authenticator: Send + Sync {
    /// Tells who calls through this door with these credentials.
    ///
    /// # Errors
    /// When the credentials are not accepted.
    fn authenticate(
        &self,
        door: Door,
        credentials: &Credentials,
    ) -> Result<Identity, Unauthenticated>;

    /// Fetches what it takes to judge these credentials, where that is not at hand. It may take some seconds; whoever
    /// shows what is at hand does not wait.
    fn prepare<'a>(&'a self, credentials: &'a Credentials) -> Preparing<'a>;
}

/// The future of a preparation; `None` where there is nothing to wait for.
pub type Preparing<'a> = Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>;
