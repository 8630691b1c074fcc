//! One binary for all integration tests: each module looks at the house from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod decisions; // tests/cases/decisions: request → effect, code, rule, reason
mod explanations; // what is told about a decision
mod naive; // the order of decisions, written plainly
mod patterns; // hostile patterns, names and hours
mod properties; // what must hold for random policies and requests
mod size; // large policies
mod support; // values to test with
