//! What AuthZEN 1.0 asks and is answered: `{subject, action, resource, context}` → `{decision, context}`.

use serde_json::{Map, Value, json};

use super::{FieldProblem, Fields};
use crate::domain::{ActionType, AgentId};

/// The most evaluations of one request.
const MOST: usize = 50;

/// One question: may the subject do the action to the resource?
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The agent.
    pub agent_id: AgentId,
    /// The type of the action.
    pub action: ActionType,
    /// The tool, or the target of another type of action.
    pub target: String,
    /// The arguments (`resource.properties.arguments`).
    pub arguments: Map<String, Value>,
    /// What the caller says besides.
    pub context: Map<String, Value>,
}

/// When a list of questions is answered far enough (`options.evaluations_semantic`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Semantic {
    /// When every one is answered.
    #[default]
    ExecuteAll,
    /// At the first no.
    DenyOnFirstDeny,
    /// At the first yes.
    PermitOnFirstPermit,
}

/// What `/access/v1/evaluations` asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluations {
    /// No list, or an empty one: the request is one question.
    One(Evaluation),
    /// Several, in order.
    Several(Vec<Evaluation>, Semantic),
}

/// Everything that is wrong with a request, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct AuthzenFault(pub Vec<String>);

impl Semantic {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "execute_all" => Some(Self::ExecuteAll),
            "deny_on_first_deny" => Some(Self::DenyOnFirstDeny),
            "permit_on_first_permit" => Some(Self::PermitOnFirstPermit),
            _ => None,
        }
    }

    /// Whether an answer ends the list.
    #[must_use]
    pub const fn ends_at(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

impl Evaluation {
    /// Reads one question.
    ///
    /// # Errors
    /// Everything that is missing, unknown, or of another form.
    pub fn read(members: Map<String, Value>) -> Result<Self, AuthzenFault> {
        let mut faults = Vec::new();
        let evaluation = read_one(members, "", &mut faults);
        evaluation.ok_or(AuthzenFault(faults))
    }

    /// The arguments of `validate_action` that ask this; a question of AuthZEN registers, opens and counts nothing.
    #[must_use]
    pub fn into_arguments(self) -> Map<String, Value> {
        let arguments = json!({
            "action_type": self.action,
            "target": self.target,
            "agent_id": self.agent_id,
            "parameters": self.arguments,
            "context": self.context,
            "dry_run": true,
        });
        match arguments {
            Value::Object(arguments) => arguments,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        }
    }
}

impl Evaluations {
    /// Reads one or several questions; what a question leaves out stands beside the list.
    ///
    /// # Errors
    /// Everything that is missing, unknown, or of another form.
    pub fn read(mut members: Map<String, Value>) -> Result<Self, AuthzenFault> {
        let mut faults = Vec::new();
        let list = members.shift_remove("evaluations");
        let semantic = semantic(members.shift_remove("options"), &mut faults);
        let items = match list {
            None => Vec::new(),
            Some(Value::Array(items)) if items.len() <= MOST => items,
            Some(Value::Array(items)) => {
                let count = items.len();
                faults.push(format!("evaluations: at most {MOST}, not {count}"));
                Vec::new()
            }
            Some(_) => {
                faults.push("evaluations: must be an array".to_owned());
                Vec::new()
            }
        };
        if items.is_empty() {
            let one = read_one(members, "", &mut faults);
            return match one {
                Some(one) if faults.is_empty() => Ok(Self::One(one)),
                Some(_) | None => Err(AuthzenFault(faults)),
            };
        }
        let mut questions = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            let at = format!("evaluations.{place}.");
            let Value::Object(item) = item else {
                faults.push(format!("evaluations.{place}: must be an object"));
                continue;
            };
            let mut question = members.clone();
            question.extend(item);
            questions.extend(read_one(question, &at, &mut faults));
        }
        if faults.is_empty() {
            Ok(Self::Several(questions, semantic))
        } else {
            Err(AuthzenFault(faults))
        }
    }
}

fn semantic(options: Option<Value>, faults: &mut Vec<String>) -> Semantic {
    let options = match options {
        None => return Semantic::default(),
        Some(Value::Object(options)) => options,
        Some(_) => {
            faults.push("options: must be an object".to_owned());
            return Semantic::default();
        }
    };
    let mut fields = Fields::new("options", options);
    let read = fields.parsed("evaluations_semantic", |text| {
        let known = "one of execute_all, deny_on_first_deny, permit_on_first_permit";
        Semantic::parse(text).ok_or(known)
    });
    note("", fields.finish(), faults);
    read.unwrap_or_default()
}

/// Reads one question; `at` is where it stands. `None`: the faults say why.
fn read_one(members: Map<String, Value>, at: &str, faults: &mut Vec<String>) -> Option<Evaluation> {
    let before = faults.len();
    let mut top = Fields::new("request", members);
    let mut part = |name: &'static str| {
        let members = top.object(name);
        if members.is_none() && !top.has_problem(name) {
            top.problem("missing", name, "required: an object");
        }
        members.map(|members| Fields::new(name, members))
    };
    let (subject, action, resource) = (part("subject"), part("action"), part("resource"));
    let context = top.object("context").unwrap_or_default();
    let agent_id = subject.and_then(|mut subject| {
        named(&mut subject, "type");
        let given = named(&mut subject, "id");
        drop(subject.object("properties"));
        let agent_id = parsed(&mut subject, "id", &given, AgentId::parse);
        note(at, subject.finish(), faults);
        agent_id
    });
    let action = action.and_then(|mut action| {
        let given = named(&mut action, "name");
        drop(action.object("properties"));
        let form = "an action type is a-z, then up to 63 of a-z 0-9 _";
        let kind = parsed(&mut action, "name", &given, |text| {
            ActionType::parse(text).ok_or(form)
        });
        note(at, action.finish(), faults);
        kind
    });
    let resource = resource.map(|mut resource| {
        named(&mut resource, "type");
        let target = named(&mut resource, "id");
        let mut properties = resource.object("properties").unwrap_or_default();
        let arguments = match properties.shift_remove("arguments") {
            None => Map::new(),
            Some(Value::Object(arguments)) => arguments,
            Some(_) => {
                resource.problem("type", "properties.arguments", "must be an object");
                Map::new()
            }
        };
        note(at, resource.finish(), faults);
        (target, arguments)
    });
    note(at, top.finish(), faults);
    let (target, arguments) = resource?;
    let evaluation = Evaluation {
        agent_id: agent_id?,
        action: action?,
        target,
        arguments,
        context,
    };
    (faults.len() == before).then_some(evaluation)
}

/// A text that must be there and say something.
fn named(fields: &mut Fields, name: &'static str) -> String {
    let text = fields.required_text(name);
    if text.is_empty() && !fields.has_problem(name) {
        fields.problem("value", name, "must not be empty");
    }
    text
}

fn parsed<T, E: std::fmt::Display>(
    fields: &mut Fields,
    name: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    match parse(text) {
        Ok(value) => Some(value),
        Err(fault) => {
            fields.problem("value", name, &fault.to_string());
            None
        }
    }
}

fn note(at: &str, found: Result<(), Vec<FieldProblem>>, faults: &mut Vec<String>) {
    let problems = found.err().unwrap_or_default();
    let line = |problem: FieldProblem| {
        let place = problem.loc.join(".");
        let place = place.strip_prefix("request.").unwrap_or(&place);
        format!("{at}{place}: {}", problem.msg)
    };
    faults.extend(problems.into_iter().map(line));
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may be done.
    pub decision: bool,
    /// Why, as a code.
    pub code: String,
    /// What decided: the rule, or the code where no rule did. The same for every answer that rests on it.
    pub id: String,
    /// Why, for whoever runs the gateway.
    pub reason_admin: String,
    /// What to do about it, for whoever was denied.
    pub reason_user: String,
}

impl Verdict {
    /// The answer as AuthZEN words it. It names no attempt: identical questions have identical answers.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "decision": self.decision,
            "context": {
                "id": self.id,
                "reason_admin": { "en": self.reason_admin },
                "reason_user": { "en": self.reason_user },
                "code": self.code,
            },
        })
    }
}

#[cfg(test)]
#[path = "tests/authzen.rs"]
mod tests;
