//! A row of the route table as an operation: parameters, body, answers.

use serde_json::{Map, Value, json};

use super::components::{failures, response};
use super::examples;
use crate::domain::Role;
use crate::tools::ToolDefinition;
use crate::transport::rest::routes::{Arguments, Route};
use crate::transport::rest::stream;

/// The operation of a row; without a definition of its tool, one that promises only objects.
pub(super) fn of(route: &Route, tool: Option<&ToolDefinition>) -> Value {
    let nothing = json!({ "type": "object" });
    let input = tool.map_or(&nothing, |tool| &tool.facts.input_schema);
    let inputs = Inputs::of(route, input);
    let done = if route.tool == stream::TOOL {
        let events =
            json!({ "type": "string", "description": "Server-sent events, a record each" });
        response(
            "Events, until one side closes",
            "text/event-stream",
            &events,
        )
    } else {
        let promised = tool.and_then(|tool| tool.output_schema.as_ref());
        response("Done", "application/json", promised.unwrap_or(&nothing))
    };
    let description = tool.map_or(route.tool, |tool| tool.description);
    let mut operation = json!({
        "operationId": route.tool,
        "summary": summary(description),
        "description": description,
        "x-tool": route.tool,
    });
    let mut set = |name: &str, value: Value| {
        if let Value::Object(members) = &mut operation {
            members.insert(name.to_owned(), value);
        }
    };
    if let Some(tool) = tool {
        let roles: Vec<&str> = tool.facts.needs.iter().map(Role::as_str).collect();
        set("x-roles", json!(roles));
    }
    let parameters = inputs.parameters();
    if !parameters.is_empty() {
        set("parameters", json!(parameters));
    }
    if let Some(body) = inputs.body() {
        set("requestBody", body);
    }
    let mut answers = failures(
        |status| may_answer(route, &inputs, status),
        route.execution_api,
    );
    answers.insert("200".to_owned(), done);
    set("responses", Value::Object(answers));
    operation
}

/// The first sentence.
fn summary(description: &str) -> &str {
    let end = description.find(". ").unwrap_or(description.len());
    description
        .get(..end)
        .unwrap_or(description)
        .trim_end_matches('.')
}

/// Whether the route may answer with a problem of this status.
fn may_answer(route: &Route, inputs: &Inputs<'_>, status: u16) -> bool {
    match status {
        404 => !inputs.properties.is_empty(),
        405 => false,
        409 => route.method != "GET",
        413 | 415 => route.arguments != Arguments::Query,
        422 => route.execution_api,
        _ => true,
    }
}

/// The arguments of a route, by where they stand.
struct Inputs<'a> {
    route: &'a Route,
    schema: &'a Value,
    properties: Vec<(&'a str, &'a Value)>,
    in_path: Vec<&'a str>,
}

impl<'a> Inputs<'a> {
    fn of(route: &'a Route, schema: &'a Value) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        let properties = properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
            .collect();
        let in_path = route
            .path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        Self {
            route,
            schema,
            properties,
            in_path,
        }
    }

    fn is_required(&self, name: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|known| known == name))
    }

    /// The properties that do not stand in the path.
    fn elsewhere(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let in_path = |name: &&str| self.in_path.contains(name);
        self.properties
            .iter()
            .copied()
            .filter(move |(name, _)| !in_path(name))
    }

    fn parameters(&self) -> Vec<Value> {
        let in_path = self.in_path.iter().map(|name| {
            let known = self.properties.iter().find(|(known, _)| known == name);
            let schema = known.map_or_else(
                || json!({ "type": "string" }),
                |(_, schema)| (*schema).clone(),
            );
            parameter("path", name, true, shaped(name, schema))
        });
        let mut parameters: Vec<Value> = in_path.collect();
        if self.route.arguments != Arguments::Body {
            let alone = self.route.arguments == Arguments::Query;
            parameters.extend(self.elsewhere().map(|(name, schema)| {
                parameter(
                    "query",
                    name,
                    alone && self.is_required(name),
                    schema.clone(),
                )
            }));
        }
        parameters
    }

    /// The body; where the query may say the same, nothing in it is required.
    fn body(&self) -> Option<Value> {
        let alone = match self.route.arguments {
            Arguments::Query => return None,
            Arguments::Body => true,
            Arguments::BodyOrQuery => false,
        };
        let mut schema = self.schema.as_object().cloned().unwrap_or_default();
        let properties: Map<String, Value> = self
            .elsewhere()
            .map(|(name, schema)| (name.to_owned(), schema.clone()))
            .collect();
        let required: Vec<&str> = self
            .elsewhere()
            .map(|(name, _)| name)
            .filter(|name| alone && self.is_required(name))
            .collect();
        let example = examples::object(&properties, &required);
        let must = !required.is_empty();
        schema.insert("properties".to_owned(), Value::Object(properties));
        schema.shift_remove("required");
        if must {
            schema.insert("required".to_owned(), json!(required));
        }
        let mut media = json!({ "schema": schema });
        if let (Some(example), Value::Object(media)) = (example, &mut media) {
            media.insert(
                "examples".to_owned(),
                json!({ "typical": { "value": example } }),
            );
        }
        Some(json!({ "required": must, "content": { "application/json": media } }))
    }
}

fn parameter(place: &str, name: &str, required: bool, schema: Value) -> Value {
    let example = examples::value(name, &schema);
    let description = schema.get("description").cloned();
    let mut parameter = json!({ "name": name, "in": place, "required": required });
    if let Value::Object(members) = &mut parameter {
        if let Some(description) = description {
            members.insert("description".to_owned(), description);
        }
        if let Some(example) = example.filter(|_| required) {
            members.insert("example".to_owned(), example);
        }
        // A list or an object stands in a query as JSON text.
        let kind = schema.get("type").and_then(Value::as_str);
        if matches!(kind, Some("array" | "object")) {
            let content = json!({ "application/json": { "schema": schema } });
            members.insert("content".to_owned(), content);
        } else {
            members.insert("schema".to_owned(), schema);
        }
    }
    parameter
}

/// The schema of a path's argument with the form that its name tells, unless it says one itself.
fn shaped(name: &str, mut schema: Value) -> Value {
    let says = |word: &str| schema.get(word).is_some();
    let is_text = schema.get("type").and_then(Value::as_str) == Some("string");
    if says("pattern") || says("enum") || says("const") || !is_text {
        return schema;
    }
    if let Value::Object(members) = &mut schema {
        members.insert("pattern".to_owned(), json!(form(name)));
        // The form says how long it may be, also where the tool is more generous.
        members.shift_remove("maxLength");
        members.shift_remove("minLength");
    }
    schema
}

/// The form of an id, by its name; of anything else that it stands between two slashes.
fn form(name: &str) -> &'static str {
    match name {
        "agent_id" => "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$",
        "policy_id" => "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$",
        "action_id" => "^act_[0-9a-f]{12}$",
        "entry_id" | "record_id" => "^aud_[0-9a-f]{12}$",
        "incident_id" => "^inc_[0-9a-f]{12}$",
        "approval_id" => "^apr_[0-9a-f]{12}$",
        "override_id" => "^ovr_[0-9a-f]{12}$",
        "job_id" => "^job_[0-9a-f]{12}$",
        "tool" | "tool_name" => "^[A-Za-z0-9_-]{1,64}$",
        _ => "^[^/]{1,512}$",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ToolClass;

    fn agent_tool() -> ToolDefinition {
        let schema = json!({
            "type": "object",
            "properties": {
                "agent_id": { "type": "string", "maxLength": 128 },
                "reason": { "type": "string" },
            },
            "required": ["agent_id", "reason"],
            "additionalProperties": false,
        });
        ToolDefinition::gateway(
            "suspend_agent",
            ToolClass::Modify,
            "Stops it. At once.",
            schema,
        )
    }

    fn route(method: &'static str, arguments: Arguments) -> Route {
        Route {
            method,
            path: "/api/v1/agents/{agent_id}/suspend",
            tool: "suspend_agent",
            arguments,
            execution_api: false,
        }
    }

    #[test]
    fn what_stands_in_the_path_is_no_part_of_the_body() {
        let operation = of(&route("POST", Arguments::Body), Some(&agent_tool()));
        let body = "/requestBody/content/application~1json/schema";
        let at = |rest: &str| operation.pointer(&format!("{body}{rest}"));
        assert_eq!(at("/required"), Some(&json!(["reason"])));
        assert_eq!(at("/properties/agent_id"), None);
        assert_eq!(at("/additionalProperties"), Some(&json!(false)));
        assert_eq!(
            operation.pointer("/parameters/0/schema/pattern"),
            Some(&json!("^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$"))
        );
        assert_eq!(operation.pointer("/summary"), Some(&json!("Stops it")));
        assert!(operation.pointer("/responses/422").is_none());
        assert!(operation.pointer("/responses/404").is_some());
    }

    #[test]
    fn what_the_query_may_say_too_is_not_required_of_the_body() {
        let operation = of(&route("POST", Arguments::BodyOrQuery), Some(&agent_tool()));
        assert_eq!(
            operation.pointer("/requestBody/required"),
            Some(&json!(false))
        );
        assert_eq!(
            operation.pointer("/parameters/1/required"),
            Some(&json!(false))
        );
        assert_eq!(
            operation.pointer("/requestBody/content/application~1json/schema/required"),
            None
        );
    }

    #[test]
    fn a_row_whose_tool_is_not_here_still_has_an_operation() {
        let operation = of(&route("GET", Arguments::Query), None);
        assert_eq!(
            operation.pointer("/responses/200/content/application~1json/schema"),
            Some(&json!({ "type": "object" }))
        );
    }
}
