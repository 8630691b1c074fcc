//! MCP over HTTP: bare calls, results, refusals, lists.

use serde_json::{Value, json};

use crate::support::House;
use crate::support::mcp::{Client, Said};

fn client(house: &House) -> Client {
    Client::of(house.app.public_service())
}

/// A client of the socket that says for whom it speaks.
fn as_agent(house: &House, agent: &str) -> Client {
    Client::of(house.app.command_service()).with("x-policyguard-agent", agent)
}

#[tokio::test]
async fn a_bare_call_without_greeting_works_whatever_it_accepts() {
    let house = House::new().await;
    for bare in [
        client(&house).with("accept", "*/*"),
        client(&house).without("accept"),
        client(&house).with("accept", "application/json"),
    ] {
        let said = bare.call("list_services", json!({})).await;
        assert_eq!(said.status, 200);
        assert_eq!(said.result()["isError"], json!(false));
        assert_eq!(said.result()["structuredContent"]["count"], json!(5));
        let text = said.result()["content"][0]["text"].as_str().unwrap();
        let read: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read, said.result()["structuredContent"]);
    }
}

/// What the library says to the same call: with a word on the revision or metadata a call does not go the short way.
async fn at_length(house: &House, id: &Value, params: &Value) -> [Said; 2] {
    let message = |params: &Value| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
    let revised = client(house).with("mcp-protocol-version", "2025-03-26");
    let revised = revised
        .send("POST", Some(message(params).to_string()))
        .await;
    let mut described = params.clone();
    described["_meta"] = json!({});
    let described = client(house)
        .send("POST", Some(message(&described).to_string()))
        .await;
    [revised, described]
}

/// An answer without what differs between two calls.
fn alike(said: &Said) -> (u16, String) {
    let text = said.answer().to_string();
    let attempt = regex::Regex::new("act_[0-9a-f]{12}").unwrap();
    let time = regex::Regex::new(r"[0-9-]{10}T[0-9:.]+Z|audit_[0-9a-f]+").unwrap();
    let text = attempt.replace_all(&text, "<attempt>");
    (said.status, time.replace_all(&text, "<time>").into_owned())
}

#[tokio::test]
async fn a_bare_call_is_answered_as_the_library_answers_it() {
    let house = House::new().await;
    for (id, params) in [
        (
            json!(1),
            json!({ "name": "list_services", "arguments": {} }),
        ),
        (json!("one"), json!({ "name": "list_services" })),
        (
            json!(-7),
            json!({ "name": "get_service_status", "arguments": { "service_name": "cache" } }),
        ),
        (
            json!(1),
            json!({ "name": "get_service_status", "arguments": { "service_name": "nowhere" } }),
        ),
        (
            json!(1),
            json!({ "name": "get_service_status", "arguments": { "service_name": 5, "x": 1 } }),
        ),
        (
            json!(1),
            json!({ "name": "restart_service", "arguments": { "service_name": "cache" } }),
        ),
        (
            json!(1),
            json!({ "name": "delete_database", "arguments": { "db_name": "orders" } }),
        ),
        (json!(1), json!({ "name": "no_such_tool", "arguments": {} })),
        (json!(1), json!({ "name": "set_lockdown", "arguments": {} })),
        (
            json!(1),
            json!({ "name": "get_agent", "arguments": { "agent_id": "nobody" } }),
        ),
        (
            json!(1),
            json!({ "name": "list_services", "arguments": "{}" }),
        ),
        (
            json!(1),
            json!({ "name": "list_services", "arguments": null }),
        ),
        (json!(1), json!({ "name": 5 })),
        (json!(1.5), json!({ "name": "list_services" })),
        (json!({}), json!({ "name": "list_services" })),
        (json!(null), json!({ "name": "list_services" })),
    ] {
        let message =
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        let bare = client(&house).send("POST", Some(message.to_string())).await;
        for other in at_length(&house, &id, &params).await {
            assert_eq!(alike(&bare), alike(&other), "{message}");
        }
    }
}

#[tokio::test]
async fn a_call_with_parameters_that_are_none_is_refused_and_counted() {
    let house = House::new().await;
    for params in [
        json!({ "name": "list_services", "arguments": "{}" }),
        json!({ "name": "list_services", "arguments": [] }),
        json!({ "name": 5 }),
        json!({ "arguments": {} }),
        json!([]),
    ] {
        let said = client(&house).ask("tools/call", params.clone()).await;
        assert_eq!(
            (said.status, said.error_code()),
            (200, -32602),
            "{params}: {said:?}"
        );
    }
    let listed = house.get("/api/v1/audit?view=records").await.body;
    let entries = listed["entries"].as_array().unwrap();
    let refused: Vec<_> = entries
        .iter()
        .filter(|entry| entry["kind"] == "refused")
        .collect();
    assert_eq!(refused.len(), 1, "{listed}");
    assert_eq!(refused[0]["action"], json!("invalid_value"));
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_json_rpc() {
    let house = House::new().await;
    let client = client(&house);
    for (body, status, code) in [
        ("junk", 400, -32700),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"x"}"#,
            400,
            -32700,
        ),
        ("[]", 400, -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, 400, -32600),
        (r#"{"id":1,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, 400, -32600),
    ] {
        let said = client.send("POST", Some(body.to_owned())).await;
        assert_eq!(
            (said.status, said.error_code()),
            (status, code),
            "{body}: {said:?}"
        );
    }
    for method in ["GET", "DELETE", "PUT"] {
        let said = client.send(method, None).await;
        assert_eq!(said.status, 405, "{method}");
        assert!(said.error_code() < 0, "{method}");
    }
    let long = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": { "x": "y".repeat(300_000) } });
    let said = client.send("POST", Some(long.to_string())).await;
    assert_eq!((said.status, said.error_code()), (413, -32600));
    let form = Client::of(house.app.public_service()).with("content-type", "text/plain");
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(form.send("POST", Some(ping.to_string())).await.status, 415);
    let stranger = Client::of(house.app.public_service()).with("host", "evil.example");
    let said = stranger.send("POST", Some(ping.to_string())).await;
    assert_eq!((said.status, said.error_code()), (403, -32000), "{said:?}");
    let page = Client::of(house.app.public_service()).with("origin", "http://evil.example");
    assert_eq!(page.send("POST", Some(ping.to_string())).await.status, 403);
}

#[tokio::test]
async fn a_denial_is_a_result_that_a_model_can_act_on_and_one_record() {
    let house = House::new().await;
    let arguments = json!({ "service_name": "cache" });
    let said = client(&house).call("restart_service", arguments).await;
    assert_eq!(said.status, 200);
    let result = said.result();
    assert_eq!(result["isError"], json!(true));
    let decision = &result["structuredContent"];
    assert_eq!(decision["effect"], json!("deny"));
    assert_eq!(decision["code"], json!("mode_blocked"));
    assert_eq!(decision["remedy"]["kind"], json!("mode"));
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("Denied by policy: Tool 'restart_service' is blocked in NORMAL mode"));
    assert!(
        text.contains("Do not retry unchanged. To proceed: EMERGENCY mode allows it"),
        "{text}"
    );
    let listed = house
        .get("/api/v1/audit?agent_id=local&view=records")
        .await
        .body;
    let entries = listed["entries"].as_array().unwrap();
    let decided = entries.iter().filter(|entry| entry["kind"] == "decision");
    assert_eq!(decided.count(), 1, "{listed}");
    assert_eq!(entries.last().unwrap()["action_id"], decision["action_id"]);
}

#[tokio::test]
async fn a_model_cannot_do_what_a_person_may() {
    let house = House::new().await;
    let said = client(&house)
        .call(
            "set_mode",
            json!({ "mode": "EMERGENCY", "reason": "because I say so" }),
        )
        .await;
    assert_eq!(
        said.result()["structuredContent"]["code"],
        json!("role_required")
    );
    let named = client(&house)
        .with("x-policyguard-agent", "local-operator")
        .with("x-policyguard-role", "admin");
    let said = named
        .call(
            "set_mode",
            json!({ "mode": "EMERGENCY", "reason": "because I say so" }),
        )
        .await;
    assert_eq!(
        said.result()["structuredContent"]["code"],
        json!("role_required")
    );
    assert_eq!(house.get("/").await.body["current_mode"], json!("NORMAL"));
}

#[tokio::test]
async fn who_is_not_trusted_learns_nothing_of_tools_that_it_is_not_shown() {
    let house = House::new().await;
    let stranger = as_agent(&house, "stranger");
    for tool in ["no_such_tool", "delete_database"] {
        let said = stranger.call(tool, json!({ "db_name": "users" })).await;
        assert_eq!(said.error_code(), -32602, "{tool}: {said:?}");
        assert_eq!(
            said.answer()["error"]["message"],
            json!(format!("Unknown tool: {tool}"))
        );
    }
    let listed = house.get("/api/v1/audit?agent_id=stranger").await.body;
    assert_eq!(listed["total"], json!(2), "both were decided: {listed}");
    let trusted = client(&house)
        .call("delete_database", json!({ "db_name": "users" }))
        .await;
    assert_eq!(
        trusted.result()["structuredContent"]["code"],
        json!("always_blocked")
    );
}

#[tokio::test]
async fn what_stands_behind_rest_only_is_nowhere_over_mcp() {
    let house = House::new().await;
    let client = as_agent(&house, "local").with("x-policyguard-role", "admin");
    let names = client.tools().await;
    for tool in [
        "set_lockdown",
        "grant_temporary",
        "rollback_policy",
        "verify_audit",
        "get_mode",
    ] {
        assert!(
            !names.iter().any(|name| name == tool),
            "{tool} in {names:?}"
        );
        let said = client.call(tool, json!({})).await;
        assert_eq!(said.error_code(), -32602, "{tool}: {said:?}");
        assert_eq!(
            said.answer()["error"]["message"],
            json!(format!("Unknown tool: {tool}"))
        );
    }
    assert!(names.iter().any(|name| name == "set_mode"));
    assert_eq!(
        house.get("/api/v1/lockdown").await.body["lockdown"],
        json!(false)
    );
}

#[tokio::test]
async fn lists_are_one_private_page_in_words_that_every_client_reads() {
    let house = House::new().await;
    let client = client(&house);
    let said = client.ask("tools/list", json!({})).await;
    let result = said.result();
    assert_eq!(result["cacheScope"], json!("private"));
    assert_eq!(result.get("nextCursor"), None);
    let tools = result["tools"].as_array().unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    for shown in [
        "validate_action",
        "list_services",
        "restart_service",
        "register_agent",
        "create_policy",
    ] {
        assert!(names.contains(&shown), "{shown} in {names:?}");
    }
    for hidden in ["delete_database", "set_mode", "suspend_agent"] {
        assert!(!names.contains(&hidden), "{hidden} in {names:?}");
    }
    let first_other = names
        .iter()
        .position(|name| *name == "list_services")
        .unwrap();
    let first_own = names
        .iter()
        .position(|name| *name == "validate_action")
        .unwrap();
    assert!(first_own < first_other);
    for tool in tools {
        check_schema(&tool["inputSchema"], &tool["name"]);
        if let Some(schema) = tool.get("outputSchema") {
            check_schema(schema, &tool["name"]);
        }
        assert!(tool["description"].as_str().unwrap().len() > 20, "{tool}");
    }
    assert_eq!(client.tools().await, names);
    let said = client.ask("tools/list", json!({ "cursor": "abc" })).await;
    assert_eq!(said.error_code(), -32602);
}

/// Roots are objects, no `$schema`, no list of types at any depth.
fn check_schema(schema: &Value, of: &Value) {
    assert_eq!(schema["type"], json!("object"), "{of}");
    check_plain(schema, of);
}

fn check_plain(value: &Value, of: &Value) {
    if let Value::Object(members) = value {
        assert!(!members.contains_key("$schema"), "{of}");
        let types = members.get("type");
        assert!(!types.is_some_and(Value::is_array), "{of}: {value}");
        members.values().for_each(|member| check_plain(member, of));
    }
    for item in value.as_array().into_iter().flatten() {
        check_plain(item, of);
    }
}

#[tokio::test]
async fn the_mode_changes_no_list_and_rules_do() {
    let house = House::new().await;
    let client = client(&house);
    let before = client.tools().await;
    house.set_mode("EMERGENCY").await;
    assert_eq!(client.tools().await, before);
    let agent = json!({ "name": "Local", "trust_level": "admin", "denied_tools": ["scale_fleet"] });
    let reply = house
        .send(
            "PUT",
            "/api/v1/agents/local",
            Some(agent.to_string().into_bytes()),
        )
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let after = client.tools().await;
    assert!(before.iter().any(|tool| tool == "scale_fleet"));
    assert!(!after.iter().any(|tool| tool == "scale_fleet"));
}

#[tokio::test]
async fn policies_are_resources_and_the_guide_is_a_prompt() {
    let house = House::new().await;
    let client = client(&house);
    let listed = client.ask("resources/list", json!({})).await;
    let uri = listed.result()["resources"][0]["uri"].clone();
    assert_eq!(uri, json!("policy://default-access"));
    let read = client.ask("resources/read", json!({ "uri": uri })).await;
    let text = read.result()["contents"][0]["text"].as_str().unwrap();
    let policy: Value = serde_json::from_str(text).unwrap();
    assert_eq!(policy["policy_id"], json!("default-access"));
    let said = client
        .ask("resources/read", json!({ "uri": "policy://none" }))
        .await;
    assert!(said.error_code() < 0);
    let said = client
        .ask("prompts/get", json!({ "name": "decision-guide" }))
        .await;
    let text = said.result()["messages"][0]["content"]["text"]
        .as_str()
        .unwrap();
    assert!(text.contains("validate_action"));
    let said = client.ask("prompts/get", json!({ "name": "other" })).await;
    assert_eq!(said.error_code(), -32602);
    let asked = json!({
        "ref": { "type": "ref/resource", "uri": "policy://{policy_id}" },
        "argument": { "name": "policy_id", "value": "default-s" },
    });
    let said = client.ask("completion/complete", asked).await;
    assert_eq!(
        said.result()["completion"]["values"],
        json!(["default-security"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_cannot_be_recorded_answers_its_name_and_nothing_else() {
    let house = House::new().await;
    house.set_mode("EMERGENCY").await;
    let database = house.data_dir().join("policyguard.db");
    let in_the_way = rusqlite::Connection::open(database).unwrap();
    in_the_way.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = client(&house)
        .call("scale_fleet", json!({ "count": 9 }))
        .await;
    let error = &said.answer()["error"];
    assert_eq!(error["code"], json!(-32603), "{said:?}");
    assert_eq!(error["message"], json!("Internal error"));
    let told: Vec<&String> = error["data"].as_object().unwrap().keys().collect();
    assert_eq!(told, ["action_id"]);
    let said = client(&house)
        .ask("initialize", crate::support::mcp::greeting())
        .await;
    assert_eq!(
        (said.status, said.session.as_ref()),
        (503, None),
        "{said:?}"
    );
    in_the_way.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test]
async fn a_state_that_nobody_gave_is_refused() {
    let house = House::new().await;
    let params = json!({ "name": "list_services", "arguments": {}, "requestState": "made-up" });
    let said = client(&house).ask("tools/call", params).await;
    assert_eq!(said.error_code(), -32602, "{said:?}");
}

#[tokio::test]
async fn every_answer_fits_the_schema_that_its_tool_promises() {
    let house = House::new().await;
    let client = client(&house);
    let listed = client.ask("tools/list", json!({})).await;
    let tools = listed.result()["tools"].as_array().unwrap().clone();
    let schema = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        jsonschema::validator_for(&tool["outputSchema"]).unwrap()
    };
    for (tool, arguments, is_error) in [
        ("list_services", json!({}), false),
        (
            "get_service_status",
            json!({ "service_name": "cache" }),
            false,
        ),
        (
            "get_service_status",
            json!({ "service_name": "none" }),
            true,
        ),
        ("restart_service", json!({ "service_name": "cache" }), true),
        ("restart_service", json!({}), true),
        (
            "register_agent",
            json!({ "agent_id": "a b", "name": "x", "trust_level": "low" }),
            true,
        ),
    ] {
        let said = client.call(tool, arguments).await;
        let result = said.result();
        assert_eq!(result["isError"], json!(is_error), "{tool}: {said:?}");
        let content = &result["structuredContent"];
        assert!(schema(tool).is_valid(content), "{tool}: {content}");
        if is_error {
            assert!(
                !schema("list_services").is_valid(&json!({})),
                "an empty object fits nothing"
            );
        }
    }
}
