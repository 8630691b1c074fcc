//! The station after the work: what may leave.

use serde_json::{Value, json};

/// The longest output that is handed on, in bytes of JSON.
const MAX_BYTES: usize = 1024 * 1024;

/// Output that passed this station; nothing else reaches an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Screened(Value);

impl Screened {
    /// The output.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// The output, handed on.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }
}

/// Lets output pass that a client can hold; replaces what is longer by a notice that says so.
pub(super) fn screen(output: Value) -> Screened {
    let bytes = size(&output);
    if bytes <= MAX_BYTES {
        return Screened(output);
    }
    Screened(json!({
        "truncated": true,
        "message": format!("the output of {bytes} bytes is withheld: more than {MAX_BYTES}"),
    }))
}

/// About how many bytes the value takes as JSON.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 12,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => {
            map.iter()
                .map(|(key, item)| key.len() + 4 + size(item))
                .sum::<usize>()
                + 2
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_no_client_could_hold_is_withheld_and_says_so() {
        let small = json!({"a": [1, 2, 3]});
        assert_eq!(screen(small.clone()).value(), &small);
        let large = Value::Array(vec![Value::String("x".repeat(1000)); 2000]);
        assert_eq!(screen(large).value().get("truncated"), Some(&json!(true)));
    }
}
