//! Fixtures that talk while they work: progress, logs, and questions that the client answers at once.

use std::time::Duration;

use policyguard::tools::{Client, NotAnswered, Progress, ToolError};
use serde_json::{Map, Value, json};

use crate::backend::failed;
use crate::content;
use crate::rounds;

/// Their names, and what each is for.
pub(crate) const TOOLS: &[(&str, &str)] = &[
    ("test_tool_with_progress", "Tells how far it has come"),
    ("test_tool_with_logging", "Hands on its log"),
    ("test_logging_tool", "Hands on its log, to who wants it"),
    ("test_elicitation_sep1034_defaults", "Asks with defaults"),
    (
        "test_elicitation_sep1330_enums",
        "Asks with every kind of choice",
    ),
];

/// How long each of them works between two words.
const WORK: Duration = Duration::from_millis(50);

/// Runs the tool, talking to this client.
pub(crate) async fn talk(
    tool: &str,
    arguments: &Map<String, Value>,
    client: &dyn Client,
) -> Result<Value, ToolError> {
    let argument = |name: &str| arguments.get(name).and_then(Value::as_str);
    match tool {
        "test_tool_with_progress" => Ok(progress(client).await),
        "test_tool_with_logging" | "test_logging_tool" => Ok(log(client).await),
        "test_sampling" => sample(argument("prompt").unwrap_or_default(), client).await,
        "test_elicitation" => {
            let message = argument("message").unwrap_or_default();
            let answer = elicit(message, &person(), client).await?;
            Ok(content::text(&format!("User response: {answer}")))
        }
        "test_elicitation_sep1034_defaults" => {
            let answer = elicit("Check these values", &defaults(), client).await?;
            Ok(content::text(&format!("Elicitation completed: {answer}")))
        }
        "test_elicitation_sep1330_enums" => {
            let answer = elicit("Choose", &choices(), client).await?;
            Ok(content::text(&format!("Elicitation completed: {answer}")))
        }
        _ => Err(failed(
            -32_602,
            &format!("Unknown tool: {tool}"),
            Value::Null,
        )),
    }
}

async fn progress(client: &dyn Client) -> Value {
    for done in [0.0, 50.0, 100.0] {
        let progress = Progress {
            done,
            total: Some(100.0),
            message: None,
        };
        client.progress(progress).await;
        tokio::time::sleep(WORK).await;
    }
    content::text("The work is done.")
}

async fn log(client: &dyn Client) -> Value {
    for line in [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ] {
        client.log("info", json!(line)).await;
        tokio::time::sleep(WORK).await;
    }
    content::text("The log is written.")
}

async fn sample(prompt: &str, client: &dyn Client) -> Result<Value, ToolError> {
    let question = rounds::sampling(prompt, 100);
    let asked = client.ask("sampling/createMessage", params(&question));
    let answer = asked.await.map_err(|fault| unanswered(&fault))?;
    let text = answer.pointer("/content/text").and_then(Value::as_str);
    let text = format!("LLM response: {}", text.unwrap_or_default());
    Ok(content::text(&text))
}

/// Asks for these properties; the answer in words.
async fn elicit(
    message: &str,
    properties: &Value,
    client: &dyn Client,
) -> Result<String, ToolError> {
    let question = rounds::form(message, properties);
    let asked = client.ask("elicitation/create", params(&question));
    let answer = asked.await.map_err(|fault| unanswered(&fault))?;
    let action = answer.get("action").and_then(Value::as_str);
    let content = answer.get("content").cloned().unwrap_or_default();
    Ok(format!(
        "action={}, content={content}",
        action.unwrap_or_default()
    ))
}

fn params(question: &Value) -> Value {
    question.get("params").cloned().unwrap_or_default()
}

fn unanswered(fault: &NotAnswered) -> ToolError {
    failed(-32_603, &fault.to_string(), Value::Null)
}

fn person() -> Value {
    json!({
        "username": { "type": "string", "description": "User's response" },
        "email": { "type": "string", "description": "User's email address" },
    })
}

fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
        "verified": { "type": "boolean", "default": true },
    })
}

fn choices() -> Value {
    let plain = json!(["option1", "option2", "option3"]);
    let titled = |what: &str| {
        json!([
            { "const": "value1", "title": format!("First {what}") },
            { "const": "value2", "title": format!("Second {what}") },
            { "const": "value3", "title": format!("Third {what}") },
        ])
    };
    json!({
        "untitledSingle": { "type": "string", "enum": plain },
        "titledSingle": { "type": "string", "oneOf": titled("Option") },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": plain } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
    })
}
