//! The routes that are no row of the table: the generic door, the probes, the front page, this document.

use serde_json::{Map, Value, json};

use super::components::{failures, reference, response};
use crate::tools::schema::{answer, count, instant, list, one_of, or_null, text};

/// Method, path and operation of each.
pub(super) fn operations() -> Vec<(&'static str, &'static str, Value)> {
    let doors = executions().into_iter().chain(pages()).chain(probes());
    doors.map(Door::operation).collect()
}

/// One such route.
struct Door {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    about: &'static str,
    body: Option<Value>,
    answers: Map<String, Value>,
}

impl Door {
    fn operation(self) -> (&'static str, &'static str, Value) {
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "description": self.about,
        });
        if let Value::Object(members) = &mut operation {
            if let Some(body) = self.body {
                members.insert("requestBody".to_owned(), body);
            }
            members.insert("responses".to_owned(), Value::Object(self.answers));
        }
        (self.method, self.path, operation)
    }
}

/// The answer of a request that was served, and those of one that was not.
fn answers(done: Value, failures: Map<String, Value>) -> Map<String, Value> {
    let done = ("200".to_owned(), done);
    [done].into_iter().chain(failures).collect()
}

fn json_of(says: &str, schema: &Value) -> Value {
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
            body: Some(many),
            answers: answers(
                json_of("A result for each call, in order", &results),
                failures(),
            ),
        },
    ]
}

fn pages() -> Vec<Door> {
    let front = answer(
        &json!({
            "service": one_of(&["policyguard"]),
            "version": text("The gateway's version"),
            "status": one_of(&["operational"]),
            "policy_engine": one_of(&["active"]),
            "current_mode": text("The mode that holds"),
            "mode_expires_at": or_null(&instant()),
            "remaining_seconds": or_null(&count("What is left of the mode")),
        }),
        &[],
    );
    let mut front = json_of("What this is", &front);
    if let Some(Value::Object(content)) = front.pointer_mut("/content") {
        content.insert(
            "text/html".to_owned(),
            json!({ "schema": { "type": "string" } }),
        );
    }
    let strangers = || failures(|status| status == 403, false);
    vec![
        Door {
            method: "GET",
            path: "/",
            id: "front",
            summary: "Says what this is and which mode holds",
            about: "A browser (`Accept: text/html`) gets a page with the doors.",
            body: None,
            answers: answers(front, strangers()),
        },
        Door {
            method: "GET",
            path: "/metrics",
            id: "metrics",
            summary: "Gives the figures for Prometheus",
            about: "OpenMetrics text; docs/reference/metrics.md lists the figures.",
            body: None,
            answers: answers(
                response(
                    "The figures",
                    "application/openmetrics-text",
                    &json!({ "type": "string" }),
                ),
                strangers(),
            ),
        },
        Door {
            method: "GET",
            path: "/openapi.json",
            id: "openapi",
            summary: "Gives this document",
            about: "OpenAPI 3.1, made from the route table and the tools' own schemas.",
            body: None,
            answers: answers(
                json_of("The document", &json!({ "type": "object" })),
                strangers(),
            ),
        },
    ]
}

fn probes() -> Vec<Door> {
    let checks =
        json!({ "type": "object", "additionalProperties": text("`ok`, or what is wrong") });
    let ready = answer(
        &json!({ "status": one_of(&["ready", "not ready"]), "checks": checks }),
        &[],
    );
    let healthy = answer(&json!({ "status": one_of(&["healthy", "unhealthy"]) }), &[]);
    let alive = json!({ "type": "string", "const": "ok" });
    let unwell = |schema: &Value| {
        Map::from_iter([("503".to_owned(), json_of("Something is wrong", schema))])
    };
    let any_host = "Served to any host.";
    vec![
        Door {
            method: "GET",
            path: "/livez",
            id: "livez",
            summary: "Says that the process answers",
            about: any_host,
            body: None,
            answers: answers(response("It does", "text/plain", &alive), Map::new()),
        },
        Door {
            method: "GET",
            path: "/readyz",
            id: "readyz",
            summary: "Says which parts are ready, by name",
            about: any_host,
            body: None,
            answers: answers(json_of("All are", &ready), unwell(&ready)),
        },
        Door {
            method: "GET",
            path: "/healthz",
            id: "healthz",
            summary: "Says in one word whether the server is well",
            about: any_host,
            body: None,
            answers: answers(json_of("It is", &healthy), unwell(&healthy)),
        },
    ]
}
