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
