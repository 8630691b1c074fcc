//! Policy files: what is read, what is refused, and how that is told.

use std::path::Path;
use std::sync::Arc;

use policyguard::cloud;
use policyguard::domain::{ActionRequest, Timestamp, ToolFacts};
use policyguard::policy::{self, Engine, Finding, Loaded, Source, Suite, SuiteReport};
use policyguard::policy_admin;

fn load(text: &str) -> Result<Loaded, Vec<Finding>> {
    policy::load(&[Source::new("policy.yaml", text)])
}

fn tools() -> Vec<ToolFacts> {
    let tools = cloud::definitions().into_iter();
    tools.map(|tool| tool.facts).collect()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-06-01T12:00:00Z").unwrap()
}

fn run_suite(policy: &str, suite: &str) -> SuiteReport {
    let sources = policy_admin::read(Path::new(policy)).unwrap();
    let loaded = policy::check(&sources, &tools(), now()).unwrap();
    assert_eq!(loaded.findings, [], "{policy}");
    let engine = Engine::compile(Arc::new(loaded.bundle), &tools(), 1);
    let text = std::fs::read(suite).unwrap();
    let suite = Suite::read(&Source::new(suite, text)).unwrap();
    suite.run(&engine.bundle().default_mode, |request| {
        let arguments = engine.complete(&request.resource.name, request.arguments.clone());
        engine.decide(&Arc::new(ActionRequest {
            arguments,
            ..request
        }))
    })
}

#[test]
fn the_default_policy_answers_as_its_suite_says() {
    let report = run_suite("policies/default.yaml", "policies/default.test.yaml");
    assert_eq!(report.failed(), 0, "{report}");
}

#[test]
fn ops_policy_answers_as_its_suite_says() {
    let report = run_suite("policies/ops_policy.json", "policies/ops_policy.test.yaml");
    assert_eq!(report.failed(), 0, "{report}");
}

#[test]
fn the_built_in_policy_is_the_shipped_one() {
    let built_in = policy::load(&policy_admin::embedded()).unwrap();
    let shipped = policy_admin::read(Path::new("policies/default.yaml")).unwrap();
    let shipped = policy::load(&shipped).unwrap();
    assert_eq!(built_in.bundle.digest, shipped.bundle.digest);
}
