//! Who is calling: credentials in, an identity out. Never from an argument, a session id or a plain header.

mod jwt; // tokens of an issuer
mod local; // whoever stands on this machine
mod metrics; // figures of sessions
mod sessions; // whose each session is

use crate::audit::Door;
use crate::domain::{AgentId, Authentication, LocalRole, Roles};

pub use jwt::{
    Algorithm, Fetching, Issuer, IssuerFault, KeyPlace, KeySource, KeysUnread, RoleClaim,
    TokenFault, Tokens, Verified,
};
pub use local::LocalAuthenticator;
pub use metrics::SessionGauge;
pub use sessions::{MOST, MOST_OF_ONE, NoPlace, SessionStore, Sessions, SessionsUnread};

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
}

/// Who calls, and what the caller may do with the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The caller's own id: an agent's, or a person's who acts without naming an agent.
    pub id: AgentId,
    /// The caller's roles.
    pub roles: Roles,
    /// How it was proved.
    pub authentication: Authentication,
    /// Whether the caller may name another agent to act for.
    pub may_act_for_others: bool,
}

/// A caller without an accepted credential.
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
}
