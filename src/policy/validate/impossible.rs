//! What nothing can fit (`PG010`): empty trust, unknown modes, dates gone by, bounds that contradict each other.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::ModeName;
use crate::policy::constraint::{Values, check_parameter};
use crate::policy::error::FindingCode;
use crate::policy::glob::covers;
use crate::policy::parameter::{Parameter, ParameterType};
use crate::policy::rule::{ArgumentTest, Policy, Rule, TestOperator};
use crate::policy::text::nearest;

use super::deciding;
use super::lint::{Lint, Subject, called};

/// Checks policies, rules and parameter constraints.
pub(super) fn check(lint: &mut Lint<'_>) {
    let bundle = lint.bundle;
    for policy in deciding(bundle) {
        check_dates(lint, policy);
        for rule in &policy.rules {
            check_rule(lint, policy, rule);
        }
    }
    for constraints in &bundle.constraints {
        let subject = Subject::other(&constraints.at, "");
        check_parameters(lint, &subject, &constraints.parameters);
    }
}

fn check_dates(lint: &mut Lint<'_>, policy: &Policy) {
    let Some(expires_at) = policy.expires_at else {
        return;
    };
    let subject = Subject::other(&policy.at, "expires_at");
    if expires_at <= lint.now {
        let message = format!("policy `{}` expired at {expires_at}", policy.id);
        lint.note(
            FindingCode::Unreachable,
            &subject,
            &message,
            "take it out, or say `enabled: false`",
        );
    } else if policy.effective_from.is_some_and(|from| from >= expires_at) {
        let message = format!("policy `{}` ends before it starts", policy.id);
        lint.note(
            FindingCode::Unreachable,
            &subject,
            &message,
            "make expires_at later than effective_from",
        );
    }
}

fn check_rule(lint: &mut Lint<'_>, policy: &Policy, rule: &Rule) {
    let condition = &rule.condition;
    let mut never = |word: &str, why: &str, hint: &str| {
        let message = format!("{} can never fire: {why}", called(policy, rule));
        lint.note(
            FindingCode::Unreachable,
            &Subject::rule(rule, word),
            &message,
            hint,
        );
    };
    if condition.trust.is_empty() {
        never(
            "",
            "no trust level fits",
            "levels are low < medium < high < admin: widen the bounds",
        );
    }
    let nothing_left = condition.tools.as_ref().is_some_and(|tools| {
        let removed = |entry: &crate::policy::bundle::NamePattern| {
            tools.exclude.iter().any(|out| covers(out, &entry.pattern))
        };
        !tools.include.is_empty() && tools.include.iter().all(removed)
    });
    if nothing_left {
        never(
            "tool_pattern",
            "`!` takes away every name that the list brings",
            "narrow the `!` entries",
        );
    }
    for (name, why) in contradictions(&condition.arguments) {
        never(
            &name,
            &format!("no value of `{name}` passes {why}"),
            "every test of an argument must hold: widen one, or split the rule",
        );
    }
    for mode in condition.modes.iter().flatten() {
        if !lint.bundle.modes.contains_key(mode) {
            unknown_mode(lint, policy, rule, mode);
        }
    }
    check_parameters(lint, &Subject::rule(rule, ""), &rule.require);
}

fn unknown_mode(lint: &mut Lint<'_>, policy: &Policy, rule: &Rule, mode: &ModeName) {
    let names: Vec<&str> = lint.bundle.modes.keys().map(ModeName::as_str).collect();
    let guess = nearest(mode.as_str(), names.iter().copied());
    let suggestion = guess
        .map(|guess| format!(", did you mean `{guess}`?"))
        .unwrap_or_default();
    let message = format!(
        "{} names the unknown mode `{mode}`{suggestion}",
        called(policy, rule)
    );
    let hint = format!("the modes are: {}", names.join(", "));
    lint.note(
        FindingCode::Unreachable,
        &Subject::rule(rule, mode.as_str()),
        &message,
        &hint,
    );
}

/// The arguments whose tests cannot hold together, with the tests in words.
fn contradictions(tests: &[ArgumentTest]) -> Vec<(String, String)> {
    let mut by_name: BTreeMap<&str, Vec<&TestOperator>> = BTreeMap::new();
    for test in tests {
        by_name.entry(&test.name).or_default().push(&test.operator);
    }
    let contradicts = |(name, operators): (&str, Vec<&TestOperator>)| {
        contradiction(&operators).map(|why| (name.to_owned(), why))
    };
    by_name.into_iter().filter_map(contradicts).collect()
}

fn contradiction(operators: &[&TestOperator]) -> Option<String> {
    let named = |operator: &&TestOperator| -> Option<Vec<Value>> {
        if let TestOperator::Eq(value) = operator {
            return Some(vec![value.clone()]);
        }
        if let TestOperator::In(values) = operator {
            Some(values.clone())
        } else {
            None
        }
    };
    let candidates = operators.iter().find_map(named);
    if let Some(candidates) = candidates {
        let survives = |value: &Value| operators.iter().all(|operator| could_hold(operator, value));
        let survivor = candidates.iter().any(survives);
        return (!survivor).then(|| "every test".to_owned());
    }
    let (mut low, mut high) = ((f64::NEG_INFINITY, false), (f64::INFINITY, false));
    for operator in operators {
        if let TestOperator::Gt(bound) | TestOperator::Gte(bound) = operator {
            let strict = matches!(operator, TestOperator::Gt(_));
            if *bound > low.0 || (*bound >= low.0 && strict) {
                low = (*bound, strict);
            }
        } else if let TestOperator::Lt(bound) | TestOperator::Lte(bound) = operator {
            let strict = matches!(operator, TestOperator::Lt(_));
            if *bound < high.0 || (*bound <= high.0 && strict) {
                high = (*bound, strict);
            }
        }
    }
    let empty = low.0 > high.0 || (low.0 >= high.0 && (low.1 || high.1));
    let open = |strict: bool| if strict { "" } else { " or equal" };
    empty.then(|| {
        format!(
            "above{} {} and below{} {}",
            open(low.1),
            low.0,
            open(high.1),
            high.0
        )
    })
}

/// Whether the test holds for the value, as far as both are known here.
fn could_hold(operator: &TestOperator, value: &Value) -> bool {
    let number = value.as_f64();
    match operator {
        TestOperator::Eq(wanted) => {
            wanted == value || (wanted.is_number() && wanted.as_f64() == number)
        }
        TestOperator::Ne(other) => other != value,
        TestOperator::In(values) => values
            .iter()
            .any(|one| one == value || (one.is_number() && one.as_f64() == number)),
        TestOperator::NotIn(values) => !values.contains(value),
        TestOperator::Gt(bound) => number.is_some_and(|number| number > *bound),
        TestOperator::Gte(bound) => number.is_some_and(|number| number >= *bound),
        TestOperator::Lt(bound) => number.is_some_and(|number| number < *bound),
        TestOperator::Lte(bound) => number.is_some_and(|number| number <= *bound),
        TestOperator::Matches(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
        TestOperator::Glob(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
    }
}

fn check_parameters(
    lint: &mut Lint<'_>,
    subject: &Subject<'_>,
    parameters: &BTreeMap<String, Parameter>,
) {
    for (name, parameter) in parameters {
        if let Some(why) = impossible(parameter) {
            let message = format!("no value of parameter `{name}` passes: {why}");
            let subject = Subject {
                word: name,
                at: subject.at,
                rule: subject.rule,
            };
            lint.note(
                FindingCode::Unreachable,
                &subject,
                &message,
                "widen the bounds",
            );
        } else if let Some(problem) = parameter
            .default
            .as_ref()
            .and_then(|default| default_problem(name, parameter, default))
        {
            let message = format!("the default does not pass its own constraint: {problem}");
            let subject = Subject {
                word: name,
                at: subject.at,
                rule: subject.rule,
            };
            lint.note(
                FindingCode::Unreachable,
                &subject,
                &message,
                "mend the default, or widen the bounds",
            );
        }
    }
}

/// What the default violates, if anything.
fn default_problem(name: &str, parameter: &Parameter, default: &Value) -> Option<String> {
    // Which values a source lists is known at run time only.
    let parameter = Parameter {
        allowlist_source: None,
        ..parameter.clone()
    };
    let mut first = None;
    check_parameter(
        name,
        &parameter,
        Some(default),
        &Values::new(),
        &mut |problem| {
            first.get_or_insert_with(|| problem.to_string());
        },
    );
    first
}

/// Why no value can pass, if none can.
fn impossible(parameter: &Parameter) -> Option<String> {
    match &parameter.kind {
        ParameterType::String {
            min_length,
            max_length,
            pattern,
            allowed_values,
            ..
        } => {
            let bounds = above(*min_length, *max_length, "min_length", "max_length");
            bounds.or_else(|| {
                let fits = |value: &String| {
                    let length = value.chars().count();
                    min_length.is_none_or(|least| length >= least)
                        && max_length.is_none_or(|most| length <= most)
                        && pattern.as_ref().is_none_or(|regex| regex.is_match(value))
                };
                none_fits(allowed_values.as_deref(), fits)
            })
        }
        ParameterType::Int {
            min,
            max,
            allowed_values,
        } => above(*min, *max, "min", "max").or_else(|| {
            let fits = |value: &i64| {
                min.is_none_or(|least| *value >= least) && max.is_none_or(|most| *value <= most)
            };
            none_fits(allowed_values.as_deref(), fits)
        }),
        ParameterType::Number { min, max } => above(*min, *max, "min", "max"),
        ParameterType::List { items, .. } => items.as_deref().and_then(impossible),
        ParameterType::Path { under, .. } => under
            .is_empty()
            .then(|| "`under` names no folder".to_owned()),
        ParameterType::Bool
        | ParameterType::Object { .. }
        | ParameterType::Port
        | ParameterType::Duration => None,
    }
}

fn above<T: PartialOrd + std::fmt::Display>(
    least: Option<T>,
    most: Option<T>,
    low: &str,
    high: &str,
) -> Option<String> {
    let (least, most) = (least?, most?);
    (least > most).then(|| format!("{low} {least} is above {high} {most}"))
}

fn none_fits<T>(allowed: Option<&[T]>, fits: impl Fn(&T) -> bool) -> Option<String> {
    let allowed = allowed?;
    (!allowed.iter().any(fits))
        .then(|| "none of allowed_values is within the other bounds".to_owned())
}
