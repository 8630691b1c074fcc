//! The words of rules, arguments, quotas and approvals: stages 10 to 14.
#![expect(
    clippy::unnecessary_box_returns,
    reason = "a denial travels as the error of every stage, where it has to be small"
)]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::QuotaVerdict;

use super::code::Code;
use super::decision::{Effect, Remedy, RemedyKind, Text};
use super::evaluation::{Answer, Ask, Denial, Evaluation};
use super::plan::CompiledRule;
use super::rule::Condition;
use super::trace::Trace;
use super::verdict::{by_mode, by_override, denial};

/// So many problems of the arguments are told one by one.
pub(super) const MAX_PROBLEMS: usize = 100;

/// A denial without words, where only the effect is asked for.
pub(super) fn unsaid(code: Code) -> Box<Denial> {
    denial(code, "", RemedyKind::None, "")
}

pub(super) fn rule_deny<T: Trace>(
    evaluation: &Evaluation<'_, T>,
    rule: &CompiledRule,
    undecidable: bool,
) -> Box<Denial> {
    let (policy, source) = evaluation.engine.source(rule);
    let (tool, trust) = (
        evaluation.name_of_tool(),
        evaluation.request.principal.trust,
    );
    let needs = source.condition.trust.needs;
    let reason: Text = match (
        &source.message,
        needs.filter(|_| trust_alone(&source.condition)),
    ) {
        (Some(message), _) => Text::Shared(Arc::clone(message)),
        (None, Some(need)) => {
            format!("Tool '{tool}' requires trust level '{need}', agent has '{trust}'").into()
        }
        (None, None) => format!("Access denied by policy '{}'", policy.id).into(),
    };
    let names = || {
        let names: BTreeSet<&str> = source
            .condition
            .arguments
            .iter()
            .map(|test| test.name.as_str())
            .collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    let (kind, text) = if undecidable {
        let text = format!(
            "send every argument that the rule looks at, of its type: {}",
            names()
        );
        (RemedyKind::Arguments, text)
    } else if let Some(need) = needs {
        (
            RemedyKind::Trust,
            format!("needs trust {need}, agent has {trust}"),
        )
    } else if !source.condition.arguments.is_empty() {
        (
            RemedyKind::Arguments,
            format!("other values of {}", names()),
        )
    } else if source.condition.modes.is_some() {
        (
            RemedyKind::Mode,
            format!("another mode than {}", evaluation.request.context.mode),
        )
    } else if source.overridable {
        (RemedyKind::Override, by_override(Code::RuleDeny))
    } else {
        (
            RemedyKind::Policy,
            format!("only a change of policy '{}'", policy.id),
        )
    };
    let mut denial = denial(Code::RuleDeny, reason, kind, text);
    denial.determined_by = Some(Arc::clone(&rule.determinant));
    denial
}

/// Whether trust is all that the condition looks at, beside the tool's name.
fn trust_alone(condition: &Condition) -> bool {
    condition.action_types.is_none()
        && condition.agents.is_none()
        && condition.modes.is_none()
        && condition.arguments.is_empty()
}

pub(super) fn require_violated<T: Trace>(
    evaluation: &Evaluation<'_, T>,
    rule: &CompiledRule,
    may_be_lifted: bool,
) -> Box<Denial> {
    let problems = evaluation.problems(|this, report| this.check_require(rule, report));
    let mut denial = constraint_violated(problems);
    if may_be_lifted {
        denial
            .remedy
            .text
            .push_str("; or an operator's override for constraint_violated lifts it");
    }
    denial.determined_by = Some(Arc::clone(&rule.determinant));
    denial
}

pub(super) fn constraint_violated(problems: Vec<String>) -> Box<Denial> {
    with_problems(Code::ConstraintViolated, problems)
}

pub(super) fn invalid_parameters(problems: Vec<String>) -> Box<Denial> {
    with_problems(Code::InvalidParameters, problems)
}

fn with_problems(code: Code, problems: Vec<String>) -> Box<Denial> {
    let remedy = if problems.len() == 1 {
        "mend the argument"
    } else {
        "mend the arguments"
    };
    let mut denial = denial(code, problems.join("; "), RemedyKind::Arguments, remedy);
    denial.problems = problems;
    denial
}

pub(super) fn rate_limited(quota: &QuotaVerdict) -> Box<Denial> {
    let (name, seconds) = (&quota.name, quota.retry_after_seconds);
    let reason = format!("Quota exceeded: {name}");
    let mut denial = denial(
        Code::RateLimited,
        reason,
        RemedyKind::Wait,
        format!("try again in {seconds} s"),
    );
    denial.retry_after_seconds = Some(seconds);
    denial
}

pub(super) fn approval_denied(ask: &Ask<'_>) -> Box<Denial> {
    let remedy = "a person said no; ask for something else";
    let mut denial = denial(
        Code::ApprovalDenied,
        "Operation not approved",
        RemedyKind::None,
        remedy,
    );
    denial.determined_by = Some(Arc::clone(ask.determinant));
    denial
}

pub(super) fn approval_required(ask: Ask<'_>) -> Answer {
    let who = match ask.terms.approvers.as_slice() {
        [only] => Cow::Borrowed(only),
        all => Cow::Owned(all.join(" or ")),
    };
    let text = match ask.terms.quorum {
        0 | 1 => format!("an approval by {who}"),
        quorum => format!("approvals by {quorum} of {who}"),
    };
    Answer {
        effect: Effect::RequireApproval,
        code: Code::ApprovalRequired,
        reason: None,
        determined_by: Some(Arc::clone(ask.determinant)),
        remedy: Some(Remedy {
            kind: RemedyKind::Approval,
            text,
        }),
    }
}

pub(super) fn default_deny<T: Trace>(evaluation: &Evaluation<'_, T>) -> Box<Denial> {
    by_mode(
        evaluation,
        Code::DefaultDeny,
        "No policy allows this action".into(),
    )
}
