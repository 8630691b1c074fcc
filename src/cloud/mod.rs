//! The simulated cloud: a state, the operations on it, and what each would do before it is done. Pure values, no I/O.
//!
//! The tools backend wraps it: it reads the stored [`State`], calls [`apply()`], and hands the next
//! state to the store together with the record of the call.

mod apply; // what an operation does
mod definitions; // how the tools are offered
mod operation; // what can be asked
mod plan; // what it would do
mod report; // what came of it
mod scenario; // incidents to play
mod state; // what there is

pub use apply::apply;
pub use definitions::{CloudTool, definitions};
pub use operation::{Operation, OperationError};
pub use plan::{Impact, Plan, Risk, Undo, plan};
pub use report::{Actor, Report};
pub use scenario::{ScenarioError, simulate_incident};
pub use state::{ActionEntry, Application, Backup, HealthChange, Service, State};

#[cfg(test)]
mod tests;
