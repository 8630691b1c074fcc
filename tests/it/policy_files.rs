//! Policy files: what is read, what is refused, and how that is told.

use policyguard::policy::{self, Finding, Loaded, Source};
use policyguard::policy_admin;

fn load(text: &str) -> Result<Loaded, Vec<Finding>> {
    policy::load(&[Source::new("policy.yaml", text)])
}

#[test]
fn the_built_in_policy_and_the_shipped_one_are_the_same_and_load_without_a_finding() {
    let built_in = policy::load(&policy_admin::embedded()).expect("loads");
    let shipped = policy_admin::read("policies/default.yaml".as_ref()).expect("readable");
    let shipped = policy::load(&shipped).expect("loads");
    assert_eq!(built_in.findings, []);
    assert_eq!(built_in.bundle.digest, shipped.bundle.digest);
}

#[test]
fn a_word_below_a_rule_is_told_with_its_nearest_key() {
    let findings = load("policies:\n  - id: a\n    rules:\n      - condition: { tol_pattern: x }\n        action: denny\n").expect_err("refused");
    let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
    println!("{}", texts.join("\n"));
    assert_eq!(findings.len(), 2);
}
