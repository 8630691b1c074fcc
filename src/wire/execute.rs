//! What `/tools/execute` takes (`spec/rest.md`, "The execution API").

use serde_json::{Map, Value};

use crate::domain::{AgentId, CorrelationId};

use super::{FieldProblem, Fields};

/// Whether a call acts or only tells what it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecutionMode {
    /// Acts.
    #[default]
    Real,
    /// Tells.
    Shadow,
}

/// The body of one execution.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExecuteRequest {
    /// The tool to run.
    pub tool_name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// What the caller says about the call; a text is kept as `{note}`.
    pub context: Map<String, Value>,
    /// The agent for whom an operator acts.
    pub agent_id: Option<AgentId>,
    /// `REAL` or `SHADOW`.
    pub execution_mode: ExecutionMode,
    /// The caller's own name for the work.
    pub correlation_id: Option<CorrelationId>,
    /// Why, in the caller's words.
    pub reason: Option<String>,
}

/// Why a body is not an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecuteFault {
    /// `execution_mode` is neither of the two (400).
    Mode(String),
    /// Members are missing, unknown or of a wrong type (422).
    Fields(Vec<FieldProblem>),
}

impl ExecuteRequest {
    /// Reads the members of a body.
    ///
    /// # Errors
    /// When a member is missing, unknown or does not fit; every problem is listed.
    pub fn from_members(members: Map<String, Value>) -> Result<Self, ExecuteFault> {
        let mut fields = Fields::new("body", members);
        let tool_name = fields.required_text("tool_name");
        let arguments = fields.object("arguments").unwrap_or_default();
        let context = match fields.any("context") {
            None => Map::new(),
            Some(Value::Object(map)) => map,
            Some(Value::String(note)) => Map::from_iter([("note".to_owned(), Value::String(note))]),
            Some(_) => {
                fields.problem("type", "context", "must be an object or a text");
                Map::new()
            }
        };
        let agent_id = fields.parsed("agent_id", AgentId::parse);
        let mode = fields.text("execution_mode");
        let correlation_id = fields.parsed("correlation_id", CorrelationId::parse);
        let reason = fields.text("reason");
        later(&mut fields);
        fields.finish().map_err(ExecuteFault::Fields)?;
        let execution_mode = match mode.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("REAL") => ExecutionMode::Real,
            Some("SHADOW") => ExecutionMode::Shadow,
            Some(_) => return Err(ExecuteFault::Mode(mode.unwrap_or_default())),
        };
        Ok(Self {
            tool_name,
            arguments,
            context,
            agent_id,
            execution_mode,
            correlation_id,
            reason,
        })
    }
}

/// Members whose subject does not exist yet: refused by name, so that nobody relies on what is ignored.
fn later(fields: &mut Fields) {
    for name in ["approval_id", "override_id", "wait_seconds", "async"] {
        if fields
            .any(name)
            .is_some_and(|value| value != false && value != 0)
        {
            fields.problem("value", name, "not supported yet: leave it out");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<ExecuteRequest, ExecuteFault> {
        let Value::Object(members) = body else {
            panic!("an object")
        };
        ExecuteRequest::from_members(members)
    }

    #[test]
    fn every_problem_is_listed_with_its_place() {
        let fault =
            read(json!({"arguments": [], "agent_id": "a b", "bogus": 1})).expect_err("faults");
        let ExecuteFault::Fields(problems) = fault else {
            panic!("fields")
        };
        let places: Vec<_> = problems
            .iter()
            .map(|problem| (problem.kind, problem.loc.join(".")))
            .collect();
        let place = |kind, name: &str| (kind, format!("body.{name}"));
        assert_eq!(
            places,
            [
                place("missing", "tool_name"),
                place("type", "arguments"),
                place("value", "agent_id"),
                place("unknown", "bogus")
            ]
        );
    }

    #[test]
    fn a_text_as_context_becomes_a_note_and_the_mode_ignores_case() {
        let request = read(json!({"tool_name": "t", "context": "hi", "execution_mode": "shadow"}))
            .expect("fits");
        assert_eq!(request.context.get("note"), Some(&json!("hi")));
        assert_eq!(request.execution_mode, ExecutionMode::Shadow);
        assert_eq!(
            read(json!({"tool_name": "t", "execution_mode": "DRY"})),
            Err(ExecuteFault::Mode("DRY".to_owned()))
        );
    }
}
