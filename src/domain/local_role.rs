//! What models may do with a gateway whose operator is believed to be who runs there.

use super::principal::{Role, Roles};

/// The role of a model on such a machine: one of those that its operator may give away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalRole {
    /// Call tools and ask about them.
    #[default]
    Agent,
    /// Operate besides: modes, lockdown, suspension, incidents.
    Operator,
    /// Everything that an operator may, and change policies and trust.
    Admin,
}

impl LocalRole {
    /// Every one, from the least.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Operator, Self::Admin];

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The roles that a caller then has.
    ///
    /// Whoever may change every policy there may read what came of it. Nobody there approves what it asked for itself.
    #[must_use]
    pub fn roles(self) -> Roles {
        match self {
            Self::Agent => Roles::of(&[Role::Agent]),
            Self::Operator => Roles::of(&[Role::Agent, Role::Operator]),
            Self::Admin => Roles::of(&[Role::Agent, Role::Admin, Role::Auditor]),
        }
    }
}
