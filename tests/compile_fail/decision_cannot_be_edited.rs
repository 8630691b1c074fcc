//! A denial cannot be turned into an allow.

use policyguard::policy::{Decision, Effect};

fn raise(decision: &mut Decision) {
    decision.effect = Effect::Allow;
}

fn main() {}
