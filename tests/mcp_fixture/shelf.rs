//! Resources and prompts of fixed names, and the tools by which each is read.

use policyguard::tools::{Permit, Shelf, ToolError};
use serde_json::{Map, Value, json};

use crate::backend::{failed, no_client};
use crate::content::{self, PNG, block, image};
use crate::rounds::{self, Step};

/// The tool that reads a resource.
pub(crate) const READER: &str = "read_fixture_resource";
/// The tool that fills in a prompt.
pub(crate) const PROMPTER: &str = "get_fixture_prompt";
/// The tool that completes an argument.
pub(crate) const COMPLETER: &str = "complete_fixture_argument";

/// Those tools: name, description, schema of the arguments.
pub(crate) fn tools() -> [(&'static str, &'static str, Value); 3] {
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    let text = || json!({ "type": "string" });
    [
        (
            READER,
            "Reads a fixture's resource",
            object(json!({ "uri": text() })),
        ),
        (
            PROMPTER,
            "Fills in a fixture's prompt",
            object(json!({ "name": text(), "arguments": { "type": "object" } })),
        ),
        (
            COMPLETER,
            "Completes an argument of a fixture's prompt",
            object(json!({ "ref": { "type": "object" }, "argument": { "type": "object" } })),
        ),
    ]
}

/// What there is.
pub(crate) fn shelf() -> Shelf {
    Shelf {
        resources: vec![
            resource("static-text", "text/plain"),
            resource("static-binary", "image/png"),
            resource("watched-resource", "text/plain"),
        ],
        templates: vec![json!({
            "uriTemplate": "test://template/{id}/data",
            "name": "template-data",
            "description": "Data by id",
            "mimeType": "application/json",
        })],
        prompts: vec![
            prompt_entry("test_simple_prompt", &[]),
            prompt_entry("test_prompt_with_arguments", &["arg1", "arg2"]),
            prompt_entry("test_prompt_with_embedded_resource", &["resourceUri"]),
            prompt_entry("test_prompt_with_image", &[]),
            prompt_entry("test_input_required_result_prompt", &[]),
        ],
        schemes: vec!["test://"],
        reader: Some(READER),
        prompter: Some(PROMPTER),
        completer: Some(COMPLETER),
        logs: true,
    }
}

fn resource(name: &str, mime_type: &str) -> Value {
    json!({
        "uri": format!("test://{name}"),
        "name": name,
        "description": format!("The fixture {name}"),
        "mimeType": mime_type,
    })
}

fn prompt_entry(name: &str, required: &[&str]) -> Value {
    let argument =
        |name: &&str| json!({ "name": name, "description": "Anything", "required": true });
    let arguments: Vec<Value> = required.iter().map(argument).collect();
    json!({ "name": name, "description": format!("The fixture {name}"), "arguments": arguments })
}

/// The resource at the address.
pub(crate) fn read(arguments: &Map<String, Value>) -> Result<Value, ToolError> {
    let uri = arguments
        .get("uri")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (mime_type, kind, data) = match uri {
        "test://static-text" => (
            "text/plain",
            "text",
            "This is the content of the static text resource.".to_owned(),
        ),
        "test://static-binary" => ("image/png", "blob", PNG.to_owned()),
        "test://watched-resource" => ("text/plain", "text", "Watched resource content".to_owned()),
        _ => {
            let id = uri
                .strip_prefix("test://template/")
                .and_then(|rest| rest.strip_suffix("/data"));
            let missing = || failed(-32_602, "Resource not found", json!({ "uri": uri }));
            let id = id.ok_or_else(missing)?;
            let data =
                json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            ("application/json", "text", data.to_string())
        }
    };
    let contents = json!({ "uri": uri, "mimeType": mime_type, kind: data });
    Ok(json!({ "contents": [contents] }))
}

/// The prompt of the name, filled in.
pub(crate) fn prompt(arguments: &Map<String, Value>, permit: &Permit) -> Result<Value, ToolError> {
    let name = arguments
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let argument = |name: &str| {
        let value = arguments
            .get("arguments")
            .and_then(|given| given.get(name)?.as_str());
        value.unwrap_or_default()
    };
    Ok(match name {
        "test_simple_prompt" => messages(&[block("This is a simple prompt for testing.")]),
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1"), argument("arg2"));
            messages(&[block(&format!(
                "Prompt with arguments: arg1='{first}', arg2='{second}'"
            ))])
        }
        "test_prompt_with_embedded_resource" => messages(&[
            content::resource(
                argument("resourceUri"),
                "text/plain",
                "Embedded resource content for testing.",
            ),
            block("Please process the embedded resource above."),
        ]),
        "test_prompt_with_image" => messages(&[image(), block("Please analyze the image above.")]),
        "test_input_required_result_prompt" => {
            let client = permit.line().client().ok_or_else(no_client)?;
            match rounds::step("prompt", client)? {
                Step::Ask(question) => question,
                Step::Answered(answers) => {
                    let context =
                        rounds::content_of(&Value::Object(answers), "user_context", "context");
                    messages(&[block(&format!("Use this context: {context}"))])
                }
            }
        }
        _ => {
            return Err(failed(
                -32_602,
                &format!("Unknown prompt: {name}"),
                Value::Null,
            ));
        }
    })
}

fn messages(blocks: &[Value]) -> Value {
    let message = |content: &Value| json!({ "role": "user", "content": content });
    let messages: Vec<Value> = blocks.iter().map(message).collect();
    json!({ "messages": messages })
}

/// What the argument could become.
pub(crate) fn complete(arguments: &Map<String, Value>) -> Value {
    let argument = arguments.get("argument");
    let start = argument.and_then(|argument| argument.get("value")?.as_str());
    let start = start.unwrap_or_default();
    let values: Vec<&str> = ["testValue1", "testValue2"]
        .into_iter()
        .filter(|value| value.starts_with(start))
        .collect();
    json!({ "completion": { "values": values, "total": values.len(), "hasMore": false } })
}
