//! The JSON that the world sees, apart from the types we think in.

mod authzen; // what AuthZEN asks and is answered
mod execute; // what /tools/execute takes and gives
mod fields; // typed members of an object, with every problem at once
mod message; // JSON-RPC
mod problem; // RFC 9457
mod strict; // JSON as we take it: no duplicate key, bounded

pub use authzen::{AuthzenFault, Evaluation, Evaluations, Semantic, Verdict};
pub use execute::{ExecuteFault, ExecuteRequest, ExecutionMode};
pub use fields::{FieldProblem, Fields};
pub use message::{Message, NoMessage};
pub use problem::{Problem, ProblemCode};
pub use strict::{MAX_DEPTH, MAX_NODES, StrictError, read_object, read_value};
