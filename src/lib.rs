//! policyguard: a policy gateway between AI agents and the tools they call.

pub mod domain;
pub mod policy;
pub mod policy_admin;
