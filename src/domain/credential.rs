//! Keys and the people behind them, as they are kept: never the key itself.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AgentId, Digest, Role, Roles, Timestamp};

/// How many characters of base 62 a key's public part has.
const LENGTH: usize = 8;

/// The public part of an API key: eight characters of base 62.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Parses the text; `None` when it has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(Arc::from(text)))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as text that is shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a key id: 8 of A-Z a-z 0-9"))
    }
}

/// To whom a key belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// An agent.
    Agent(AgentId),
    /// A person.
    User(AgentId),
}

impl Holder {
    /// The id of the agent or the person.
    #[must_use]
    pub const fn id(&self) -> &AgentId {
        match self {
            Self::Agent(id) | Self::User(id) => id,
        }
    }

    /// Whether a key of this holder may have the role (`spec/identity.md`, "Roles"): agents get none that people have.
    #[must_use]
    pub const fn may_have(&self, role: Role) -> bool {
        match self {
            Self::User(_) => true,
            Self::Agent(_) => matches!(role, Role::Agent | Role::Pep | Role::Catalog),
        }
    }
}

/// An API key as it is kept (`spec/identity.md`, "Who is calling").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Counts changes; a change names the revision that it makes, and fails if that is not the next one.
    pub revision: u64,
    /// Its public part.
    pub key_id: KeyId,
    /// SHA-256 of the whole key.
    pub digest: Digest,
    /// Whose it is.
    pub holder: Holder,
    /// What it may do: of a person's roles these, and all of them where none is named.
    pub roles: Vec<Role>,
    /// What it is for.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    pub revocation_reason: Option<String>,
    /// The key that took its place.
    pub replaced_by: Option<KeyId>,
    /// Whether it opens a gateway that has no administrator yet, and nothing else.
    pub bootstrap: bool,
}

impl ApiKey {
    /// Whether it still counts.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Whether a person may call at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    /// As its roles have it.
    Active,
    /// Not until it is enabled again.
    Disabled,
}

impl UserStatus {
    /// The status's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The status of this name, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Disabled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A person who works with the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Counts changes; a change names the revision that it makes, and fails if that is not the next one.
    pub revision: u64,
    /// Its name for machines; never an agent's.
    pub user_id: AgentId,
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// Whether it may call at all.
    pub status: UserStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// What a key of this person may do, of which these roles were asked for.
    #[must_use]
    pub fn roles_of(&self, key: &[Role]) -> Roles {
        let own = Roles::of(&self.roles);
        if key.is_empty() {
            own
        } else {
            own.and(Roles::of(key))
        }
    }
}
