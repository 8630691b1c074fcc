//! Parameter constraints: what each parameter must be, and every way in which a value isn't.
//!
//! One function serves the hot path and the explanation: it tells each problem to a callback as unformatted
//! arguments, so that a check that only asks "does it hold" builds no words. Texts are never repeated in a
//! problem: they may be secrets, and problems are recorded.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Number, Value};

use crate::domain::ValueList;

use super::condition::{compare_number, integer};
use super::form;
use super::parameter::{Parameter, ParameterType, WholeRegex};
use super::words::{Listed, Shown, Spot};

/// The longest text that a pattern without `max_length` is tried on.
const MAX_MATCHED: usize = 64 * 1024;

/// Answers of value sources, as the context holds them.
pub(super) type Values = BTreeMap<Arc<str>, ValueList>;

/// Where problems go.
pub(super) type Report<'a> = &'a mut dyn FnMut(fmt::Arguments<'_>);

/// Checks the parameter of this name; `value` is what was sent for it.
pub(super) fn check_parameter(
    name: &str,
    parameter: &Parameter,
    value: Option<&Value>,
    values: &Values,
    report: Report<'_>,
) {
    match value {
        Some(value) => check_value(&Spot::Parameter(name), parameter, value, values, report),
        None if parameter.required => report(format_args!("parameter {name}: is required")),
        None => {}
    }
}

fn check_value(
    spot: &Spot<'_>,
    parameter: &Parameter,
    value: &Value,
    values: &Values,
    report: Report<'_>,
) {
    match &parameter.kind {
        ParameterType::Int {
            min,
            max,
            allowed_values,
        } => {
            let bounds = IntBounds {
                min: *min,
                max: *max,
                allowed: allowed_values.as_deref(),
            };
            check_int(spot, value, &bounds, report);
        }
        ParameterType::Port => {
            let bounds = IntBounds {
                min: Some(1),
                max: Some(65_535),
                allowed: None,
            };
            check_int(spot, value, &bounds, report);
        }
        ParameterType::Number { min, max } => check_number(spot, value, (*min, *max), report),
        ParameterType::Bool => {
            if !value.is_boolean() {
                report(format_args!(
                    "parameter {spot}: {} is not true or false",
                    Shown(value)
                ));
            }
        }
        ParameterType::List { max_items, items } => {
            let bounds = (*max_items, items.as_deref());
            check_list(spot, bounds, value, values, report);
        }
        ParameterType::Object { max_keys } => check_object(spot, value, *max_keys, report),
        ParameterType::String { .. } | ParameterType::Path { .. } | ParameterType::Duration => {
            match value.as_str() {
                Some(text) => check_text(spot, &parameter.kind, text, report),
                None => report(format_args!(
                    "parameter {spot}: {} is not a text",
                    Shown(value)
                )),
            }
        }
    }
    if let Some(source) = &parameter.allowlist_source {
        check_listed(spot, source, value, values, report);
    }
}

struct IntBounds<'a> {
    min: Option<i64>,
    max: Option<i64>,
    allowed: Option<&'a [i64]>,
}

/// Exact integers only: `1.0`, `1e0`, `-0`, `"1"`, `[1]` and `true` are violations (`spec/limits.md` L12).
fn check_int(spot: &Spot<'_>, value: &Value, bounds: &IntBounds<'_>, report: Report<'_>) {
    let Some(number) = value.as_number().and_then(integer) else {
        report(format_args!(
            "parameter {spot}: {} is not an integer",
            Shown(value)
        ));
        return;
    };
    if let Some(min) = bounds.min.filter(|&min| number < i128::from(min)) {
        report(format_args!(
            "parameter {spot}: {number} is below the minimum {min}"
        ));
    }
    if let Some(max) = bounds.max.filter(|&max| number > i128::from(max)) {
        report(format_args!(
            "parameter {spot}: {number} is above the maximum {max}"
        ));
    }
    // Without bounds, what no machine integer of the tool could hold is none either.
    if bounds.max.is_none() && number > i128::from(i64::MAX) {
        report(format_args!(
            "parameter {spot}: {number} is above the maximum {}",
            i64::MAX
        ));
    }
    if let Some(allowed) = bounds
        .allowed
        .filter(|all| !all.iter().any(|&one| i128::from(one) == number))
    {
        report(format_args!(
            "parameter {spot}: {number} is not one of {}",
            Listed(allowed)
        ));
    }
}

fn check_number(
    spot: &Spot<'_>,
    value: &Value,
    (min, max): (Option<f64>, Option<f64>),
    report: Report<'_>,
) {
    let finite = |number: &&Number| number.as_f64().is_some_and(f64::is_finite);
    let Some(number) = value.as_number().filter(finite) else {
        report(format_args!(
            "parameter {spot}: {} is not a number",
            Shown(value)
        ));
        return;
    };
    if let Some(min) = min.filter(|&min| compare_number(number, min) == Some(Ordering::Less)) {
        report(format_args!(
            "parameter {spot}: {number} is below the minimum {min}"
        ));
    }
    if let Some(max) = max.filter(|&max| compare_number(number, max) == Some(Ordering::Greater)) {
        report(format_args!(
            "parameter {spot}: {number} is above the maximum {max}"
        ));
    }
}

fn check_list(
    spot: &Spot<'_>,
    (max_items, items): (Option<usize>, Option<&Parameter>),
    value: &Value,
    values: &Values,
    report: Report<'_>,
) {
    let Value::Array(list) = value else {
        report(format_args!(
            "parameter {spot}: {} is not a list",
            Shown(value)
        ));
        return;
    };
    if let Some(max) = max_items.filter(|&max| list.len() > max) {
        let count = list.len();
        report(format_args!(
            "parameter {spot}: {count} items are more than the maximum {max}"
        ));
    }
    let Some(parameter) = items else { return };
    for (index, item) in list.iter().enumerate() {
        check_value(&Spot::Item(spot, index), parameter, item, values, report);
    }
}

fn check_object(spot: &Spot<'_>, value: &Value, max_keys: Option<usize>, report: Report<'_>) {
    let Value::Object(object) = value else {
        report(format_args!(
            "parameter {spot}: {} is not an object",
            Shown(value)
        ));
        return;
    };
    if let Some(max) = max_keys.filter(|&max| object.len() > max) {
        let count = object.len();
        report(format_args!(
            "parameter {spot}: {count} keys are more than the maximum {max}"
        ));
    }
}

fn check_text(spot: &Spot<'_>, kind: &ParameterType, text: &str, report: Report<'_>) {
    match kind {
        ParameterType::String {
            min_length,
            max_length,
            pattern,
            allowed_values,
            format,
        } => {
            let fits = check_length(spot, text, (*min_length, *max_length), report);
            // A value that is too long is not matched: the length is capped first.
            if let Some(pattern) = pattern.as_ref().filter(|_| fits) {
                check_pattern(spot, text, pattern, report);
            }
            if let Some(allowed) = allowed_values
                && !allowed.iter().any(|one| one == text)
            {
                report(format_args!(
                    "parameter {spot}: is not one of {}",
                    Listed(allowed)
                ));
            }
            if let Some(format) = format.filter(|&format| !form::fits(format, text)) {
                report(format_args!(
                    "parameter {spot}: is not {}",
                    form::words(format)
                ));
            }
        }
        ParameterType::Path { under, max_length } => {
            check_length(spot, text, (None, *max_length), report);
            if let Err(problem) = form::check_path(text, under) {
                match problem {
                    form::PathProblem::NotUnder => {
                        report(format_args!(
                            "parameter {spot}: is not under {}",
                            Listed(under)
                        ));
                    }
                    form::PathProblem::Form(words) => {
                        report(format_args!("parameter {spot}: {words}"));
                    }
                }
            }
        }
        ParameterType::Duration => {
            if !form::is_duration(text) {
                report(format_args!(
                    "parameter {spot}: is not a duration such as 30s, 5m or 1h"
                ));
            }
        }
        ParameterType::Int { .. }
        | ParameterType::Number { .. }
        | ParameterType::Bool
        | ParameterType::List { .. }
        | ParameterType::Object { .. }
        | ParameterType::Port => {}
    }
}

/// Reports a length out of bounds; says whether the text is not too long.
fn check_length(
    spot: &Spot<'_>,
    text: &str,
    (min, max): (Option<usize>, Option<usize>),
    report: Report<'_>,
) -> bool {
    // No text has more characters than bytes, so that a short one need not be counted.
    if min.is_none() && max.is_none_or(|max| text.len() <= max) {
        return true;
    }
    let length = text.chars().count();
    if let Some(min) = min.filter(|&min| length < min) {
        report(format_args!(
            "parameter {spot}: {length} characters are less than the minimum {min}"
        ));
    }
    if let Some(max) = max.filter(|&max| length > max) {
        report(format_args!(
            "parameter {spot}: {length} characters are more than the maximum {max}"
        ));
        return false;
    }
    true
}

fn check_pattern(spot: &Spot<'_>, text: &str, pattern: &WholeRegex, report: Report<'_>) {
    if text.len() > MAX_MATCHED {
        report(format_args!("parameter {spot}: is too long to be matched"));
    } else if !pattern.is_match(text) {
        let source = &pattern.source;
        report(format_args!(
            "parameter {spot}: does not match the pattern {source}"
        ));
    }
}

/// A list that did not arrive holds no value: what is constrained by it is denied.
fn check_listed(
    spot: &Spot<'_>,
    source: &Arc<str>,
    value: &Value,
    values: &Values,
    report: Report<'_>,
) {
    match values.get(source) {
        Some(ValueList::Values(list)) => {
            if !value
                .as_str()
                .is_some_and(|text| list.iter().any(|one| one == text))
            {
                report(format_args!(
                    "parameter {spot}: is not among the values that {source} lists"
                ));
            }
        }
        Some(ValueList::Unavailable) | None => {
            report(format_args!(
                "parameter {spot}: {source}, which lists the valid values, is unavailable"
            ));
        }
    }
}

#[cfg(test)]
#[path = "tests/constraint.rs"]
mod tests;
