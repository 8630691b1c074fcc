//! A permit cannot be copied for later.

use policyguard::tools::Permit;

fn keep(permit: &Permit) -> Permit {
    permit.clone()
}

fn main() {}
