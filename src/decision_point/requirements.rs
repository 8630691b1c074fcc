//! Roles that a call needs, whatever the policy says of it.

use crate::domain::Roles;

use super::Ask;

/// Port: tells which roles a call needs besides those that its tool names, one of which is enough.
pub trait Requirements: Send + Sync {
    /// The roles; [`Roles::NONE`] where what the tool needs anyway is enough. Must be quick: it is asked before every
    /// decision.
    fn needs(&self, ask: &Ask) -> Roles;
}
