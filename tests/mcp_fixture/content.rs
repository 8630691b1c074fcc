//! Fixtures that answer the same to everyone: each kind of content there is.

use policyguard::tools::ToolError;
use serde_json::{Value, json};

/// One red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";
/// Four samples of silence.
const WAV: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQgAAAAAAAAAAAAAAA==";

/// Their names, and what each is for.
pub(crate) const TOOLS: &[(&str, &str)] = &[
    ("test_simple_text", "Answers with text"),
    ("test_image_content", "Answers with an image"),
    ("test_audio_content", "Answers with audio"),
    ("test_embedded_resource", "Answers with a resource"),
    (
        "test_multiple_content_types",
        "Answers with text, an image and a resource",
    ),
    (
        "test_streaming_elicitation",
        "Answers at once, without a question on its stream",
    ),
];

/// What the tool answers; `None` when it is none of these.
pub(crate) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "test_simple_text" => text("This is a simple text response for testing."),
        "test_image_content" => of_blocks(&[image()]),
        "test_audio_content" => {
            of_blocks(&[json!({ "type": "audio", "data": WAV, "mimeType": "audio/wav" })])
        }
        "test_embedded_resource" => of_blocks(&[resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => of_blocks(&[
            block("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ]),
        "test_custom_header" => text("The header says what the argument says."),
        "test_comes_and_goes" => text("I am here."),
        "test_streaming_elicitation" => text("There was nothing to ask."),
        _ => return None,
    })
}

/// The result of a tool that ran and says no in its own words.
pub(crate) fn fails() -> ToolError {
    let message = "This tool intentionally returns an error for testing";
    let mut result = text(message);
    if let Some(members) = result.as_object_mut() {
        members.insert("isError".to_owned(), json!(true));
    }
    ToolError::Failed {
        message: message.to_owned(),
        detail: json!({ "result": result }),
        changes: Vec::new(),
    }
}

/// A result that is one text.
pub(crate) fn text(text: &str) -> Value {
    of_blocks(&[block(text)])
}

fn of_blocks(blocks: &[Value]) -> Value {
    json!({ "content": blocks })
}

/// A block of text.
pub(crate) fn block(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// A block that is an image.
pub(crate) fn image() -> Value {
    json!({ "type": "image", "data": PNG, "mimeType": "image/png" })
}

/// A block that is a resource.
pub(crate) fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    let resource = json!({ "uri": uri, "mimeType": mime_type, "text": text });
    json!({ "type": "resource", "resource": resource })
}
