//! One decision, one call: a permit is spent by the first.

use policyguard::tools::{Permit, ToolBackend};

fn twice(backend: &dyn ToolBackend, permit: Permit) {
    drop(backend.call(permit));
    drop(backend.call(permit));
}

fn main() {}
