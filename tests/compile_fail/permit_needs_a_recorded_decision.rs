//! A decision that is not on record is no ground for a permit.

use policyguard::audit::Caller;
use policyguard::policy::Decision;
use policyguard::tools::Permit;

fn hurry(decision: Decision, caller: &Caller) -> bool {
    Permit::issue(decision, caller).is_ok()
}

fn main() {}
