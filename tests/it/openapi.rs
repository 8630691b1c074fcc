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
            let value = match parameter["schema"]["pattern"].as_str() {
                Some(pattern) if pattern.ends_with("_[0-9a-f]{12}$") => {
                    format!("{}_0123456789ab", pattern.get(1..4).unwrap())
                }
                _ if parameter["schema"]["type"] == "integer" => "1".to_owned(),
                _ => "nobody".to_owned(),
            };
            path.replace(&format!("{{{name}}}"), &value)
        })
}

#[tokio::test]
async fn whatever_is_documented_is_served_and_answers_as_its_schema_says() {
    let house = House::new().await;
    let document = document(&house).await;
    for (path, method, operation) in operations(&document) {
        let media = &operation["requestBody"]["content"]["application/json"];
        let example = media["examples"]
            .as_object()
            .and_then(|examples| examples.values().next());
        let body = example.map(|example| example["value"].to_string().into_bytes());
        let place = filled(path, operation);
        if !operation["responses"]["200"]["content"]["text/event-stream"].is_null() {
            // It goes on until one side closes.
            let response = house.open_path(&place, None).await;
            assert_eq!(response.status(), 200, "{place}");
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            continue;
        }
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
