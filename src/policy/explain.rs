//! The trace of a decision: why this answer, why not another, in words and as JSON.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::{ActionId, ActionRequest, ModeName, PolicyId, Role, Roles, TrustLevel};

use super::code::Code;
use super::decision::{Effect, Remedy, Text};
use super::engine::{Engine, ShadowPolicy};
use super::evaluation::Evaluation;
use super::trace::{Silent, Stage, Trace};

/// A decision with everything that led to it.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The attempt.
    pub action_id: ActionId,
    /// Allow, deny, or require approval.
    pub effect: Effect,
    /// Why, as a code.
    pub code: Code,
    /// Why, in words.
    pub reason: String,
    /// The rule that decided.
    pub determined_by: Option<RuleName>,
    /// The mode under which it was decided.
    pub mode: ModeName,
    /// The version of the policy.
    pub policy_version: u64,
    /// What the caller should know besides.
    pub warnings: Vec<Text>,
    /// Every problem of the arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What would change the answer.
    pub remedy: Option<Remedy>,
    /// The stages in order.
    pub stages: Vec<StageTrace>,
    /// The facts that were there to be read.
    pub facts: Vec<Fact>,
    /// Every rule that applies, in the order of decision.
    pub rules: Vec<RuleTrace>,
    /// Rules that one condition keeps from applying.
    pub near_misses: Vec<RuleTrace>,
    /// What each shadow policy would have made of it.
    pub shadow: Vec<ShadowTrace>,
}

/// A rule by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleName {
    /// The policy.
    pub policy: PolicyId,
    /// Its place in the policy, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Where it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Arc<str>>,
}

/// What a stage did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageTrace {
    /// Its number in the order.
    pub stage: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// What it did.
    pub outcome: StageOutcome,
    /// The denials of this stage that overrides lifted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lifted: Vec<Code>,
}

/// What a stage did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageOutcome {
    /// It let the request pass.
    Passed,
    /// It decided.
    Decided,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Which.
    pub name: &'static str,
    /// What it is.
    pub value: String,
}

/// What a rule says of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    /// Which rule.
    #[serde(flatten)]
    pub rule: RuleName,
    /// Its policy's priority.
    pub priority: i64,
    /// What it says when it applies.
    pub effect: Effect,
    /// Whether it applies.
    pub applies: Applies,
    /// Why, or why not.
    pub why: String,
    /// Whether it decided.
    pub decided: bool,
}

/// Whether a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Applies {
    /// Every condition holds.
    Yes,
    /// One does not.
    No,
    /// It can't be told: the more restrictive answer counts.
    Undecidable,
}

/// What the answer would have been with one shadow policy enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowTrace {
    /// The policy.
    pub policy: PolicyId,
    /// The effect with it.
    pub effect: Effect,
    /// The code with it.
    pub code: Code,
    /// The reason with it.
    pub reason: String,
    /// Whether the effect is another than without it.
    pub flips: bool,
}

impl Engine {
    /// Decides one request and tells how.
    #[must_use]
    pub fn explain(&self, request: &Arc<ActionRequest>) -> Explanation {
        let mut evaluation = Evaluation::new(self, request, Recorder::default());
        let outcome = evaluation.run();
        let decision = self.decision(request, outcome, &evaluation);
        let (rules, near_misses) = evaluation.rule_traces(&decision);
        Explanation {
            action_id: request.action_id,
            effect: decision.effect(),
            code: decision.code(),
            reason: decision.reason().to_owned(),
            determined_by: decision.determined_by.as_deref().map(RuleName::of),
            mode: request.context.mode.clone(),
            policy_version: decision.policy_version(),
            warnings: decision.warnings.clone(),
            problems: decision.problems.clone(),
            remedy: decision.remedy.clone(),
            facts: evaluation.facts(),
            stages: evaluation.trace.stages,
            rules,
            near_misses,
            shadow: self.shadow(request, decision.effect()),
        }
    }

    /// What is wrong with the arguments by schema and constraints, whatever the answer rests on.
    #[must_use]
    pub fn argument_problems(&self, request: &Arc<ActionRequest>) -> Vec<String> {
        let evaluation = Evaluation::new(self, request, Silent);
        let mut problems = evaluation.problems(|this, report| this.check_schema(report));
        problems.extend(evaluation.problems(|this, report| this.check_constraints(report)));
        problems
    }

    /// What each shadow policy that touches the request would have made of it; `enforced` is the effect that counts.
    #[must_use]
    pub fn shadow(&self, request: &ActionRequest, enforced: Effect) -> Vec<ShadowTrace> {
        let alone = |shadow: &ShadowPolicy| {
            let policy = self.bundle.policies.get(shadow.policy_place)?;
            let mut evaluation = Evaluation::new(self, request, Silent);
            let heads = evaluation.shadow_heads(&shadow.heads);
            if heads.is_empty() {
                return None;
            }
            evaluation.shadow = &heads;
            let (effect, code, reason) = match evaluation.run() {
                Ok(answer) => (answer.effect, answer.code, answer.words()),
                Err(denial) => (Effect::Deny, denial.code, denial.reason.to_string()),
            };
            let policy = policy.id.clone();
            Some(ShadowTrace {
                policy,
                effect,
                code,
                reason,
                flips: effect != enforced,
            })
        };
        self.shadows.iter().filter_map(alone).collect()
    }
}

impl Explanation {
    /// Whether a caller may see all of it: one with a role that looks after policies, or an agent of medium trust.
    #[must_use]
    pub fn is_open_to(roles: Roles, trust: TrustLevel) -> bool {
        roles.meets(Roles::of(&[Role::Operator, Role::Auditor, Role::Admin]))
            || !roles.has(Role::Agent)
            || trust >= TrustLevel::Medium
    }

    /// What an agent of low trust may see: code, reason, remedy and the policy's id, but no rule and no neighbours.
    #[must_use]
    pub fn for_low_trust(mut self) -> Self {
        self.determined_by = self.determined_by.map(RuleName::closed);
        self.stages.clear();
        self.facts.clear();
        self.rules.clear();
        self.near_misses.clear();
        self.shadow.clear();
        self
    }
}

impl RuleName {
    pub(super) fn of(determinant: &super::decision::Determinant) -> Self {
        Self {
            policy: determinant.policy.clone(),
            rule: Some(determinant.rule),
            name: determinant.name.clone(),
            at: Some(Arc::clone(&determinant.at)),
        }
    }

    /// The policy alone.
    pub(super) fn closed(self) -> Self {
        Self {
            policy: self.policy,
            rule: None,
            name: None,
            at: None,
        }
    }
}

/// Writes down what the stages do.
#[derive(Default)]
struct Recorder {
    stages: Vec<StageTrace>,
    lifted: Vec<Code>,
}

impl Recorder {
    fn record(&mut self, stage: Stage, outcome: StageOutcome) {
        let lifted = std::mem::take(&mut self.lifted);
        self.stages.push(StageTrace {
            stage: stage.0,
            about: stage.1,
            outcome,
            lifted,
        });
    }
}

impl Trace for Recorder {
    fn passed(&mut self, stage: Stage) {
        self.record(stage, StageOutcome::Passed);
    }

    fn decided(&mut self, stage: Stage) {
        self.record(stage, StageOutcome::Decided);
    }

    fn lifted(&mut self, code: Code) {
        self.lifted.push(code);
    }
}
