//! Modes of operation: NORMAL, EMERGENCY and whatever else a policy names.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Timestamp;

/// A text that no mode can have as its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a mode name: a capital letter, then up to 31 of A-Z 0-9 _")]
pub struct ModeError(String);

/// The exact, case-sensitive name of a mode: `[A-Z][A-Z0-9_]{0,31}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModeName(Arc<str>);

impl ModeName {
    /// Parses the name.
    ///
    /// # Errors
    /// When it does not have the form of a mode name.
    pub fn parse(text: &str) -> Result<Self, ModeError> {
        let shape = text.len() <= 32
            && text.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if shape {
            Ok(Self(Arc::from(text)))
        } else {
            Err(ModeError(text.to_owned()))
        }
    }

    /// The mode of ordinary days.
    #[must_use]
    pub fn normal() -> Self {
        Self(Arc::from("NORMAL"))
    }

    /// The mode for incidents.
    #[must_use]
    pub fn emergency() -> Self {
        Self(Arc::from("EMERGENCY"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ModeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The mode in force, as it is stored (`spec/identity.md`, "Modes").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeState {
    /// Counts changes; a change names the revision that it makes, and fails if that is not the next one.
    pub revision: u64,
    /// The mode, until it expires.
    pub mode: ModeName,
    /// What it returns to.
    pub base_mode: ModeName,
    /// Since when.
    pub since: Timestamp,
    /// Who switched.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it returns to `base_mode`; `None`: it stays.
    pub expires_at: Option<Timestamp>,
    /// Whether a temporary grant made it, which `set_mode` ends.
    pub temporary: bool,
    /// The services that the incident touches.
    pub incident_scope: Option<IncidentScope>,
}

/// The services to which an incident confines repairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentScope {
    /// Their names.
    pub affected_services: Vec<String>,
    /// What kind of incident.
    pub incident_type: String,
    /// Why.
    pub reason: String,
}

/// Lockdown, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockdownState {
    /// Counts changes, as in [`ModeState`].
    pub revision: u64,
    /// Whether everything but the safety set is denied.
    pub on: bool,
    /// Since when.
    pub since: Timestamp,
    /// Who switched.
    pub by: String,
    /// Why.
    pub reason: String,
}
