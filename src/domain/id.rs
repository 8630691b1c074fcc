//! Names: agents and policies are named by people, actions and records by us.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Agent ids that no registration may take (`spec/decision.md`, "Names and patterns").
pub const RESERVED_AGENTS: [&str; 6] = [
    "local",
    "local-operator",
    "gateway",
    "sentinel",
    "system",
    "anonymous",
];

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not of the form an agent id has.
    #[error(
        "`{0}` is not an agent id: 1 to 128 of A-Z a-z 0-9 . _ : @ -, starting with a letter or digit"
    )]
    Agent(String),
    /// Not of the form a policy id has.
    #[error(
        "`{0}` is not a policy id: 1 to 128 of A-Z a-z 0-9 . _ : -, starting with a letter or digit"
    )]
    Policy(String),
    /// Not of the form a generated id has.
    #[error("`{text}` is not an id of this kind: expected `{prefix}` and 12 lowercase hex digits")]
    Generated {
        /// What was given.
        text: String,
        /// What such an id starts with.
        prefix: &'static str,
    },
    /// Not of the form a correlation id has.
    #[error("`{0}` is not a correlation id: 1 to 128 visible ASCII characters")]
    Correlation(String),
}

fn named(text: &str, more: &[u8]) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else {
        return false;
    };
    bytes.len() <= 128
        && first.is_ascii_alphanumeric()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || more.contains(byte))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr, $error:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// When the text does not have the form of such an id.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(Arc::from(text))) } else { Err($error(text.to_owned())) }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// The name of an agent: `[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}`.
    AgentId, |text| named(text, b"._:@-"), IdError::Agent
);
text_id!(
    /// The name of a policy: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
    PolicyId, |text| named(text, b"._:-"), IdError::Policy
);
text_id!(
    /// A caller's own name for a piece of work, carried through to the records.
    CorrelationId,
    |text| !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic()),
    IdError::Correlation
);

impl AgentId {
    /// Whether the id is one of ours ([`RESERVED_AGENTS`]).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        RESERVED_AGENTS.contains(&self.as_str())
    }
}

macro_rules! generated_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The id made of the lowest 48 bits of `bits`, which [`IdSequence::id`] gives.
            #[must_use]
            pub const fn from_bits(bits: u64) -> Self {
                Self(bits & 0xffff_ffff_ffff)
            }

            /// The 48 bits of the id.
            #[must_use]
            pub const fn bits(&self) -> u64 {
                self.0
            }

            /// Parses the text.
            ///
            /// # Errors
            /// When the text is not the prefix and 12 lowercase hex digits.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let fault = || IdError::Generated { text: text.to_owned(), prefix: $prefix };
                let hex = text.strip_prefix($prefix).ok_or_else(fault)?;
                let shape = hex.len() == 12
                    && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                if !shape {
                    return Err(fault());
                }
                u64::from_str_radix(hex, 16).map(Self).map_err(|_| fault())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:012x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

generated_id!(
    /// The name of one attempt to act: `act_` and 12 hex digits.
    ActionId, "act_"
);
generated_id!(
    /// The name of one record of the trail: `aud_` and 12 hex digits.
    AuditId, "aud_"
);

generated_id!(
    /// The name of an incident: `inc_` and 12 hex digits.
    IncidentId, "inc_"
);

/// A keyed permutation of a counter: ids that never repeat within a store and do not tell how many there are.
///
/// A balanced Feistel network over 48 bits with SHA-256 as its round function; a permutation whatever
/// the rounds are, so two counters never give one id.
#[derive(Clone)]
pub struct IdSequence {
    round_keys: [[u8; 32]; 4],
}

impl fmt::Debug for IdSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdSequence(..)")
    }
}

impl IdSequence {
    /// The permutation that belongs to the store key.
    #[must_use]
    pub fn new(store_key: &[u8]) -> Self {
        let round_key = |round: u8| -> [u8; 32] {
            let mut hasher = Sha256::new();
            hasher.update(b"policyguard id permutation");
            hasher.update([round]);
            hasher.update(store_key);
            hasher.finalize().into()
        };
        Self {
            round_keys: [round_key(0), round_key(1), round_key(2), round_key(3)],
        }
    }

    /// The 48 bits that stand for this value of the counter.
    #[must_use]
    pub fn id(&self, counter: u64) -> u64 {
        let mut left = (counter >> 24) & HALF;
        let mut right = counter & HALF;
        for key in &self.round_keys {
            (left, right) = (right, left ^ round(key, right));
        }
        (left << 24) | right
    }

    /// The counter for which these 48 bits stand: indexes by counter stay dense, indexes by id would not.
    #[must_use]
    pub fn counter(&self, id: u64) -> u64 {
        let mut left = (id >> 24) & HALF;
        let mut right = id & HALF;
        for key in self.round_keys.iter().rev() {
            (left, right) = (right ^ round(key, left), left);
        }
        (left << 24) | right
    }
}

/// Half of the 48 bits.
const HALF: u64 = 0xff_ffff;

fn round(key: &[u8; 32], half: u64) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(key);
    hasher.update(half.to_be_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let [a, b, c, ..] = digest;
    (u64::from(a) << 16) | (u64::from(b) << 8) | u64::from(c)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn agent_ids_have_their_form() {
        for good in [
            "a",
            "agent-1",
            "team:bot@host.example",
            "0x",
            &"a".repeat(128),
        ] {
            assert!(AgentId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "a/b", "ä", "a\n", &"a".repeat(129)] {
            assert!(AgentId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn generated_ids_never_repeat_and_parse_back() {
        let sequence = IdSequence::new(b"key");
        let mut seen = HashSet::new();
        for counter in (0..20_000).chain(0xffff_ffff_0000..0xffff_ffff_0100) {
            let id = ActionId::from_bits(sequence.id(counter));
            assert!(seen.insert(id), "{counter} repeats {id}");
            assert_eq!(ActionId::parse(&id.to_string()), Ok(id));
            assert_eq!(sequence.counter(id.bits()), counter);
        }
        assert_ne!(IdSequence::new(b"other").id(1), sequence.id(1));
    }

    #[test]
    fn generated_ids_are_exact() {
        for bad in [
            "act_",
            "act_A1b2c3d4e5f6",
            "aud_a1b2c3d4e5f6",
            "act_a1b2c3d4e5f",
            "act_+1b2c3d4e5f6",
        ] {
            assert!(ActionId::parse(bad).is_err(), "{bad}");
        }
    }
}
