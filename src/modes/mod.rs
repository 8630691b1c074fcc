//! Modes of operation: how the state changes, and when it falls back by itself.
//!
//! Every function takes the state that holds and gives the next one; storing it belongs to the change
//! record, and installing it to the gate.

mod health; // what services looked like last
mod store; // what modes need from a store
mod transition; // switch, grant, extend, revoke, scope

pub use health::HealthBook;
pub use store::{ModeStore, ModesUnread};
pub use transition::{
    ModeRefusal, SwitchOrder, Terms, clear_scope, extend, fall_back, grant, revoke, set_scope,
    switch,
};
