//! Roles that a call needs because of what it asks for, not because of the tool's name.

use crate::domain::Roles;

use super::Ask;

/// Port: tells which roles a call of a gateway tool needs for its arguments, one of which is enough.
pub trait Requirements: Send + Sync {
    /// The roles; [`Roles::NONE`] where what the tool needs anyway is enough. Must be quick: it is asked before every
    /// decision about a gateway tool.
    fn needs(&self, ask: &Ask) -> Roles;
}
