//! policyguard: a policy gateway between AI agents and the tools they call.

// Floor 0: the vocabulary.
pub mod domain;

// Floor 1: the rules. Pure: no clock, no randomness, no I/O.
pub mod cloud;
pub mod policy;
