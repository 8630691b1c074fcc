//! The routes that are no row of the table.

use serde_json::{Map, Value, json};

use super::components::{failures, reference, response};
use super::pages;
use crate::tools::schema::{answer, count, list, text};

/// Method, path and operation of each.
pub(super) fn operations() -> Vec<(&'static str, &'static str, Value)> {
    let doors = executions()
        .into_iter()
        .chain(evaluations())
        .chain(pages::pages())
        .chain(pages::docs())
        .chain(pages::probes());
    doors.map(Door::operation).collect()
}

/// One such route.
pub(super) struct Door {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: Map<String, Value>,
}

impl Door {
    fn operation(self) -> (&'static str, &'static str, Value) {
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "description": self.about,
        });
        if let Value::Object(members) = &mut operation {
            if !self.parameters.is_empty() {
                members.insert("parameters".to_owned(), json!(self.parameters));
            }
            if let Some(body) = self.body {
                members.insert("requestBody".to_owned(), body);
            }
            members.insert("responses".to_owned(), Value::Object(self.answers));
        }
        (self.method, self.path, operation)
    }
}

/// The answer of a request that was served, and those of one that was not.
pub(super) fn answers(done: Value, failures: Map<String, Value>) -> Map<String, Value> {
    let done = ("200".to_owned(), done);
    [done].into_iter().chain(failures).collect()
}

pub(super) fn json_of(says: &str, schema: &Value) -> Value {
    response(says, "application/json", schema)
}

fn executions() -> Vec<Door> {
    let call =
        json!({ "tool_name": "get_service_status", "arguments": { "service_name": "web-server" } });
    let shadow = json!({ "tool_name": "restart_service", "arguments": { "service_name": "cache" }, "execution_mode": "SHADOW" });
    let one = json!({
        "required": true,
        "content": { "application/json": {
            "schema": reference("ExecuteRequest"),
            "examples": { "read": { "value": call }, "dry run": { "value": shadow } },
        } },
    });
    let calls = json!({
        "type": "object",
        "properties": { "calls": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": { "anyOf": [reference("ExecuteRequest"), { "description": "Anything else fails alone, in its place" }] },
        } },
        "required": ["calls"],
        "additionalProperties": false,
    });
    let many = json!({
        "required": true,
        "content": { "application/json": {
            "schema": calls,
            "examples": { "two": { "value": { "calls": [call, shadow] } } },
        } },
    });
    let results = answer(
        &json!({ "count": count("Results"), "results": list(&reference("BatchItem")) }),
        &[],
    );
    let failures = || failures(|status| !matches!(status, 404 | 405 | 409), true);
    vec![
        Door {
            method: "POST",
            path: "/tools/execute",
            id: "execute",
            summary: "Runs a tool, or tells what would happen",
            about: "Decides the call by policy, records the decision, and only then runs the tool. \
                A denial is an ordinary answer with `policy_violation: true`.",
            parameters: Vec::new(),
            body: Some(one),
            answers: answers(
                json_of(
                    "Done, denied or failed: the body tells",
                    &reference("ExecuteAnswer"),
                ),
                failures(),
            ),
        },
        Door {
            method: "POST",
            path: "/tools/execute/batch",
            id: "execute_batch",
            summary: "Runs up to 50 tools, one after the other",
            about: "Each is decided and recorded on its own; one that fails stops none.",
            parameters: Vec::new(),
            body: Some(many),
            answers: answers(
                json_of("A result for each call, in order", &results),
                failures(),
            ),
        },
    ]
}

/// AuthZEN 1.0.
fn evaluations() -> Vec<Door> {
    let question = json!({
        "subject": { "type": "agent", "id": "etl-1" },
        "action": { "name": "tool_call" },
        "resource": { "type": "tool", "id": "restart_service", "properties": { "arguments": { "service_name": "cache" } } },
    });
    let services = json!({ "resource": { "type": "tool", "id": "list_services" } });
    let mut several = question.clone();
    if let Value::Object(members) = &mut several {
        members.insert("evaluations".to_owned(), json!([{}, services]));
    }
    let body = |schema: &str, example: &Value| {
        Some(json!({
            "required": true,
            "content": { "application/json": {
                "schema": reference(schema),
                "examples": { "typical": { "value": example } },
            } },
        }))
    };
    let verdicts = answer(&json!({ "evaluations": list(&reference("Verdict")) }), &[]);
    let either = json!({ "anyOf": [verdicts, reference("Verdict")] });
    let place = text("A URL");
    let places = answer(
        &json!({
            "policy_decision_point": place,
            "access_evaluation_endpoint": place,
            "access_evaluations_endpoint": place,
        }),
        &[],
    );
    let failures = || failures(|status| !matches!(status, 404 | 405 | 409 | 422), false);
    vec![
        Door {
            method: "POST",
            path: "/access/v1/evaluation",
            id: "evaluation",
            summary: "Asks whether a subject may do an action to a resource (AuthZEN 1.0)",
            about: "`subject.id` is the agent, `action.name` the action type; with `tool_call` the tool is \
                `resource.id`. A question registers, opens and counts nothing; an approval that is \
                needed is a no with `code: approval_required`.",
            parameters: Vec::new(),
            body: body("Evaluation", &question),
            answers: answers(json_of("Yes or no", &reference("Verdict")), failures()),
        },
        Door {
            method: "POST",
            path: "/access/v1/evaluations",
            id: "evaluations",
            summary: "Asks several such questions in order (AuthZEN 1.0)",
            about: "What a question leaves out stands beside the list. Without a list the request is one question.",
            parameters: Vec::new(),
            body: body("Evaluations", &several),
            answers: answers(
                json_of("An answer each, as far as the semantic asks", &either),
                failures(),
            ),
        },
        Door {
            method: "GET",
            path: "/.well-known/authzen-configuration",
            id: "authzen_configuration",
            summary: "Says where the decision point is (AuthZEN 1.0)",
            about: "The addresses are made of the host that was asked.",
            parameters: Vec::new(),
            body: None,
            answers: answers(json_of("Where", &places), failures()),
        },
        protected_resource(
            "/.well-known/oauth-protected-resource",
            "protected_resource",
        ),
        protected_resource(
            "/.well-known/oauth-protected-resource/mcp",
            "protected_resource_mcp",
        ),
    ]
}

/// Where clients get tokens.
fn protected_resource(path: &'static str, id: &'static str) -> Door {
    let metadata = answer(
        &json!({
            "resource": text("What tokens name as their audience"),
            "resource_name": text("policyguard"),
            "authorization_servers": list(&text("An issuer of tokens that are accepted")),
            "bearer_methods_supported": list(&text("Where a token may stand")),
        }),
        &[],
    );
    Door {
        method: "GET",
        path,
        id,
        summary: "Says whose tokens open the gateway (RFC 9728)",
        about: "Where no issuer is configured, callers show keys of the gateway's own.",
        parameters: Vec::new(),
        body: None,
        answers: answers(json_of("Where", &metadata), failures(|_| false, false)),
    }
}
