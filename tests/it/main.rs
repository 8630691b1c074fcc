<<<<<<< HEAD
//! All integration tests, as modules of one binary, so that they link once.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests: a failure is a panic, and what is skipped or measured is printed"
)]

mod audit;
mod audit_query;
mod audit_tamper;
mod storage;
mod trail;
=======
//! One binary for all integration tests: each module looks at the house from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "tests"
)]

mod decisions; // tests/cases/decisions: request → effect, code, rule, reason
mod naive; // the order of decisions, written plainly
mod patterns; // hostile patterns, names and hours
mod properties; // what must hold for random policies and requests
mod support; // values to test with
>>>>>>> engine
