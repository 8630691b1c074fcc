//! A JSON-RPC message, as every door of MCP reads it.

use serde_json::{Map, Value};

use super::strict::{StrictError, read_value};

/// From here on, not every whole number has a binary64 of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A message: a request, a notification or a response, as far as doors look into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message(Value);

/// Why something is no message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoMessage {
    /// Not JSON as we take it; says where.
    #[error("Parse error: {0}")]
    Unreadable(String),
    /// JSON, but no message.
    #[error("Invalid request: {what}")]
    Invalid {
        /// What is wrong with it.
        what: &'static str,
        /// The id that it bears, if that is one.
        id: Option<Value>,
    },
}

impl Message {
    /// Reads one message.
    ///
    /// Members of a request, such as the parameters, are for whoever carries it out.
    ///
    /// # Errors
    /// When the bytes are not JSON as we take it, or no message that any revision has.
    pub fn read(bytes: &[u8]) -> Result<Self, NoMessage> {
        let value = read_value(bytes).map_err(|fault| match fault {
            StrictError::Unreadable(why) => NoMessage::Unreadable(why),
            StrictError::NotAnObject(what) => NoMessage::Invalid { what, id: None },
        })?;
        let Value::Object(members) = value else {
            let what = "one JSON-RPC message is one object; batches are not served";
            return Err(NoMessage::Invalid { what, id: None });
        };
        match check(&members) {
            Ok(()) => Ok(Self(Value::Object(members))),
            Err(what) => {
                let id = members.get("id").filter(|id| is_id(id)).cloned();
                Err(NoMessage::Invalid { what, id })
            }
        }
    }

    /// The id: of a request, or of the request that this is the response to.
    #[must_use]
    pub fn id(&self) -> Option<&Value> {
        self.0.get("id").filter(|id| !id.is_null())
    }

    /// What is asked for or told; a response has none.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.text("/method")
    }

    /// Whether somebody waits for an answer; nobody answers a notification or a response.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.method().is_some() && self.id().is_some()
    }

    /// The value at this JSON pointer.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// The text at this JSON pointer.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.as_str()
    }

    /// The message as it was sent.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl NoMessage {
    /// The code by which JSON-RPC knows the fault.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Unreadable(_) => -32700,
            Self::Invalid { .. } => -32600,
        }
    }
}

/// Whether an object with these members is a message.
fn check(members: &Map<String, Value>) -> Result<(), &'static str> {
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err("`jsonrpc` must be \"2.0\"");
    }
    let id = members.get("id");
    let named = id.is_some_and(is_id);
    if let Some(method) = members.get("method") {
        if !method.is_string() {
            return Err("`method` must be a string");
        }
        // A null is refused, too: whoever sends it waits for an answer that could not be told from another.
        return if named || id.is_none() {
            Ok(())
        } else {
            Err("`id` must be a string or a whole number")
        };
    }
    // Who cannot tell which request was wrong says so without an id, or with null.
    let is_response = named && members.contains_key("result");
    let is_error = members.contains_key("error") && (named || id.is_none_or(Value::is_null));
    if is_response || is_error {
        Ok(())
    } else {
        Err("not a JSON-RPC request, notification or response")
    }
}

/// Whether this is what a request can be known by.
fn is_id(id: &Value) -> bool {
    match id {
        Value::String(_) => true,
        Value::Number(number) => {
            let whole = |number: f64| number.fract() == 0.0 && number.abs() < EXACT;
            number.as_i64().is_some() || number.as_f64().is_some_and(whole)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_notifications_and_responses_are_told_apart() {
        let read = |text: &str| Message::read(text.as_bytes()).unwrap();
        let request = read(r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#);
        assert!(request.is_request() && request.method() == Some("ping"));
        let told = read(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert!(!told.is_request() && told.id().is_none());
        for response in [
            r#"{"jsonrpc":"2.0","id":"a","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"}}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}"#,
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":"no"}}"#,
        ] {
            assert!(!read(response).is_request(), "{response}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_the_id_that_it_bears() {
        for (text, code, id) in [
            ("junk", -32700, None),
            (
                r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#,
                -32700,
                None,
            ),
            ("[]", -32600, None),
            ("1", -32600, None),
            ("{}", -32600, None),
            (r#"{"id":null}"#, -32600, None),
            (r#"{"id":"x"}"#, -32600, Some(Value::from("x"))),
            (r#"{"jsonrpc":"2.0"}"#, -32600, None),
            (r#"{"jsonrpc":"2.0","id":3}"#, -32600, Some(Value::from(3))),
            (r#"{"jsonrpc":"2.0","result":{}}"#, -32600, None),
            (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, -32600, None),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#, -32600, None),
            (
                r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"x"}"#,
                -32600,
                None,
            ),
            (r#"{"jsonrpc":"2.0","id":[1],"method":"x"}"#, -32600, None),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":1}"#,
                -32600,
                Some(Value::from(1)),
            ),
            (
                r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#,
                -32600,
                Some(Value::from(1)),
            ),
        ] {
            let fault = Message::read(text.as_bytes()).expect_err(text);
            assert_eq!(fault.code(), code, "{text}");
            let found = match fault {
                NoMessage::Unreadable(_) => None,
                NoMessage::Invalid { id, .. } => id,
            };
            assert_eq!(found, id, "{text}");
        }
    }
}
