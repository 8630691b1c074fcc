//! The vocabulary: who asks, what for, on what, with what we know, and when. Pure values, no I/O.

mod action; // what kind of act
mod agent; // who is registered
mod canonical; // one way to write JSON for hashing
mod context; // what we found out, apart from what the caller says
mod credential; // keys and the people behind them
mod digest; // one way to hash
mod file_mode; // who may read a secret's file
mod id; // names for agents, actions, policies
mod incident; // what somebody should look at
mod local_role; // what models may do in local mode
mod mode; // which mode of operation is in force
mod network; // where peers are
mod pattern; // globs over names
mod principal; // who asks
mod request; // all of it, as one question to the engine
mod resource; // on what
mod secret; // values that never print
mod session; // a client's session
mod severity; // how bad
mod time; // instants and the clock port
mod tool; // what the catalogue knows of a tool
mod totp; // a person's second factor

pub use action::ActionType;
pub use agent::Agent;
pub use canonical::{canonical_json, write_canonical, write_canonical_object};
pub use context::{
    ApprovalEvidence, Context, Health, Integrity, OverrideEvidence, QuotaVerdict, Stated, ValueList,
};
pub use credential::{ApiKey, Holder, KeyId, User, UserStatus};
pub use digest::Digest;
pub use file_mode::shows_secret;
pub use id::{
    ActionId, AgentId, AuditId, CorrelationId, IdError, IdSequence, IncidentId, PolicyId,
    RESERVED_AGENTS,
};
pub use incident::{
    CountedDenials, Incident, IncidentEvent, IncidentStatus, IncidentSuspension, IncidentType,
    SuspensionState,
};
pub use local_role::LocalRole;
pub use mode::{IncidentScope, LockdownState, ModeError, ModeName, ModeState};
pub use network::{Network, NetworkError};
pub use pattern::{Pattern, PatternError, PatternList};
pub use principal::{Authentication, Principal, PrincipalStatus, Role, Roles, TrustLevel};
pub use request::{ActionRequest, Arguments, Purpose};
pub use resource::{NameError, Resource, check_run_name, check_target, check_tool_name};
pub use secret::Secret;
pub use session::Session;
pub use severity::Severity;
pub use time::{Clock, Timestamp};
pub use tool::{Annotations, Owner, ToolClass, ToolFacts};
pub use totp::{Totp, TotpStatus};
