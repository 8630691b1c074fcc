//! Typed members of an object: every problem is found, none is guessed away.

use serde::Serialize;
use serde_json::{Map, Value};

/// One problem of one member, in the form that clients of the execution API know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// `missing`, `unknown`, `type`, `value`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where: `["body", "tool_name"]`.
    pub loc: Vec<String>,
    /// In words.
    pub msg: String,
}

impl FieldProblem {
    /// A problem of the member of the body, the query or the like.
    #[must_use]
    pub fn new(kind: &'static str, place: &str, member: &str, msg: impl Into<String>) -> Self {
        Self {
            kind,
            loc: vec![place.to_owned(), member.to_owned()],
            msg: msg.into(),
        }
    }
}

/// Takes members out of an object; what is left at the end is unknown.
pub struct Fields {
    place: &'static str,
    members: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<FieldProblem>,
}

impl Fields {
    /// Starts with the members of the body, the query or the like.
    #[must_use]
    pub const fn new(place: &'static str, members: Map<String, Value>) -> Self {
        Self {
            place,
            members,
            known: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// A member of any type; JSON `null` counts as absent.
    pub fn any(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members
            .shift_remove(name)
            .filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.any(name)?;
        let text = value.as_str().map(str::to_owned);
        text.or_else(|| self.wrong_type(name, "a text", &value))
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &'static str) -> String {
        if !self.members.contains_key(name) {
            self.known.push(name);
            self.problem("missing", name, "required: a text");
            return String::new();
        }
        match self.text(name) {
            Some(text) => text,
            None if self.has_problem(name) => String::new(),
            None => {
                self.problem("type", name, "must be a text, not null");
                String::new()
            }
        }
    }

    /// A text of a form that `parse` knows.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.problem("value", name, &fault.to_string());
                None
            }
        }
    }

    /// An object; also as JSON text, read as strictly as a body.
    pub fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        let mut value = self.any(name)?;
        let map = value.as_object_mut().map(std::mem::take);
        map.or_else(|| self.wrong_type(name, "an object", &value))
    }

    /// A boolean.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.any(name)?;
        value
            .as_bool()
            .or_else(|| self.wrong_type(name, "true or false", &value))
    }

    /// An integer that is not negative.
    pub fn count(&mut self, name: &'static str) -> Option<u64> {
        let value = self.any(name)?;
        value
            .as_u64()
            .or_else(|| self.wrong_type(name, "a whole number of 0 or more", &value))
    }

    /// Whether a problem of the member is noted.
    #[must_use]
    pub fn has_problem(&self, name: &str) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|problem| problem.loc.last().is_some_and(|last| last == name))
    }

    /// Notes a problem of a member.
    pub fn problem(&mut self, kind: &'static str, name: &str, msg: &str) {
        self.problems
            .push(FieldProblem::new(kind, self.place, name, msg));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Every problem that was found, and every member that nobody took.
    pub fn finish(mut self) -> Result<(), Vec<FieldProblem>> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            let known = self.known.join(", ");
            self.problem(
                "unknown",
                &name,
                &format!("no such field; known are {known}"),
            );
        }
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self.problems)
        }
    }

    fn wrong_type<T>(&mut self, name: &'static str, wanted: &str, got: &Value) -> Option<T> {
        let got = match got {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.problem("type", name, &format!("must be {wanted}, not {got}"));
        None
    }
}
