//! Pages, figures and probes as operations.

use serde_json::{Map, Value, json};

use super::components::{failures, response};
use super::doors::{Door, answers, json_of};
use crate::tools::schema::{answer, count, instant, one_of, or_null, text};

/// The front page, the figures, this document.
pub(super) fn pages() -> Vec<Door> {
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
            parameters: Vec::new(),
            body: None,
            answers: answers(front, strangers()),
        },
        Door {
            method: "GET",
            path: "/metrics",
            id: "metrics",
            summary: "Gives the figures for Prometheus",
            about: "OpenMetrics text; docs/reference/metrics.md lists the figures.",
            parameters: Vec::new(),
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
            parameters: Vec::new(),
            body: None,
            answers: answers(
                json_of("The document", &json!({ "type": "object" })),
                strangers(),
            ),
        },
    ]
}

/// The page of the API and its files.
pub(super) fn docs() -> Vec<Door> {
    let strangers = || failures(|status| status == 403, false);
    let text = json!({ "type": "string" });
    let mut file = response("The file", "text/javascript", &text);
    if let Some(Value::Object(content)) = file.pointer_mut("/content") {
        content.insert("text/css".to_owned(), json!({ "schema": text }));
    }
    let files = one_of(&["start.js", "swagger-ui.css", "swagger-ui-bundle.js"]);
    let known = || failures(|status| matches!(status, 403 | 404), false);
    vec![
        Door {
            method: "GET",
            path: "/docs",
            id: "docs",
            summary: "Shows this document as a page",
            about: "Swagger UI, served from here; nothing is loaded from elsewhere.",
            parameters: Vec::new(),
            body: None,
            answers: answers(response("The page", "text/html", &text), strangers()),
        },
        Door {
            method: "GET",
            path: "/docs/{file}",
            id: "docs_file",
            summary: "Gives a file of that page",
            about: "The larger ones are sent as gzip.",
            parameters: vec![
                json!({ "name": "file", "in": "path", "required": true, "schema": files }),
            ],
            body: None,
            answers: answers(file, known()),
        },
    ]
}

/// Whether the server is well.
pub(super) fn probes() -> Vec<Door> {
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
            parameters: Vec::new(),
            body: None,
            answers: answers(response("It does", "text/plain", &alive), Map::new()),
        },
        Door {
            method: "GET",
            path: "/readyz",
            id: "readyz",
            summary: "Says which parts are ready, by name",
            about: any_host,
            parameters: Vec::new(),
            body: None,
            answers: answers(json_of("All are", &ready), unwell(&ready)),
        },
        Door {
            method: "GET",
            path: "/healthz",
            id: "healthz",
            summary: "Says in one word whether the server is well",
            about: any_host,
            parameters: Vec::new(),
            body: None,
            answers: answers(json_of("It is", &healthy), unwell(&healthy)),
        },
    ]
}
