//! Who asks: the governed agent, its trust, and the roles of the caller behind it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AgentId, PatternList};

/// How far an agent is trusted; ordered `low < medium < high < admin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustLevel {
    /// Reads at most, as policies have it.
    Low = 1,
    /// Ordinary work.
    Medium = 2,
    /// Production.
    High = 3,
    /// Everything that policy leaves open.
    Admin = 4,
}

impl TrustLevel {
    /// Every level, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Admin];

    /// The level's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Admin => "admin",
        }
    }

    /// The level of this name, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a caller may do with the gateway itself (`spec/identity.md`, "Roles").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Call tools and ask about them.
    Agent,
    /// List everything catalogued, call nothing.
    Catalog,
    /// Ask for any subject, nothing else.
    Pep,
    /// Read what is recorded.
    Auditor,
    /// Decide approvals.
    Approver,
    /// Modes, lockdown, suspension, incidents.
    Operator,
    /// Trust, policies, keys, users, settings; includes operator.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Agent,
        Self::Catalog,
        Self::Pep,
        Self::Auditor,
        Self::Approver,
        Self::Operator,
        Self::Admin,
    ];

    /// The role of this name, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Catalog => "catalog",
            Self::Pep => "pep",
            Self::Auditor => "auditor",
            Self::Approver => "approver",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of roles. `admin` brings `operator` along; nothing else is implied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Roles(u8);

impl Roles {
    /// No role.
    pub const NONE: Self = Self(0);
    /// Every role.
    pub const ALL: Self = Self(0x7f);

    /// The set of exactly these roles, for what something needs: an operator is not an admin.
    #[must_use]
    pub fn any_of(roles: &[Role]) -> Self {
        Self(roles.iter().fold(0, |bits, &role| bits | 1 << role as u8))
    }

    /// The set of these roles and what they include, for what a caller has.
    #[must_use]
    pub fn of(roles: &[Role]) -> Self {
        let mut set = Self::NONE;
        for &role in roles {
            set.0 |= 1 << role as u8;
            if role == Role::Admin {
                set.0 |= 1 << Role::Operator as u8;
            }
        }
        set
    }

    /// This role and nothing that it includes: what a tool needs, if a caller of a lesser role must not do.
    #[must_use]
    pub const fn only(role: Role) -> Self {
        Self(1 << role as u8)
    }

    /// Whether the role is in the set.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// The roles that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The roles of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the sets share a role.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The roles of the set, least first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |&role| self.has(role))
    }

    /// The set as bits, one a role in the order of [`Role::ALL`].
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl Serialize for Roles {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// How the caller proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Not at all.
    None,
    /// By standing on this machine (`auth: local`).
    Local,
    /// By being the gateway's own code.
    Internal,
    /// By an API key.
    Key,
    /// By a token of an issuer that is configured.
    Token,
    /// Not at all, and let in all the same because the operator said so (`--insecure`).
    Anonymous,
}

impl Authentication {
    /// Whether it stands for somebody who was let in.
    #[must_use]
    pub const fn is_known(self) -> bool {
        match self {
            Self::None => false,
            Self::Local | Self::Internal | Self::Key | Self::Token | Self::Anonymous => true,
        }
    }
}

/// Whether an agent may act at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalStatus {
    /// As policies have it.
    Active,
    /// Not until it is reinstated.
    Suspended,
}

impl PrincipalStatus {
    /// The status's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The status of this name, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// The agent a call is decided for, and the caller who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The agent that is governed.
    pub agent_id: AgentId,
    /// Counts what the registry learned, up to when this was read of the agent; 0 when it is not registered. A permit
    /// with another stamp than the agent has does not start.
    pub stamp: u64,
    /// Its trust, from the registry.
    pub trust: TrustLevel,
    /// Whether it is suspended, from the registry.
    pub status: PrincipalStatus,
    /// Its own allow-list, from the registry; empty or `["*"]` restricts nothing.
    pub allowed_tools: Arc<PatternList>,
    /// Its own deny-list, from the registry.
    pub denied_tools: Arc<PatternList>,
    /// The roles of the caller (not of the agent it names).
    pub roles: Roles,
    /// The caller, when it acts for the agent instead of being it.
    pub acted_by: Option<AgentId>,
    /// How the caller proved who it is.
    pub authentication: Authentication,
    /// The public part of the credential that it showed.
    pub credential: Option<Arc<str>>,
}
