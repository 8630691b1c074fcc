//! A decision cannot be written down by hand: its fields belong to the rules.

use policyguard::policy::{Code, Decision, Effect};

fn main() {
    let _decision = Decision { effect: Effect::Allow, code: Code::RuleAllow };
}
