//! Every case against an engine.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::{
    ActionId, ActionRequest, Authentication, Context, ModeName, Principal, PrincipalStatus,
    Purpose, Resource, Stated,
};
use crate::policy::code::Code;
use crate::policy::decision::{Decision, Effect};

use super::{Case, CaseRequest, Expectation, Suite};

/// How a suite ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuiteReport {
    /// The suite.
    pub suite: String,
    /// How each case ended, in the order of the file.
    pub cases: Vec<CaseResult>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// What it shows.
    pub name: String,
    /// Where it is written.
    pub at: String,
    /// Whether the answer was the expected one.
    pub passed: bool,
    /// What the answer should have been, where it was another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<String>,
    /// The effect it got.
    pub effect: Effect,
    /// The code it got.
    pub code: Code,
    /// The reason it got.
    pub reason: String,
}

impl Suite {
    /// Asks `decide` for every case; `default_mode` is the mode of cases that name none.
    pub fn run(
        &self,
        default_mode: &ModeName,
        decide: impl Fn(ActionRequest) -> Decision,
    ) -> SuiteReport {
        let run = |case: &Case| case.result(&decide(case.request.to_request(default_mode)));
        SuiteReport {
            suite: self.name.clone(),
            cases: self.cases.iter().map(run).collect(),
        }
    }
}

impl CaseRequest {
    /// The request as the engine gets it: a question, so that names outside the catalogue can be asked about.
    #[must_use]
    pub fn to_request(&self, default_mode: &ModeName) -> ActionRequest {
        let mode = self.mode.clone().unwrap_or_else(|| default_mode.clone());
        let agent = &self.agent;
        let status = if agent.suspended {
            PrincipalStatus::Suspended
        } else {
            PrincipalStatus::Active
        };
        ActionRequest {
            action_id: ActionId::from_bits(0),
            principal: Principal {
                agent_id: agent.id.clone(),
                stamp: 0,
                trust: agent.trust,
                status,
                allowed_tools: Arc::new(agent.allowed_tools.clone()),
                denied_tools: Arc::new(agent.denied_tools.clone()),
                roles: agent.roles,
                acted_by: None,
                authentication: Authentication::Local,
                credential: None,
            },
            action: self.action.clone(),
            resource: Resource {
                name: Arc::from(self.tool.as_str()),
            },
            arguments: self.arguments.clone(),
            context: Context {
                lockdown: self.lockdown,
                ..Context::at(self.now, mode)
            },
            stated: Arc::new(Stated::default()),
            purpose: Purpose::Question,
            correlation_id: None,
        }
    }
}

impl Case {
    fn result(&self, decision: &Decision) -> CaseResult {
        let mismatches = self.expect.mismatches(decision);
        CaseResult {
            name: self.name.clone(),
            at: self.at.to_string(),
            passed: mismatches.is_empty(),
            mismatches,
            effect: decision.effect(),
            code: decision.code(),
            reason: decision.reason().to_owned(),
        }
    }
}

impl Expectation {
    /// What of the decision is not as expected, in words.
    fn mismatches(&self, decision: &Decision) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |what: &str, expected: Option<&str>, got: Option<String>, fits: bool| {
            if let Some(expected) = expected.filter(|_| !fits) {
                let got = got.map_or_else(|| "none".to_owned(), |got| format!("`{got}`"));
                found.push(format!("{what}: expected `{expected}`, got {got}"));
            }
        };
        let (effect, code) = (decision.effect(), decision.code());
        check(
            "effect",
            Some(self.effect.as_str()),
            Some(effect.as_str().to_owned()),
            effect == self.effect,
        );
        check(
            "code",
            self.code.map(Code::as_str),
            Some(code.as_str().to_owned()),
            self.code == Some(code),
        );
        let determinant = decision.determined_by();
        let policy = determinant.map(|it| it.policy.to_string());
        let policy_fits = self.policy.is_some() && self.policy == policy;
        check("policy", self.policy.as_deref(), policy, policy_fits);
        let names =
            determinant.map(|it| (it.name.as_deref().map(str::to_owned), it.rule.to_string()));
        let rule_fits = names.as_ref().is_some_and(|(name, place)| {
            self.rule.as_ref() == Some(place) || (name.is_some() && self.rule == *name)
        });
        let rule = names.map(|(name, place)| name.unwrap_or(place));
        check("rule", self.rule.as_deref(), rule, rule_fits);
        let texts = std::iter::once(decision.reason())
            .chain(decision.problems().iter().map(String::as_str));
        let reason_fits = self
            .reason
            .as_ref()
            .is_some_and(|part| texts.clone().any(|text| text.contains(part)));
        check(
            "reason",
            self.reason.as_deref(),
            Some(texts.collect::<Vec<_>>().join("; ")),
            reason_fits,
        );
        found
    }
}

impl SuiteReport {
    /// How many cases did not get their answer.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed).count()
    }
}

/// One line a case, with what was expected and what came under those that failed; then the count.
impl fmt::Display for SuiteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.suite)?;
        for case in &self.cases {
            if case.passed {
                writeln!(f, "  ok    {}", case.name)?;
                continue;
            }
            writeln!(f, "  FAIL  {} ({})", case.name, case.at)?;
            for mismatch in &case.mismatches {
                writeln!(f, "        {mismatch}")?;
            }
        }
        let failed = self.failed();
        write!(f, "  {} passed, {failed} failed", self.cases.len() - failed)
    }
}
