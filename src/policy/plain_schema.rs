//! The schema of one plain parameter: a type, bounds, an enumeration.

use std::cmp::Ordering;

use jsonschema::JsonType;
use serde_json::{Map, Number, Value};

use super::condition::compare_number;
use super::constraint::Report;
use super::words::Shown;

/// What is checked here instead of by the schema library. Everything that is absent holds.
#[derive(Debug, Default)]
pub(super) struct PlainSchema {
    kind: Option<JsonType>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    options: Option<Vec<String>>,
}

impl PlainSchema {
    /// Reads a schema of these keywords; `None` when it holds another one, or one of another form.
    pub(super) fn read(schema: &Value) -> Option<Self> {
        let object = schema.as_object()?;
        let mut plain = Self::default();
        for (key, value) in object {
            match key.as_str() {
                "type" => plain.kind = Some(kind(value.as_str()?)?),
                "minimum" => plain.minimum = Some(value.as_number()?.clone()),
                "maximum" => plain.maximum = Some(value.as_number()?.clone()),
                "minLength" => plain.min_length = Some(value.as_u64()?),
                "maxLength" => plain.max_length = Some(value.as_u64()?),
                "enum" => plain.options = Some(texts(value)?),
                "title" | "description" | "default" | "examples" | "$comment" => {}
                _ => return None,
            }
        }
        plain.readable(object).then_some(plain)
    }

    /// An enumeration of texts is checked here only where the type is text, and limits only where they are exact.
    fn readable(&self, object: &Map<String, Value>) -> bool {
        let exact = |limit: &Option<Number>| {
            limit.as_ref().is_none_or(|limit| {
                limit
                    .as_i64()
                    .is_none_or(|integer| integer.unsigned_abs() < (1 << 53))
            })
        };
        let listed = !object.contains_key("enum") || self.kind == Some(JsonType::String);
        listed && exact(&self.minimum) && exact(&self.maximum)
    }

    /// Tells every problem of the value.
    #[inline]
    pub(super) fn check(&self, name: &str, value: &Value, report: Report<'_>) {
        if let Some(kind) = self.kind
            && !is_of(kind, value)
        {
            report(format_args!(
                "{name}: {} is not {}",
                Shown(value),
                kind_words(kind)
            ));
            return;
        }
        if let Value::Number(number) = value {
            self.check_bounds(name, number, report);
        }
        if let Value::String(text) = value {
            self.check_text(name, text, report);
        }
    }

    fn check_bounds(&self, name: &str, number: &Number, report: Report<'_>) {
        let order = |limit: &Number| {
            limit
                .as_f64()
                .and_then(|limit| compare_number(number, limit))
        };
        if let Some(limit) = self
            .minimum
            .as_ref()
            .filter(|l| order(l) == Some(Ordering::Less))
        {
            report(format_args!(
                "{name}: {number} is below the minimum {limit}"
            ));
        }
        if let Some(limit) = self
            .maximum
            .as_ref()
            .filter(|l| order(l) == Some(Ordering::Greater))
        {
            report(format_args!(
                "{name}: {number} is above the maximum {limit}"
            ));
        }
    }

    fn check_text(&self, name: &str, text: &str, report: Report<'_>) {
        if self.min_length.is_some() || self.max_length.is_some() {
            let length = text.chars().count() as u64;
            if let Some(min) = self.min_length.filter(|&min| length < min) {
                report(format_args!(
                    "{name}: {length} characters are less than the minimum {min}"
                ));
            }
            if let Some(max) = self.max_length.filter(|&max| length > max) {
                report(format_args!(
                    "{name}: {length} characters are more than the maximum {max}"
                ));
            }
        }
        if let Some(options) = self
            .options
            .as_ref()
            .filter(|all| !all.iter().any(|o| o == text))
        {
            report(format_args!("{name}: is not one of {}", options.join(", ")));
        }
    }
}

/// The type in words, as in "is not …".
pub(super) const fn kind_words(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a text",
    }
}

fn kind(name: &str) -> Option<JsonType> {
    Some(match name {
        "array" => JsonType::Array,
        "boolean" => JsonType::Boolean,
        "integer" => JsonType::Integer,
        "null" => JsonType::Null,
        "number" => JsonType::Number,
        "object" => JsonType::Object,
        "string" => JsonType::String,
        _ => return None,
    })
}

fn is_of(kind: JsonType, value: &Value) -> bool {
    match kind {
        JsonType::Array => value.is_array(),
        JsonType::Boolean => value.is_boolean(),
        JsonType::Null => value.is_null(),
        JsonType::Number => value.is_number(),
        JsonType::Object => value.is_object(),
        JsonType::String => value.is_string(),
        // JSON Schema counts 2.0 as an integer; the `int` constraint of policies does not.
        JsonType::Integer => value.as_number().is_some_and(|number| {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|f| f.fract() == 0.0)
        }),
    }
}

fn texts(list: &Value) -> Option<Vec<String>> {
    list.as_array()?
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}
