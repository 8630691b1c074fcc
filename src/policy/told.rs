//! A decision as its caller may read it (`spec/decision.md`, "The decision").

use serde::Serialize;

use crate::domain::{ActionId, ModeName};

use super::code::Code;
use super::decision::{Decision, Effect, Remedy, Text};
use super::explain::{Explanation, RuleName};

/// What a caller is told of a decision.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    action_id: ActionId,
    effect: Effect,
    code: Code,
    reason: &'a str,
    determined_by: Option<RuleName>,
    mode: &'a ModeName,
    policy_version: u64,
    warnings: &'a [Text],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    problems: &'a [String],
    remedy: Option<&'a Remedy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Decision {
    /// The decision in the words of its caller: one that nobody vouched for learns the policy that stopped it, not
    /// the rule to work around.
    #[must_use]
    pub fn told(&self) -> Told<'_> {
        let principal = &self.request().principal;
        let open = Explanation::is_open_to(principal.roles, principal.trust);
        let rule = self.determined_by.as_deref().map(RuleName::of);
        Told {
            action_id: self.request().action_id,
            effect: self.effect(),
            code: self.code(),
            reason: self.reason(),
            determined_by: rule.map(|rule| if open { rule } else { rule.closed() }),
            mode: self.mode(),
            policy_version: self.policy_version(),
            warnings: &self.warnings,
            problems: &self.problems,
            remedy: self.remedy(),
            retry_after: self.retry_after_seconds(),
        }
    }
}
