//! policyguard: a policy gateway between AI agents and the tools they call.

pub mod cloud;
pub mod domain;
pub mod policy;
