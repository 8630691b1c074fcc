//! Fixtures that ask by their result: the client answers with the same call once more.

use policyguard::tools::{Client, ToolError};
use serde_json::{Map, Value, json};

use crate::backend::failed;
use crate::content;

/// How their names begin.
pub(crate) const PREFIX: &str = "test_input_required_result_";

/// Their names, and what each is for.
pub(crate) const TOOLS: &[(&str, &str)] = &[
    ("test_input_required_result_elicitation", "Asks for a name"),
    (
        "test_input_required_result_sampling",
        "Asks the client's model",
    ),
    (
        "test_input_required_result_list_roots",
        "Asks for the client's roots",
    ),
    (
        "test_input_required_result_request_state",
        "Asks, and gives a state to keep",
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Asks three things at once",
    ),
    (
        "test_input_required_result_multi_round",
        "Asks, and asks again",
    ),
    (
        "test_input_required_result_tampered_state",
        "Asks, and gives a state that must come back as it was",
    ),
    (
        "test_input_required_result_capabilities",
        "Asks only what the client can answer",
    ),
];

/// The questions of one round, each under its key.
type Questions = Vec<(&'static str, Value)>;

/// What a fixture asks, round by round.
struct Script {
    rounds: Vec<Questions>,
    /// Whether it gives the client a state to keep: the number of the round that was asked.
    keeps_state: bool,
}

/// Where a conversation stands.
pub(crate) enum Step {
    /// The client must answer this first.
    Ask(Value),
    /// All is answered: this is the last round's answers.
    Answered(Map<String, Value>),
}

/// What the tool answers in this round.
pub(crate) fn tool(tool: &str, client: &dyn Client) -> Result<Value, ToolError> {
    let kind = tool.strip_prefix(PREFIX).unwrap_or_default();
    Ok(match step(kind, client)? {
        Step::Ask(question) => question,
        Step::Answered(answers) => {
            let answers = Value::Object(answers);
            let answer = match kind {
                "elicitation" => format!("Hello, {}!", content_of(&answers, "user_name", "name")),
                "request_state" | "tampered_state" => format!("state-ok {answers}"),
                _ => format!("Answered: {answers}"),
            };
            content::text(&answer)
        }
    })
}

/// Where the conversation of this kind stands, by what the client sent along.
pub(crate) fn step(kind: &str, client: &dyn Client) -> Result<Step, ToolError> {
    let script = script(kind, client)
        .ok_or_else(|| failed(-32_602, &format!("Unknown fixture: {kind}"), Value::Null))?;
    let inputs = client.inputs();
    let state = inputs.get("requestState").and_then(Value::as_str);
    let asked = if script.keeps_state {
        state.and_then(|state| state.parse::<usize>().ok())
    } else {
        Some(0)
    };
    let given = answers(&inputs);
    let answered = asked
        .and_then(|round| script.rounds.get(round))
        .is_some_and(|questions| {
            !questions.is_empty() && questions.iter().all(|(key, _)| given.contains_key(*key))
        });
    let next = asked.map_or(0, |round| round + usize::from(answered));
    Ok(match script.rounds.get(next) {
        Some(questions) => Step::Ask(script.asking(next, questions)),
        None => Step::Answered(given),
    })
}

impl Script {
    fn of(rounds: impl IntoIterator<Item = Questions>) -> Self {
        Self {
            rounds: rounds.into_iter().collect(),
            keeps_state: false,
        }
    }

    fn keeping_state(self) -> Self {
        Self {
            keeps_state: true,
            ..self
        }
    }

    fn asking(&self, round: usize, questions: &Questions) -> Value {
        let questions: Map<String, Value> = questions
            .iter()
            .map(|(key, question)| ((*key).to_owned(), question.clone()))
            .collect();
        let mut result = Map::new();
        result.insert("resultType".to_owned(), json!("input_required"));
        result.insert("inputRequests".to_owned(), Value::Object(questions));
        if self.keeps_state {
            result.insert("requestState".to_owned(), json!(round.to_string()));
        }
        Value::Object(result)
    }
}

fn script(kind: &str, client: &dyn Client) -> Option<Script> {
    let word = |name: &str| json!({ name: { "type": "string" } });
    let name = || ("user_name", form("What is your name?", &word("name")));
    let roots = || {
        (
            "client_roots",
            json!({ "method": "roots/list", "params": {} }),
        )
    };
    let confirm = || form("Please confirm", &json!({ "ok": { "type": "boolean" } }));
    Some(match kind {
        "elicitation" => Script::of([vec![name()]]),
        "sampling" => {
            let question = sampling("What is the capital of France?", 100);
            Script::of([vec![("capital_question", question)]])
        }
        "list_roots" => Script::of([vec![roots()]]),
        "request_state" | "tampered_state" => {
            Script::of([vec![("confirm", confirm())]]).keeping_state()
        }
        "multiple_inputs" => {
            let greeting = ("greeting", sampling("Generate a greeting", 50));
            Script::of([vec![name(), greeting, roots()]]).keeping_state()
        }
        "multi_round" => {
            let first = form("Step 1: What is your name?", &word("name"));
            let second = form("Step 2: What is your favorite color?", &word("color"));
            Script::of([vec![("step1", first)], vec![("step2", second)]]).keeping_state()
        }
        "capabilities" => Script::of([answerable(
            client,
            vec![
                ("sampling", "greeting", sampling("Generate a greeting", 50)),
                ("elicitation", "user_name", name().1),
            ],
        )]),
        "prompt" => {
            let question = form("What context should the prompt use?", &word("context"));
            Script::of([vec![("user_context", question)]])
        }
        _ => return None,
    })
}

/// Those questions for which the client has what it takes.
fn answerable(client: &dyn Client, questions: Vec<(&str, &'static str, Value)>) -> Questions {
    let declared = client.capabilities();
    let can = |capability: &str| declared.get(capability).is_some();
    questions
        .into_iter()
        .filter(|(capability, ..)| can(capability))
        .map(|(_, key, question)| (key, question))
        .collect()
}

/// The client's answers, without what cannot be one.
fn answers(inputs: &Value) -> Map<String, Value> {
    let given = inputs.get("inputResponses").and_then(Value::as_object);
    let given = given.into_iter().flatten();
    given
        .filter(|(_, answer)| answer.is_object())
        .map(|(key, answer)| (key.clone(), answer.clone()))
        .collect()
}

/// What the user answered to this question, in words.
pub(crate) fn content_of(answers: &Value, key: &str, name: &str) -> String {
    let content = answers.get(key).and_then(|answer| answer.get("content"));
    let value = content.and_then(|content| content.get(name)?.as_str());
    value.unwrap_or_default().to_owned()
}

/// A question to the user: a form with these properties, all of them required.
pub(crate) fn form(message: &str, properties: &Value) -> Value {
    let required: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .collect();
    json!({
        "method": "elicitation/create",
        "params": {
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": properties,
                "required": required,
            },
        },
    })
}

/// A question to the client's model.
pub(crate) fn sampling(prompt: &str, max_tokens: u32) -> Value {
    json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": content::block(prompt) }],
            "maxTokens": max_tokens,
        },
    })
}
