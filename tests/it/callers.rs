//! Who may do what: every endpoint and every tool for every caller there is, as a table that people read.

use std::fmt::Write as _;

use policyguard::domain::{AgentId, LocalRole, Role};
use policyguard::pipeline::{Answer, Body, Call, Caller, Door, Effect};
use serde_json::{Map, Value, json};

use crate::support::{House, assert_golden};

/// The callers of a gateway with `auth: local`: a title, the door, for whom they act, and what models may do.
const CALLERS: &[(&str, Door, Option<&str>, LocalRole)] = &[
    ("operator (REST)", Door::Rest, None, LocalRole::Agent),
    ("operator (socket)", Door::Cli, None, LocalRole::Agent),
    (
        "operator for an agent of low trust (REST)",
        Door::Rest,
        Some("etl-1"),
        LocalRole::Agent,
    ),
    ("agent `local` (MCP)", Door::Mcp, None, LocalRole::Agent),
    (
        "agent `local` (MCP, `--mcp-role operator`)",
        Door::Mcp,
        None,
        LocalRole::Operator,
    ),
    (
        "agent `local` (MCP, `--mcp-role admin`)",
        Door::Mcp,
        None,
        LocalRole::Admin,
    ),
];

/// Arguments that a tool takes: those that it requires, each with a value that means something here.
pub(crate) fn arguments(schema: &Value) -> Map<String, Value> {
    let required = schema["required"].as_array().into_iter().flatten();
    let value = |name: &str| match name {
        "service" | "service_name" => json!("cache"),
        "db_name" => json!("users"),
        "affected_services" => json!(["cache"]),
        "mode" => json!("NORMAL"),
        "action_type" => json!("tool_call"),
        "target" => json!("list_services"),
        "agent_id" => json!("bot"),
        "rules" => json!([{ "condition": { "tool_pattern": "scale_*" }, "action": "deny" }]),
        "calls" => json!([{ "tool": "list_services" }]),
        "incident_type" => json!("other"),
        "severity" => json!("low"),
        "incident_id" => json!("inc_0123456789ab"),
        "entry_id" => json!("aud_0123456789ab"),
        "status" => json!("acknowledged"),
        "policy_id" => json!("golden"),
        _ => match schema["properties"][name]["type"].as_str() {
            Some("integer") => schema["properties"][name]["minimum"]
                .as_i64()
                .unwrap_or(1)
                .into(),
            Some("boolean") => json!(false),
            _ => json!("some words"),
        },
    };
    required
        .filter_map(Value::as_str)
        .map(|name| (name.to_owned(), value(name)))
        .collect()
}

/// What becomes of each tool's call by this caller, in the order of the catalogue.
async fn outcomes(door: Door, agent: Option<&str>, models: LocalRole) -> Vec<(String, String)> {
    let house = House::with_models(models).await;
    let road = &house.app.pipeline;
    let bot = json!({ "name": "Bot" }).to_string().into_bytes();
    let put = house.send("PUT", "/api/v1/agents/bot", Some(bot)).await;
    assert_eq!(put.status, 200, "{:?}", put.body);
    let mut outcomes = Vec::new();
    for definition in road.catalog().definitions() {
        let tool = &*definition.facts.name;
        let call = Call {
            agent_id: agent.map(|agent| AgentId::parse(agent).unwrap()),
            ..Call::tool(
                Caller::at(door),
                tool,
                arguments(&definition.facts.input_schema),
            )
        };
        let answer = road
            .handle(call)
            .await
            .unwrap_or_else(|fault| panic!("{tool}: {fault}"));
        outcomes.push((tool.to_owned(), outcome(&answer)));
    }
    outcomes
}

/// What became of a call, in a word or two.
pub(crate) fn outcome(answer: &Answer) -> String {
    match &answer.body {
        Body::Done(_) => "done".to_owned(),
        Body::Failed { message, .. } => format!("failed: {message}"),
        Body::Mendable { error, .. } => format!("done, in vain: {error}"),
        Body::Refused if answer.decision.effect() == Effect::RequireApproval => {
            "waits for approval".to_owned()
        }
        Body::Refused => format!("**{}**", answer.decision.code()),
        Body::Shadow { .. } => "a dry run".to_owned(),
    }
}

/// A request to a documented route, with the example of its description as body.
pub(crate) struct Example {
    pub(crate) route: String,
    pub(crate) method: String,
    pub(crate) place: String,
    pub(crate) body: Value,
}

/// A request to every documented route that ends.
pub(crate) fn examples(document: &Value) -> Vec<Example> {
    let mut examples = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["responses"]["200"]["content"];
            if !content["text/event-stream"].is_null() {
                continue; // it has no end
            }
            let media = &operation["requestBody"]["content"]["application/json"];
            let example = media["examples"]
                .as_object()
                .and_then(|all| all.values().next());
            let mut body = example.map_or_else(|| json!({}), |example| example["value"].clone());
            if body.get("on").is_some() {
                body["on"] = json!(false);
            }
            if body.get("mode").is_some() {
                body["mode"] = json!("NORMAL");
            }
            let place = path
                .replace("{incident_id}", "inc_0123456789ab")
                .replace("{entry_id}", "aud_0123456789ab")
                .replace("{agent_id}", "bot")
                .replace("{policy_id}", "golden")
                .replace("{file}", "start.js");
            let method = method.to_uppercase();
            examples.push(Example {
                route: format!("{method} | `{path}`"),
                method,
                place,
                body: if media.is_null() { Value::Null } else { body },
            });
        }
    }
    examples
}

/// The status of every documented route for this caller.
async fn statuses(commands: bool) -> Vec<(String, u16)> {
    let house = House::new().await;
    let service = if commands {
        house.app.command_service()
    } else {
        house.app.public_service()
    };
    let (_, document) = service.ask("GET", "/openapi.json", Vec::new()).await;
    let document: Value = serde_json::from_slice(&document).unwrap();
    let mut statuses = Vec::new();
    for example in examples(&document) {
        let body = if example.body.is_null() {
            Vec::new()
        } else {
            example.body.to_string().into_bytes()
        };
        let (status, _) = service.ask(&example.method, &example.place, body).await;
        statuses.push((example.route, status));
    }
    statuses
}

#[tokio::test]
async fn every_endpoint_and_tool_answers_every_caller_as_the_table_says() {
    let mut text = String::from(
        "# Who may do what\n\n\
         Written by `tests/it/callers.rs`; `UPDATE_CASES=1` writes it anew.\n\
         A gateway with the shipped policy in mode NORMAL, an agent `bot` of low trust, and arguments of our choice; the calls of a column run one after the other.\n\n\
         ## Tools\n\n\
         **Bold** is the code of a denial; \"in vain\" was let through but found nothing to do.\n\n| tool |",
    );
    let mut columns = Vec::new();
    for (title, door, agent, models) in CALLERS {
        write!(text, " {title} |").unwrap();
        columns.push(outcomes(*door, *agent, *models).await);
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(columns.len()));
    text.push('\n');
    for (row, (tool, _)) in columns[0].iter().enumerate() {
        write!(text, "| `{tool}` |").unwrap();
        for column in &columns {
            assert_eq!(&column[row].0, tool);
            write!(text, " {} |", column[row].1).unwrap();
        }
        text.push('\n');
    }
    text.push_str(
        "\n## Endpoints\n\n\
         The status of each, with the example of its description as body; 404 where the thing that is named does not exist.\n\n\
         | method | path | operator (REST) | operator (socket) |\n|---|---|---|---|\n",
    );
    let (rest, socket) = (statuses(false).await, statuses(true).await);
    for ((route, status), (other, on_socket)) in rest.iter().zip(&socket) {
        assert_eq!(route, other);
        writeln!(text, "| {route} | {status} | {on_socket} |").unwrap();
    }
    assert_golden("tests/cases/callers.md", &text);
}

#[tokio::test]
async fn a_model_runs_no_tool_that_needs_a_persons_role() {
    let house = House::new().await;
    let tools = house.app.pipeline.catalog().definitions().to_vec();
    let outcomes = outcomes(Door::Mcp, None, LocalRole::Agent).await;
    for (definition, (tool, outcome)) in tools.iter().zip(&outcomes) {
        let needs = definition.facts.needs;
        let agents_may = needs.iter().any(|role| role.as_str() == "agent");
        if needs.bits() != 0 && !agents_may {
            assert_eq!(outcome, "**role_required**", "{tool}");
        }
    }
}

#[tokio::test]
async fn a_model_that_may_operate_says_so_in_status_compliance_and_every_record() {
    let house = House::with_models(LocalRole::Operator).await;
    let caller = || Caller::at(Door::Mcp);
    let mode = json!({ "mode": "EMERGENCY", "reason": "the cache is down" });
    let call = Call::tool(caller(), "set_mode", mode.as_object().unwrap().clone());
    let switched = house.app.pipeline.handle(call).await.unwrap();
    assert!(matches!(switched.body, Body::Done(_)), "{switched:?}");
    let principal = &switched.decision.request().principal;
    assert_eq!(principal.agent_id.as_str(), "local");
    assert!(principal.roles.has(Role::Operator) && !principal.roles.has(Role::Admin));
    let for_bot = Call {
        agent_id: Some(AgentId::parse("bot").unwrap()),
        ..Call::tool(caller(), "list_services", Map::new())
    };
    let answer = house.app.pipeline.handle(for_bot).await.unwrap();
    let principal = &answer.decision.request().principal;
    assert_eq!(principal.acted_by.as_ref().unwrap().as_str(), "local");

    let status = house.get("/policy/status").await.body;
    assert_eq!(status["mcp_role"], "operator");
    let warnings = status["warnings"].to_string();
    assert!(warnings.contains("mcp.role is operator"), "{warnings}");
    let compliance = house.get("/api/v1/compliance").await.body;
    let posture = compliance["posture"].to_string();
    assert!(posture.contains("mcp.role is operator"), "{compliance}");
    let database = rusqlite::Connection::open(house.data_dir().join("policyguard.db")).unwrap();
    let sql = "SELECT text FROM records WHERE text LIKE '%\"door\":\"mcp\"%'";
    let mut query = database.prepare(sql).unwrap();
    let records = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let records: Vec<Value> = records
        .map(|text| serde_json::from_str(&text.unwrap()).unwrap())
        .collect();
    let decided: Vec<&Value> = records.iter().filter(|r| r["kind"] == "decision").collect();
    assert_eq!(decided.len(), 2, "{records:?}");
    for record in decided {
        assert_eq!(record["principal"]["roles"], json!(["agent", "operator"]));
    }
}

#[tokio::test]
async fn by_default_nothing_is_said_of_models_that_may_do_what_agents_may() {
    let house = House::new().await;
    let status = house.get("/policy/status").await.body;
    assert_eq!(status["mcp_role"], "agent");
    assert!(!status["warnings"].to_string().contains("mcp.role"));
}

#[tokio::test]
async fn a_denial_names_a_role_for_models_only_where_models_can_be_given_it() {
    let house = House::new().await;
    for (tool, named) in [
        ("clear_incident_scope", Some("`--mcp-role operator`")),
        ("verify_audit", None),
    ] {
        let answer = house.as_model(tool, json!({})).await;
        let remedy = answer.decision.remedy().unwrap().text.as_str().to_owned();
        let flag = remedy.find("`--mcp-role").map(|at| &remedy[at..]);
        assert_eq!(flag, named, "{tool}: {remedy}");
    }
}
