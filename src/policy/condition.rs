//! Conditions, three-valued: true, false, or undecidable where the caller left out what a rule looks at.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::domain::{ActionRequest, ActionType, Arguments, ModeName, Pattern, Timestamp};

use super::mask::NEAR_MODES;
use super::rule::{ArgumentTest, Condition, Policy, TestOperator};

/// What a leaf, or a conjunction of leaves, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It can't be told: an argument is missing or of another type.
    Undecidable,
}

impl Truth {
    /// False wins over undecidable, undecidable over true.
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Undecidable, _) | (_, Self::Undecidable) => Self::Undecidable,
            (Self::True, Self::True) => Self::True,
        }
    }

    const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Undecidable => Self::Undecidable,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// What of a condition the mask doesn't decide; cheapest first.
#[derive(Debug, Clone)]
pub(super) struct Leaves {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    modes: Option<Box<[ModeName]>>,
    actions: Option<Box<[Pattern]>>,
    agents: Option<Box<[Pattern]>>,
    arguments: Box<[ArgumentTest]>,
}

impl Leaves {
    /// The leaves of a rule of the policy. `modes` is the bundle's list.
    pub(super) fn of(policy: &Policy, condition: &Condition, modes: &[ModeName]) -> Self {
        let far = |mode: &ModeName| !modes.iter().take(NEAR_MODES).any(|near| near == mode);
        let boxed = |patterns: &Vec<Pattern>| patterns.clone().into_boxed_slice();
        let mut arguments = condition.arguments.clone();
        arguments.sort_by_key(|test| cost(&test.operator));
        Self {
            from: policy.effective_from,
            until: policy.expires_at,
            modes: condition
                .modes
                .as_ref()
                .filter(|wanted| wanted.iter().any(far))
                .map(|wanted| wanted.iter().cloned().collect()),
            actions: condition.action_types.as_ref().map(boxed),
            agents: condition.agents.as_ref().map(boxed),
            arguments: arguments.into_boxed_slice(),
        }
    }

    /// Whether the mask alone decides, for known action types.
    pub(super) fn is_empty(&self) -> bool {
        self.from.is_none()
            && self.until.is_none()
            && self.modes.is_none()
            && self.actions.is_none()
            && self.agents.is_none()
            && self.arguments.is_empty()
    }

    /// The conjunction of the leaves.
    #[inline]
    pub(super) fn test(&self, request: &ActionRequest) -> Truth {
        if self.in_force(request) {
            self.test_in_force(request)
        } else {
            Truth::False
        }
    }

    /// The conjunction of the leaves at a time that nobody knows yet: of the dates nothing can be told.
    pub(super) fn test_at_some_time(&self, request: &ActionRequest) -> Truth {
        let dates = if self.from.is_some() || self.until.is_some() {
            Truth::Undecidable
        } else {
            Truth::True
        };
        dates.and(self.test_in_force(request))
    }

    /// The conjunction of the leaves but the dates.
    #[inline]
    fn test_in_force(&self, request: &ActionRequest) -> Truth {
        if !(self.in_mode(request) && self.of_action(request) && self.of_agent(request)) {
            return Truth::False;
        }
        let mut truth = Truth::True;
        for test in &self.arguments {
            truth = truth.and(test_argument(test, &request.arguments));
            if truth == Truth::False {
                break;
            }
        }
        truth
    }

    /// The leaves that only this compiled form holds, in words, with what it says of the request.
    pub(super) fn report(&self, request: &ActionRequest) -> Vec<(String, Truth)> {
        let mut leaves = Vec::new();
        if self.from.is_some() || self.until.is_some() {
            leaves.push(("in force".to_owned(), self.in_force(request).into()));
        }
        if self.agents.is_some() {
            let leaf = format!("agent {}", request.principal.agent_id);
            leaves.push((leaf, self.of_agent(request).into()));
        }
        leaves.extend(self.arguments.iter().map(|test| {
            let leaf = format!("argument {}", test.name);
            (leaf, test_argument(test, &request.arguments))
        }));
        leaves
    }

    fn in_force(&self, request: &ActionRequest) -> bool {
        let now = request.context.now;
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    fn in_mode(&self, request: &ActionRequest) -> bool {
        let wanted = self.modes.as_ref();
        wanted.is_none_or(|modes| modes.contains(&request.context.mode))
    }

    /// The mask has told the four known types apart, so that only others are matched here.
    fn of_action(&self, request: &ActionRequest) -> bool {
        match (&self.actions, &request.action) {
            (Some(patterns), ActionType::Other(name)) => patterns.iter().any(|p| p.matches(name)),
            (
                Some(_),
                ActionType::ToolCall
                | ActionType::ResourceAccess
                | ActionType::DataRead
                | ActionType::DataWrite,
            )
            | (None, _) => true,
        }
    }

    fn of_agent(&self, request: &ActionRequest) -> bool {
        let agent = request.principal.agent_id.as_str();
        let wanted = self.agents.as_ref();
        wanted.is_none_or(|agents| agents.iter().any(|pattern| pattern.matches(agent)))
    }
}

/// Numbers before texts before automata.
const fn cost(operator: &TestOperator) -> u8 {
    match operator {
        TestOperator::Gt(_) | TestOperator::Gte(_) | TestOperator::Lt(_) | TestOperator::Lte(_) => {
            0
        }
        TestOperator::Eq(_) | TestOperator::Ne(_) => 1,
        TestOperator::In(_) | TestOperator::NotIn(_) => 2,
        TestOperator::Glob(_) => 3,
        TestOperator::Matches(_) => 4,
    }
}

/// What one line of `arguments` says; undecidable when the argument is missing or of another type.
#[inline]
pub(super) fn test_argument(test: &ArgumentTest, arguments: &Arguments) -> Truth {
    let Some(value) = arguments.get(&test.name) else {
        return Truth::Undecidable;
    };
    match &test.operator {
        TestOperator::Eq(wanted) => equal(value, wanted),
        TestOperator::Ne(unwanted) => equal(value, unwanted).not(),
        TestOperator::In(wanted) => member(value, wanted),
        TestOperator::NotIn(unwanted) => member(value, unwanted).not(),
        TestOperator::Gt(limit) => compare(value, *limit, &[Ordering::Greater]),
        TestOperator::Gte(limit) => compare(value, *limit, &[Ordering::Greater, Ordering::Equal]),
        TestOperator::Lt(limit) => compare(value, *limit, &[Ordering::Less]),
        TestOperator::Lte(limit) => compare(value, *limit, &[Ordering::Less, Ordering::Equal]),
        TestOperator::Matches(regex) => text(value, |text| regex.is_match(text)),
        TestOperator::Glob(pattern) => text(value, |text| pattern.matches(text)),
    }
}

fn text(value: &Value, test: impl FnOnce(&str) -> bool) -> Truth {
    value
        .as_str()
        .map_or(Truth::Undecidable, |text| test(text).into())
}

fn compare(value: &Value, limit: f64, wanted: &[Ordering]) -> Truth {
    match value {
        Value::Number(number) => compare_number(number, limit)
            .map_or(Truth::Undecidable, |order| wanted.contains(&order).into()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Truth::Undecidable
        }
    }
}

/// Whether both are scalars of one type and equal; undecidable when they are not of one type.
fn equal(value: &Value, wanted: &Value) -> Truth {
    match (value, wanted) {
        (Value::String(a), Value::String(b)) => (a == b).into(),
        (Value::Bool(a), Value::Bool(b)) => (a == b).into(),
        (Value::Number(a), Value::Number(b)) => equal_numbers(a, b).into(),
        (Value::Null, Value::Null) => Truth::True,
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => Truth::Undecidable,
    }
}

fn member(value: &Value, list: &[Value]) -> Truth {
    let mut truth = Truth::Undecidable;
    for item in list {
        match equal(value, item) {
            Truth::True => return Truth::True,
            Truth::False => truth = Truth::False,
            Truth::Undecidable => {}
        }
    }
    truth
}

/// Whether both are the same number: `5` is `5.0`, and large integers are not rounded.
fn equal_numbers(a: &Number, b: &Number) -> bool {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a == b,
        (Some(_), None) => is_equal_to(a, b),
        (None, Some(_)) => is_equal_to(b, a),
        (None, None) => a.as_f64() == b.as_f64(),
    }
}

fn is_equal_to(integer: &Number, float: &Number) -> bool {
    float
        .as_f64()
        .and_then(|float| compare_number(integer, float))
        == Some(Ordering::Equal)
}

/// The number as an integer of any size that JSON text gives us; `None` for one written with a fraction or exponent.
pub(super) fn integer(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

/// Orders a number against a limit, without rounding an integer to a float first.
pub(super) fn compare_number(number: &Number, limit: f64) -> Option<Ordering> {
    let Some(integer) = integer(number) else {
        return number.as_f64()?.partial_cmp(&limit);
    };
    if limit.is_nan() {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float cast to i128 saturates, and what is beyond i128 is beyond every integer of JSON"
    )]
    let whole = limit.trunc() as i128;
    let beyond = if limit.fract() > 0.0 {
        Ordering::Less
    } else if limit.fract() < 0.0 {
        Ordering::Greater
    } else {
        Ordering::Equal
    };
    Some(integer.cmp(&whole).then(beyond))
}
