//! Nothing counts as recorded but what the recorder wrote.

use policyguard::audit::Recorded;
use policyguard::policy::Decision;

fn pretend(decision: Decision) -> Recorded<Decision> {
    Recorded { value: decision, seq: None }
}

fn main() {}
