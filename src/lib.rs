//! policyguard: a policy gateway between AI agents and the tools they call.
//!
//! The house, bottom to top. A room uses only rooms below it, as `tests/it/architecture.rs` lists them.

// floor 0: the vocabulary
pub mod domain; // who asks, what for, on what, when
pub mod wire; // the JSON that the world sees

// floor 1: the rules, pure
pub mod cloud; // the simulated infrastructure
pub mod guardrails; // what text may hold
pub mod policy; // files become an engine, the engine decides

// floor 2: the books
pub mod audit; // every decision and outcome, sealed in order
pub mod identity; // who is calling
pub mod incidents; // what somebody should look at
pub mod modes; // NORMAL, EMERGENCY and how they end
pub mod policy_admin; // what is loaded, and which version it is
pub mod registry; // which agents there are

// floor 3: the work
pub mod decision_point; // facts, engine, record, and the gate before dispatch
pub mod governance; // the gateway's own tools
pub mod pipeline; // the one road
pub mod tools; // what does work

// floor 4: the edges
pub mod app; // opens everything
pub mod cli; // commands
pub mod clock; // the wall clock
pub mod config; // file, environment, flags
pub mod outbound; // the one HTTP client
pub mod storage; // SQLite
pub mod telemetry; // logs and health
pub mod transport; // REST
