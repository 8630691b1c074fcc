//! What the OpenAPI document promises, and whether the gateway keeps it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::support::{House, assert_golden};

/// The document that this gateway serves.
async fn document(house: &House) -> Value {
    let reply = house.get("/openapi.json").await;
    assert_eq!(reply.status, 200);
    reply.body
}

/// Path, method and operation of each route.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item)| {
        let item: &Map<String, Value> = Value::as_object(item).unwrap();
        let path: &String = path;
        item.iter()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    };
    paths.iter().flat_map(methods).collect()
}

/// The value at a reference.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |place| {
        document
            .pointer(place.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("`{place}` leads nowhere"))
    })
}

/// The schema with the document's shared schemas, and every object closed, so that a member nobody wrote down is found.
fn closed(document: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    let mut shared = document["components"]["schemas"].clone();
    close(&mut schema);
    close(&mut shared);
    schema["components"] = json!({ "schemas": shared });
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_object = members.contains_key("properties") && members.contains_key("type");
            if is_object && !members.contains_key("anyOf") {
                members
                    .entry("additionalProperties")
                    .or_insert(json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Asserts that a value is as the schema has it.
#[track_caller]
fn assert_fits(document: &Value, schema: &Value, value: &Value, what: &str) {
    let schema = closed(document, schema);
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|fault| panic!("{what}: {fault}"));
    let problems: Vec<String> = validator
        .iter_errors(value)
        .map(|problem| format!("{}: {problem}", problem.instance_path()))
        .collect();
    assert!(
        problems.is_empty(),
        "{what}: {}\n{value:#}",
        problems.join("\n")
    );
}

#[tokio::test]
async fn the_committed_document_is_the_one_that_is_served() {
    let served = document(&House::new().await).await;
    assert_golden("docs/openapi.json", &format!("{served:#}\n"));
}

#[tokio::test]
async fn every_operation_is_named_once_and_every_reference_leads_somewhere() {
    let document = document(&House::new().await).await;
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} stands twice");
        for name in ["summary", "description", "tags"] {
            assert!(!operation[name].is_null(), "{method} {path} has no {name}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let shaped = ["pattern", "enum", "minimum"]
                .iter()
                .any(|word| !parameter["schema"][*word].is_null());
            assert!(
                parameter["in"] != "path" || shaped,
                "{method} {path}: {parameter} has no form"
            );
        }
    }
    assert!(ids.len() > 20, "the table was not read");
    let mut waiting = vec![&document];
    while let Some(value) = waiting.pop() {
        resolve(&document, value);
        match value {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(items) => waiting.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[tokio::test]
async fn every_example_fits_its_schema() {
    let document = document(&House::new().await).await;
    let mut seen = 0;
    for (path, method, operation) in operations(&document) {
        let media = &operation["requestBody"]["content"]["application/json"];
        for (name, example) in media["examples"].as_object().into_iter().flatten() {
            let what = format!("{method} {path}, example {name}");
            assert_fits(&document, &media["schema"], &example["value"], &what);
            seen += 1;
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if let Some(example) = parameter.get("example") {
                let what = format!("{method} {path}, {}", parameter["name"]);
                assert_fits(&document, &parameter["schema"], example, &what);
            }
        }
    }
    assert!(seen > 5, "no example was found");
}

/// The path with a value of its form for each argument.
fn filled(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "path")
        .fold(path.to_owned(), |path, parameter| {
            let name = parameter["name"].as_str().unwrap();
            let first = parameter["schema"]["enum"][0].as_str().map(str::to_owned);
            let value = first.unwrap_or_else(|| match parameter["schema"]["pattern"].as_str() {
                Some(pattern) if pattern.ends_with("_[0-9a-f]{12}$") => {
                    format!("{}_0123456789ab", pattern.get(1..4).unwrap())
                }
                _ if parameter["schema"]["type"] == "integer" => "1".to_owned(),
                _ => "nobody".to_owned(),
            });
            path.replace(&format!("{{{name}}}"), &value)
        })
}

#[tokio::test]
async fn whatever_is_documented_is_served_and_answers_as_its_schema_says() {
    let house = House::new().await;
    let document = document(&house).await;
    for (path, method, operation) in operations(&document) {
        let media = &operation["requestBody"]["content"]["application/json"];
        let done = &operation["responses"]["200"]["content"];
        if !done["text/event-stream"].is_null() {
            continue; // it has no end; its own tests read it
        }
        let example = media["examples"]
            .as_object()
            .and_then(|examples| examples.values().next());
        let body = example.map(|example| example["value"].to_string().into_bytes());
        let place = filled(path, operation);
        let reply = house.send(&method.to_uppercase(), &place, body).await;
        let answer = &operation["responses"][reply.status.to_string()];
        let what = format!("{method} {place} answered {}", reply.status);
        assert!(
            !answer.is_null(),
            "{what}, which is not documented: {}",
            reply.body
        );
        assert!(
            reply.status < 500 || reply.status == 503,
            "{what}: {}",
            reply.body
        );
        let nothing_here = reply.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.starts_with("nothing is served"));
        assert!(!nothing_here, "{what}");
        let content = resolve(&document, answer)["content"].as_object().unwrap();
        let (_, media) = content.iter().next().unwrap();
        assert_fits(&document, &media["schema"], &reply.body, &what);
    }
}

#[tokio::test]
async fn whatever_is_served_is_documented() {
    let document = document(&House::new().await).await;
    let text = include_str!("../../src/transport/rest/mod.rs");
    let calls: Vec<&str> = text.split(".route(\"").skip(1).collect();
    assert!(calls.len() > 5, "the routes were not read");
    for call in calls {
        let path = call.split('"').next().unwrap();
        assert!(
            !document["paths"][path].is_null(),
            "`{path}` is served but not in the document: add it to rest/openapi/doors.rs"
        );
    }
}

/// A gateway whose answers are compared with its own description.
struct Described {
    house: House,
    document: Value,
}

impl Described {
    async fn new() -> Self {
        let house = House::new().await;
        let document = document(&house).await;
        Self { house, document }
    }

    /// Sends a request to the route that fits the place, which must answer 200 as described.
    async fn ask(&self, method: &str, place: &str, body: Option<Value>) -> Value {
        let bytes = body.map(|body| body.to_string().into_bytes());
        let reply = self.house.send(&method.to_uppercase(), place, bytes).await;
        let what = format!("{method} {place}");
        assert_eq!(reply.status, 200, "{what}: {:#}", reply.body);
        let (path, _) = place.split_once('?').unwrap_or((place, ""));
        let schema = &self.operation(method, path)["responses"]["200"]["content"]["application/json"]
            ["schema"];
        assert!(
            !schema["properties"].is_null() || !schema["anyOf"].is_null(),
            "{what} promises nothing"
        );
        assert_fits(&self.document, schema, &reply.body, &what);
        reply.body
    }

    /// The operation whose path fits best: one without arguments before one with them.
    fn operation(&self, method: &str, place: &str) -> &Value {
        let fits = |path: &str| {
            let (pattern, given): (Vec<_>, Vec<_>) =
                (path.split('/').collect(), place.split('/').collect());
            let pairs = pattern.iter().zip(&given);
            pattern.len() == given.len()
                && pairs
                    .into_iter()
                    .all(|(pattern, given)| pattern.starts_with('{') || pattern == given)
        };
        let all = operations(&self.document);
        let fitting = all
            .into_iter()
            .filter(|(path, known, _)| *known == method && fits(path));
        let (_, _, operation) = fitting
            .min_by_key(|(path, _, _)| path.matches('{').count())
            .unwrap();
        operation
    }

    async fn get(&self, place: &str) -> Value {
        self.ask("get", place, None).await
    }

    async fn post(&self, place: &str, body: Value) -> Value {
        self.ask("post", place, Some(body)).await
    }
}

/// Modes, grants, scope.
async fn day_of_modes(day: &Described) {
    let empty = || json!({});
    day.post(
        "/policy/set-mode",
        json!({ "mode": "EMERGENCY", "reason": "database outage" }),
    )
    .await;
    day.get("/api/v1/mode").await;
    day.get("/policy/status").await;
    day.post("/policy/set-mode", json!({ "mode": "NORMAL" }))
        .await;
    day.post(
        "/policy/grant-temporary",
        json!({ "duration_seconds": 30, "reason": "x" }),
    )
    .await;
    day.post("/policy/extend-temporary", empty()).await;
    let scope = json!({ "affected_services": ["cache"], "incident_type": "outage" });
    day.post("/policy/set-incident-scope", scope).await;
    day.get("/api/v1/mode/history?limit=2").await;
    day.post("/policy/clear-incident-scope", empty()).await;
    day.post("/policy/revoke-temporary", empty()).await;
}

/// Agents.
async fn day_of_agents(day: &Described) {
    let bot = json!({ "name": "Bot", "trust_level": "high", "allowed_tools": ["list_*"], "metadata": { "team": "sre" } });
    day.ask("put", "/api/v1/agents/bot", Some(bot)).await;
    day.house
        .post(
            "/tools/execute",
            &json!({ "tool_name": "list_services", "agent_id": "bot" }),
        )
        .await;
    day.house
        .post(
            "/tools/execute",
            &json!({ "tool_name": "delete_database", "agent_id": "bot" }),
        )
        .await;
    day.get("/api/v1/agents").await;
    day.get("/api/v1/agents/bot").await;
    day.post(
        "/api/v1/agents/bot/suspend",
        json!({ "reason": "odd calls" }),
    )
    .await;
    day.get("/api/v1/agents/bot").await;
    day.get("/api/v1/agents?status=suspended").await;
    day.post(
        "/api/v1/agents/bot/reinstate",
        json!({ "reason": "explained" }),
    )
    .await;
}

/// Questions.
async fn day_of_questions(day: &Described) {
    let question =
        json!({ "action_type": "tool_call", "target": "delete_database", "agent_id": "etl-1" });
    day.post("/api/v1/decisions/validate", question.clone())
        .await;
    day.post("/api/v1/decisions/explain", question.clone())
        .await;
    let mut parameters = question;
    parameters["only"] = json!("parameters");
    day.post("/api/v1/decisions/explain", parameters).await;
    day.get("/api/v1/decisions/allowed?agent_id=etl-1").await;
    day.ask("delete", "/api/v1/agents/etl-1", None).await;
}

/// Policies.
async fn day_of_policies(day: &Described) {
    let empty = || json!({});
    let rules = json!([{ "condition": { "tool_pattern": "scale_*" }, "action": "deny", "message": "not now" }]);
    let policy = json!({ "name": "No scaling", "rules": rules });
    day.ask("put", "/api/v1/policies/no-scaling", Some(policy))
        .await;
    day.get("/api/v1/policies").await;
    day.get("/api/v1/policies/no-scaling").await;
    let mut other = json!({ "policy_id": "other", "name": "Other", "rules": rules });
    day.post("/api/v1/policies/check", json!({ "policy": other }))
        .await;
    day.post("/api/v1/policies/check", empty()).await;
    day.post("/api/v1/policies/diff", empty()).await;
    day.post("/api/v1/policies/diff", json!({ "policy": other }))
        .await;
    other["rules"][0]["action"] = json!("bogus");
    day.post("/api/v1/policies/check", json!({ "policy": other }))
        .await;
    let trial = json!({ "without": "no-scaling", "calls": [{ "tool": "scale_fleet", "arguments": { "count": 4 } }] });
    day.post("/api/v1/policies/simulate", trial).await;
    day.ask("delete", "/api/v1/policies/no-scaling", None).await;
    day.post("/api/v1/policies/rollback", json!({ "version": 2 }))
        .await;
    day.get("/api/v1/policies/history?limit=1").await;
}

/// Incidents.
async fn day_of_incidents(day: &Described) {
    let report = json!({ "incident_type": "suspicious_activity", "severity": "high", "description": "odd", "agent_id": "bot", "evidence": { "seen": 3 } });
    let reported = day.post("/api/v1/incidents", report).await;
    let place = format!(
        "/api/v1/incidents/{}",
        reported["incident_id"].as_str().unwrap()
    );
    day.get(&place).await;
    let acknowledged = json!({ "status": "acknowledged" });
    day.ask("patch", &place, Some(acknowledged)).await;
    day.house.app.incidents.caught_up().await;
    let incidents = day.get("/api/v1/incidents").await;
    assert!(incidents["count"].as_u64().unwrap() > 1, "{incidents}");
}

/// The trail.
async fn day_of_trail(day: &Described) {
    day.post(
        "/infrastructure/simulate-incident",
        json!({ "service": "cache" }),
    )
    .await;
    day.get("/infrastructure/status").await;
    day.get("/execution/history").await;
    let log = day.get("/api/v1/audit?limit=500").await;
    assert!(log["count"].as_u64().unwrap() > 20, "{log}");
    for entry in log["entries"].as_array().unwrap() {
        let id = entry["entry_id"].as_str().unwrap();
        day.get(&format!("/api/v1/audit/{id}")).await;
    }
    day.get("/api/v1/audit?view=records&limit=500").await;
    day.get("/api/v1/audit?agent_id=bot&include_allowed=false")
        .await;
    day.get("/api/v1/audit/verify").await;
    day.get("/api/v1/compliance").await;
    day.get("/api/v1/compliance?include_incidents=false&time_range=1h")
        .await;
}

/// The end.
async fn day_of_end(day: &Described) {
    let empty = || json!({});
    day.post("/infrastructure/reset", empty()).await;
    day.post("/api/v1/lockdown/drill", empty()).await;
    day.post("/api/v1/lockdown", json!({ "on": true, "reason": "drill" }))
        .await;
    day.get("/api/v1/lockdown").await;
    day.get("/tools/catalog").await;
}

#[tokio::test]
async fn a_day_of_administration_answers_as_described() {
    let day = Described::new().await;
    day_of_modes(&day).await;
    day_of_agents(&day).await;
    day_of_questions(&day).await;
    day_of_policies(&day).await;
    day_of_incidents(&day).await;
    day_of_trail(&day).await;
    day_of_end(&day).await;
}

#[tokio::test]
async fn every_tool_says_what_it_answers() {
    let house = House::new().await;
    let silent: Vec<&str> = house
        .app
        .pipeline
        .catalog()
        .definitions()
        .iter()
        .filter(|tool| tool.output_schema.is_none())
        .map(|tool| &*tool.facts.name)
        .collect();
    assert!(
        silent.is_empty(),
        "no output schema: {silent:?}; add it to governance/answers"
    );
}

/// Every tool of the simulated cloud, with arguments that work, and one call that fails.
#[tokio::test]
async fn the_tools_answer_as_their_output_schemas_say() {
    let house = House::with_policy_text("modes:\n  NORMAL: { allowed_tools: [\"*\"] }\n").await;
    let document = document(&house).await;
    for (tool, arguments) in [
        ("list_services", json!({})),
        ("get_service_status", json!({})),
        ("get_service_status", json!({ "service_name": "cache" })),
        ("read_logs", json!({})),
        ("restart_service", json!({ "service_name": "cache" })),
        ("scale_fleet", json!({ "count": 4 })),
        (
            "deploy_application",
            json!({ "app_name": "shop", "version": "2.4.1" }),
        ),
        ("backup_database", json!({ "db_name": "users" })),
        ("restore_database", json!({ "db_name": "users" })),
        ("delete_database", json!({ "db_name": "users" })),
        ("get_infrastructure_status", json!({})),
        ("get_execution_history", json!({})),
    ] {
        let catalog = house.app.pipeline.catalog();
        let schema = catalog.definition(tool).unwrap().output_schema.clone();
        let schema = schema.unwrap_or_else(|| panic!("{tool} has no output schema"));
        let answer = house.execute(tool, arguments).await;
        assert_eq!(answer["success"], true, "{answer}");
        assert_fits(&document, &schema, &answer["result"], tool);
        let envelope = &document["components"]["schemas"]["ExecuteAnswer"];
        assert_fits(&document, envelope, &answer, tool);
    }
}

/// What a reader of the table wants to know of a schema's members.
fn members(schema: &Value) -> String {
    let required = schema["required"].as_array();
    let is_required = |name: &String| {
        required.is_some_and(|names| names.iter().any(|known| known.as_str() == Some(name)))
    };
    let names = schema["properties"].as_object().into_iter().flatten();
    names
        .map(|(name, _)| format!("`{name}`{}", if is_required(name) { "" } else { "?" }))
        .collect::<Vec<_>>()
        .join(", ")
}

fn row(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let content = &operation["requestBody"]["content"]["application/json"];
    let mut takes = members(resolve(document, &content["schema"]));
    let query = operation["parameters"].as_array().into_iter().flatten();
    let query: Vec<String> = query
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| {
            let optional = if parameter["required"] == true {
                ""
            } else {
                "?"
            };
            format!("`{}`{optional}", parameter["name"].as_str().unwrap())
        })
        .collect();
    if !query.is_empty() {
        let also = if takes.is_empty() {
            "query: "
        } else {
            "; or in the query: "
        };
        write!(takes, "{also}{}", query.join(", ")).unwrap();
    }
    let (media, answer) = operation["responses"]["200"]["content"]
        .as_object()
        .and_then(|content| content.iter().next())
        .unwrap();
    let gives = match members(resolve(document, &answer["schema"])) {
        text if text.is_empty() => media.clone(),
        text => text,
    };
    let tool = operation["x-tool"]
        .as_str()
        .map_or_else(String::new, |tool| format!("`{tool}`"));
    let roles = operation["x-roles"].as_array().into_iter().flatten();
    let roles: Vec<&str> = roles.filter_map(Value::as_str).collect();
    let role = if roles.is_empty() {
        "any".to_owned()
    } else {
        roles.join(" or ")
    };
    format!(
        "| {} | `{path}` | {tool} | {role} | {takes} | {gives} |\n",
        method.to_uppercase()
    )
}

#[tokio::test]
async fn the_reference_lists_every_route() {
    let document = document(&House::new().await).await;
    let mut text = String::from(
        "# REST reference\n\n\
         Every route, made from the route table and the tools' schemas; a test keeps it up to date.\n\
         The schemas themselves are in [openapi.json](../openapi.json), which a running gateway serves at `/openapi.json` and shows at `/docs`.\n\
         A `?` marks what may be left out.\n\
         Errors are problem details (RFC 9457); a denied run of `/tools/execute` is an ordinary answer.\n",
    );
    for tag in document["tags"].as_array().unwrap() {
        let tag = tag["name"].as_str().unwrap();
        write!(
            text,
            "\n## {tag}\n\n| method | path | tool | role | takes | answers |\n|---|---|---|---|---|---|\n"
        )
        .unwrap();
        for (path, method, operation) in operations(&document) {
            if operation["tags"][0] == tag {
                text.push_str(&row(&document, path, method, operation));
            }
        }
    }
    assert_golden("docs/reference/rest.md", &text);
}

#[tokio::test]
async fn the_page_of_the_api_loads_nothing_from_elsewhere() {
    let house = House::new().await;
    let open = |path: &'static str| {
        let request = axum::http::Request::get(path).header("host", "localhost");
        let service = house.app.public_service();
        async move {
            service
                .open(request.body(axum::body::Body::empty()).unwrap())
                .await
        }
    };
    let page = open("/docs").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    let page = house.get("/docs").await.body;
    let page = page.as_str().unwrap();
    let places = page.split(['"', '\'']).filter(|part| part.contains("//"));
    assert_eq!(places.count(), 0, "{page}");
    let named = page.split('"').filter(|part| part.starts_with("/docs/"));
    for place in named {
        assert_eq!(house.get(place).await.status, 200, "{place}");
    }
    let bundle = open("/docs/swagger-ui-bundle.js").await;
    assert_eq!(bundle.headers()["content-encoding"], "gzip");
    let bytes = axum::body::to_bytes(bundle.into_body(), usize::MAX)
        .await
        .unwrap();
    let (head, tail) = (&bytes[..3], &bytes[bytes.len() - 4..]);
    assert_eq!(head, [0x1f, 0x8b, 8]);
    let unpacked = u32::from_le_bytes(tail.try_into().unwrap());
    assert!(unpacked > 1_000_000, "{unpacked} bytes");
    assert_eq!(house.get("/docs/other.js").await.status, 404);
}
