//! What kind of act is asked for.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The verb: a tool call unless the caller says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum ActionType {
    /// Calls a tool.
    #[default]
    ToolCall,
    /// Touches a resource.
    ResourceAccess,
    /// Reads data.
    DataRead,
    /// Writes data.
    DataWrite,
    /// Another name that policies use: `[a-z][a-z0-9_]{0,63}`.
    Other(Arc<str>),
}

impl ActionType {
    /// The type of this name; `None` when it is not `[a-z][a-z0-9_]{0,63}`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() <= 64
            && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        match text {
            "tool_call" => Some(Self::ToolCall),
            "resource_access" => Some(Self::ResourceAccess),
            "data_read" => Some(Self::DataRead),
            "data_write" => Some(Self::DataWrite),
            _ if shape => Some(Self::Other(Arc::from(text))),
            _ => None,
        }
    }

    /// The type's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::ToolCall => "tool_call",
            Self::ResourceAccess => "resource_access",
            Self::DataRead => "data_read",
            Self::DataWrite => "data_write",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ActionType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
