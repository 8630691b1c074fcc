//! Resources, prompts and completions of the backends, each read by a tool of theirs.

use rmcp::model::{CompleteResult, GetPromptResult, ReadResourceResult};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::pipeline::{Answer, Body};
use crate::tools::Shelf;

use super::calls::Inputs;
use super::native::{self, Ended};
use super::{Road, answer};

/// Error code of a request that policy does not let through; in the range that servers define for themselves.
const DENIED: i32 = -32_000;

impl Road {
    /// What all backends offer of one kind.
    pub(super) fn offered<T: DeserializeOwned>(&self, of: impl Fn(&Shelf) -> &[Value]) -> Vec<T> {
        let shelves = self.pipeline.catalog().shelves().iter();
        let entries = shelves.flat_map(|shelf| of(shelf).iter().cloned());
        entries
            .filter_map(|entry| native::read(entry).ok())
            .collect()
    }

    /// Whether a backend's tools hand on their logs.
    pub(super) fn logs(&self) -> bool {
        self.pipeline
            .catalog()
            .shelves()
            .iter()
            .any(|shelf| shelf.logs)
    }

    /// The resource at this address, of a backend; `None` when it is none of theirs.
    pub(super) async fn read_shelved(
        &self,
        uri: &str,
        inputs: Inputs,
        context: &RequestContext<RoleServer>,
    ) -> Option<Result<Ended<ReadResourceResult>, ErrorData>> {
        let shelves = self.pipeline.catalog().shelves();
        let reads = |shelf: &&Shelf| shelf.schemes.iter().any(|scheme| uri.starts_with(scheme));
        let reader = shelves.iter().find(reads)?.reader?;
        let arguments = members(json!({ "uri": uri }));
        Some(self.fetch(reader, arguments, inputs, context).await)
    }

    /// The prompt of this name, of a backend; `None` when it is none of theirs.
    pub(super) async fn prompt_shelved(
        &self,
        name: &str,
        arguments: Option<Map<String, Value>>,
        inputs: Inputs,
        context: &RequestContext<RoleServer>,
    ) -> Option<Result<Ended<GetPromptResult>, ErrorData>> {
        let has = |shelf: &&Shelf| shelf.prompts.iter().any(|prompt| named(prompt, name));
        let prompter = self
            .pipeline
            .catalog()
            .shelves()
            .iter()
            .find(has)?
            .prompter?;
        let arguments = members(json!({
            "name": name,
            "arguments": arguments.unwrap_or_default(),
        }));
        Some(self.fetch(prompter, arguments, inputs, context).await)
    }

    /// Completions of a backend; `None` when it has none for this reference.
    pub(super) async fn complete_shelved(
        &self,
        request: Value,
        context: &RequestContext<RoleServer>,
    ) -> Option<Result<CompleteResult, ErrorData>> {
        let name = request.pointer("/ref/name").and_then(Value::as_str);
        let uri = request.pointer("/ref/uri").and_then(Value::as_str);
        let has = |shelf: &&Shelf| {
            let prompt = |name| shelf.prompts.iter().any(|prompt| named(prompt, name));
            let template = |uri| {
                let is =
                    |entry: &Value| entry.get("uriTemplate").and_then(Value::as_str) == Some(uri);
                shelf.templates.iter().any(is)
            };
            name.is_some_and(prompt) || uri.is_some_and(template)
        };
        let completer = self
            .pipeline
            .catalog()
            .shelves()
            .iter()
            .find(has)?
            .completer?;
        let answer = self.run(completer, members(request), Inputs::default(), context);
        Some(match answer.await {
            Ok(answer) => given(answer).and_then(native::read),
            Err(error) => Err(error),
        })
    }

    async fn fetch<T: DeserializeOwned>(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        inputs: Inputs,
        context: &RequestContext<RoleServer>,
    ) -> Result<Ended<T>, ErrorData> {
        let answer = self.run(tool, arguments, inputs, context).await?;
        native::ended(given(answer)?)
    }
}

/// What the tool gave, or the error that says why it gave nothing.
pub(super) fn given(answer: Answer) -> Result<Value, ErrorData> {
    let Answer { decision, body } = answer;
    match body {
        Body::Done(result) => Ok(result),
        Body::Failed { message, detail } => {
            Err(native::error(&detail).unwrap_or_else(|| ErrorData::internal_error(message, None)))
        }
        Body::Mendable { message, hint, .. } => Err(ErrorData::invalid_params(
            format!("{message}. {hint}"),
            None,
        )),
        Body::Refused | Body::Shadow { .. } => {
            let told = serde_json::to_value(decision.told()).ok();
            let text = answer::refusal(&decision);
            Err(ErrorData::new(rmcp::model::ErrorCode(DENIED), text, told))
        }
    }
}

fn named(entry: &Value, name: &str) -> bool {
    entry.get("name").and_then(Value::as_str) == Some(name)
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
