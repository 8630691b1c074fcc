//! Agents: registration, trust and lists, suspension that reaches calls already decided, and what is never registered.

use serde_json::{Value, json};

use policyguard::audit::{Caller, Door};
use policyguard::pipeline::{Body, Call};

use crate::support::{House, Reply};

async fn register(house: &House, arguments: Value) -> Value {
    house.execute("register_agent", arguments).await
}

async fn agent(house: &House, id: &str) -> Reply {
    house.get(&format!("/api/v1/agents/{id}")).await
}

/// What a model gets that calls over MCP in local mode.
async fn as_model(house: &House, tool: &str, arguments: Value) -> Value {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    let call = Call::tool(Caller::at(Door::Mcp), tool, arguments);
    let answer = house.app.pipeline.handle(call).await.unwrap();
    match answer.body {
        Body::Done(result) => json!({ "done": result }),
        Body::Refused => json!({
            "refused": answer.decision.code(),
            "reason": answer.decision.reason(),
            "remedy": answer.decision.remedy(),
        }),
        Body::Mendable { error, message, .. } => json!({ "error": error, "message": message }),
        Body::Failed { message, .. } => panic!("{message}"),
        Body::Shadow { .. } => panic!("it was no dry run"),
    }
}

#[tokio::test]
async fn an_agent_is_registered_updated_and_survives_a_restart() {
    let house = House::new().await;
    let made = register(
        &house,
        json!({ "agent_id": "etl-1", "name": "ETL", "trust_level": "admin" }),
    )
    .await;
    assert_eq!(
        made["result"],
        json!({
            "success": true,
            "agent_id": "etl-1",
            "message": "Agent 'ETL' (etl-1) registered successfully with trust level 'admin'",
            "warnings": [
                "Agent registered with ADMIN trust level - has full access",
                "No tool restrictions defined - agent can use any tool per policies",
            ],
        })
    );
    let first = agent(&house, "etl-1").await.body;
    house.clock.advance(std::time::Duration::from_secs(5));
    // Lists as JSON text, as many clients send them.
    let updated = register(
        &house,
        json!({ "agent_id": "etl-1", "name": "ETL", "trust_level": "medium", "denied_tools": "[\"delete_*\"]" }),
    )
    .await;
    assert_eq!(
        updated["result"]["message"],
        json!("Agent 'ETL' (etl-1) updated successfully with trust level 'medium'")
    );
    assert_eq!(updated["result"]["warnings"], json!([]));
    let house = house.restarted().await;
    let kept = agent(&house, "etl-1").await.body;
    assert_eq!(kept["registered_at"], first["registered_at"]);
    assert_ne!(kept["updated_at"], first["updated_at"]);
    assert_eq!(kept["trust_level"], json!("medium"));
    assert_eq!(kept["denied_tools"], json!(["delete_*"]));
    assert_eq!(kept["status"], json!("active"));
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_said_and_nothing_is_registered() {
    let house = House::new().await;
    let cases = [
        (
            json!({ "agent_id": "a", "name": "A", "trust_level": "root" }),
            "Invalid trust level 'root'. Must be one of: low, medium, high, admin",
        ),
        (
            json!({ "agent_id": "a", "name": "A", "denied_tools": ["[x"] }),
            "denied_tools: `[x`: `[` has no partner",
        ),
        (
            json!({ "agent_id": "a", "name": "A", "metadata": "{\"k\":1,\"k\":2}" }),
            "`metadata` is not JSON: ",
        ),
        (
            json!({ "agent_id": "a b", "name": "A" }),
            "`a b` is not an agent id",
        ),
        (
            json!({ "agent_id": "gateway", "name": "A" }),
            "`gateway` is reserved for the gateway itself",
        ),
    ];
    for (arguments, said) in cases {
        let answer = register(&house, arguments.clone()).await;
        assert_eq!(answer["success"], json!(false), "{arguments}");
        assert_eq!(answer["policy_violation"], json!(false), "{arguments}");
        let message = answer["result"]["message"].as_str().unwrap();
        assert!(message.starts_with(said), "{arguments}: {message}");
    }
    let agents = house.get("/api/v1/agents").await.body;
    let ids: Vec<&Value> = agents["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| &agent["agent_id"])
        .collect();
    assert_eq!(ids, ["local"], "the models of this machine alone");
    let problem = house
        .send(
            "PUT",
            "/api/v1/agents/a",
            Some(br#"{"name":"A","trust_level":"root"}"#.to_vec()),
        )
        .await;
    assert_eq!(problem.status, 400, "{:?}", problem.body);
    assert_eq!(agent(&house, "a").await.status, 404);
}

#[tokio::test]
async fn a_suspended_agent_may_do_nothing_and_can_only_be_reinstated() {
    let house = House::new().await;
    register(
        &house,
        json!({ "agent_id": "bot", "name": "Bot", "trust_level": "high" }),
    )
    .await;
    let run = json!({ "tool_name": "list_services", "agent_id": "bot" });
    assert_eq!(
        house.post("/tools/execute", &run).await.body["success"],
        json!(true)
    );
    let reason = json!({ "reason": "it loops" });
    let suspended = house.post("/api/v1/agents/bot/suspend", &reason).await;
    assert_eq!(suspended.status, 200, "{:?}", suspended.body);
    let denied = house.post("/tools/execute", &run).await.body;
    assert_eq!(denied["code"], json!("agent_suspended"), "{denied}");
    let changed = register(&house, json!({ "agent_id": "bot", "name": "Bot" })).await;
    assert_eq!(changed["result"]["error"], json!("agent_suspended"));
    let house = house.restarted().await;
    let still = house.post("/tools/execute", &run).await.body;
    assert_eq!(still["code"], json!("agent_suspended"), "{still}");
    let back = house.post("/api/v1/agents/bot/reinstate", &reason).await;
    assert_eq!(back.status, 200, "{:?}", back.body);
    assert_eq!(
        house.post("/tools/execute", &run).await.body["success"],
        json!(true)
    );
    let again = house.post("/api/v1/agents/bot/reinstate", &reason).await;
    assert_eq!(again.status, 409, "{:?}", again.body);
    let nobody = house.post("/api/v1/agents/nobody/suspend", &reason).await;
    assert_eq!(nobody.status, 404, "{:?}", nobody.body);
}

#[tokio::test]
async fn a_model_registers_low_and_medium_and_never_raises_or_widens() {
    let house = House::new().await;
    register(
        &house,
        json!({ "agent_id": "bot", "name": "Bot", "trust_level": "medium", "allowed_tools": ["read_*"], "denied_tools": ["drop_*"] }),
    )
    .await;
    let narrow = json!({ "allowed_tools": ["read_logs"], "denied_tools": ["drop_*", "x"] });
    let open = json!({ "allowed_tools": ["read_*"], "denied_tools": ["drop_*"] });
    let cases = [
        ("new", "low", json!({}), true),
        ("new2", "medium", json!({}), true),
        ("new3", "high", json!({}), false),
        ("new4", "admin", json!({}), false),
        ("bot", "high", open.clone(), false),
        (
            "bot",
            "medium",
            json!({ "allowed_tools": ["read_*"] }),
            false,
        ),
        (
            "bot",
            "medium",
            json!({ "denied_tools": ["drop_*"] }),
            false,
        ),
        (
            "bot",
            "medium",
            json!({ "allowed_tools": ["read_*", "write_x"], "denied_tools": ["drop_*"] }),
            false,
        ),
        ("bot", "medium", open, true),
        ("bot", "low", narrow, true),
        (
            "bot",
            "medium",
            json!({ "allowed_tools": ["read_logs"], "denied_tools": ["drop_*", "x"] }),
            false,
        ),
        ("local", "admin", json!({}), true),
    ];
    for (id, trust, lists, goes) in cases {
        let mut arguments = json!({ "agent_id": id, "name": "N", "trust_level": trust });
        for (key, value) in lists.as_object().unwrap() {
            arguments[key] = value.clone();
        }
        let answer = as_model(&house, "register_agent", arguments.clone()).await;
        if goes {
            assert_eq!(
                answer["done"]["success"],
                json!(true),
                "{arguments}: {answer}"
            );
        } else {
            assert_eq!(
                answer["refused"],
                json!("role_required"),
                "{arguments}: {answer}"
            );
            let remedy = answer["remedy"]["text"].as_str().unwrap();
            assert!(remedy.contains("--mcp-role admin"), "{remedy}");
        }
    }
}

#[tokio::test]
async fn a_model_looks_after_no_agent_but_sees_itself() {
    let house = House::new().await;
    register(&house, json!({ "agent_id": "bot", "name": "Bot" })).await;
    for (tool, arguments) in [
        ("suspend_agent", json!({ "agent_id": "bot", "reason": "r" })),
        (
            "reinstate_agent",
            json!({ "agent_id": "bot", "reason": "r" }),
        ),
        ("remove_agent", json!({ "agent_id": "bot" })),
        ("list_agents", json!({})),
        ("get_agent", json!({ "agent_id": "bot" })),
    ] {
        let answer = as_model(&house, tool, arguments).await;
        assert_eq!(
            answer["refused"],
            json!("role_required"),
            "{tool}: {answer}"
        );
    }
    let own = as_model(&house, "get_agent", json!({ "agent_id": "local" })).await;
    assert_eq!(own["done"]["trust_level"], json!("admin"), "{own}");
}

#[tokio::test]
async fn a_question_registers_whom_it_names_and_a_dry_run_nobody() {
    let house = House::new().await;
    let question = |id: &str, dry_run: bool| json!({ "action_type": "tool_call", "target": "list_services", "agent_id": id, "dry_run": dry_run });
    house
        .execute("validate_action", question("dry", true))
        .await;
    house
        .execute(
            "simulate_action",
            json!({ "action_type": "tool_call", "target": "x", "agent_id": "simulated" }),
        )
        .await;
    house
        .post(
            "/tools/execute",
            &json!({ "tool_name": "list_services", "agent_id": "runner" }),
        )
        .await;
    for id in ["dry", "simulated", "runner"] {
        assert_eq!(agent(&house, id).await.status, 404, "{id}");
    }
    let asked = house
        .execute("validate_action", question("asked", false))
        .await;
    assert_eq!(asked["result"]["allowed"], json!(true), "{asked}");
    let found = agent(&house, "asked").await.body;
    assert_eq!(found["name"], json!("Auto-registered: asked"));
    assert_eq!(found["trust_level"], json!("low"));
    assert_eq!(found["auto_registered"], json!(true));
    let removed = house.send("DELETE", "/api/v1/agents/asked", None).await;
    assert_eq!(removed.status, 200, "{:?}", removed.body);
    assert_eq!(agent(&house, "asked").await.status, 404);
    let kept = house.send("DELETE", "/api/v1/agents/local", None).await;
    assert_eq!(kept.status, 409, "{:?}", kept.body);
}

#[tokio::test]
async fn a_thousand_strangers_are_registered_and_no_more() {
    let house = House::new().await;
    for number in 0..1000 {
        let arguments = json!({ "action_type": "tool_call", "target": "x", "agent_id": format!("stranger-{number}") });
        let answer = house.execute("validate_action", arguments).await;
        assert_eq!(answer["success"], json!(true), "{answer}");
    }
    let one_more = json!({ "action_type": "tool_call", "target": "x", "agent_id": "one-more" });
    let full = house.execute("validate_action", one_more.clone()).await;
    assert_eq!(full["success"], json!(false), "{full}");
    assert_eq!(full["code"], json!("registry_full"), "{full}");
    assert_eq!(full["retry_after"], json!(60), "{full}");
    let over = house.post("/api/v1/decisions/validate", &one_more).await;
    assert_eq!(
        (over.status, &over.body["code"]),
        (429, &json!("registry_full"))
    );
    // An operator who adopts one makes room for another.
    register(
        &house,
        json!({ "agent_id": "stranger-7", "name": "Known now" }),
    )
    .await;
    let now = house.execute("validate_action", one_more).await;
    assert_eq!(now["success"], json!(true), "{now}");
}

#[tokio::test]
async fn agents_are_listed_page_by_page() {
    let house = House::new().await;
    for number in 0..25 {
        let trust = if number % 5 == 0 { "high" } else { "low" };
        register(
            &house,
            json!({ "agent_id": format!("a-{number:02}"), "name": "A", "trust_level": trust }),
        )
        .await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/agents?limit=10".to_owned();
    loop {
        let page = house.get(&path).await.body;
        assert_eq!(page["total"], json!(26), "{page}");
        for agent in page["agents"].as_array().unwrap() {
            seen.push(agent["agent_id"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/agents?limit=10&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 26);
    assert!(seen.is_sorted());
    let high = house.get("/api/v1/agents?trust_level=high").await.body;
    assert_eq!((&high["count"], &high["total"]), (&json!(5), &json!(5)));
    for bad in [
        "cursor=x",
        "cursor=0000000000000000.a-01",
        "limit=0",
        "status=asleep",
        "colour=red",
    ] {
        let reply = house.get(&format!("/api/v1/agents?{bad}")).await;
        assert_eq!(reply.status, 400, "{bad}: {:?}", reply.body);
    }
}

#[tokio::test]
async fn a_question_leaves_the_record_of_what_it_asks_and_none_of_the_asking() {
    let house = House::new().await;
    let asked = house
        .execute(
            "validate_action",
            json!({ "action_type": "tool_call", "target": "delete_database", "parameters": "{\"db_name\": \"x\"}" }),
        )
        .await;
    assert_eq!(asked["result"]["allowed"], json!(false), "{asked}");
    assert_eq!(asked["result"]["code"], json!("always_blocked"), "{asked}");
    assert_eq!(asked["result"]["action_id"], asked["action_id"]);
    let reader = policyguard::storage::open_reader(&house.data_dir()).unwrap();
    let page = reader
        .query(&policyguard::audit::Filter::default(), None, 100)
        .unwrap();
    let about: Vec<_> = page
        .records
        .iter()
        .filter_map(|record| Some((record.resource.as_deref(), record.decision.as_ref()?)))
        .map(|(resource, ruling)| (resource, ruling.asked_by.as_deref()))
        .collect();
    assert_eq!(about, [(Some("delete_database"), Some("local-operator"))]);
    let broken = house
        .execute(
            "validate_action",
            json!({ "action_type": "tool_call", "target": "x", "parameters": "{bad" }),
        )
        .await;
    assert_eq!(broken["result"]["error"], json!("invalid parameters JSON"));
}

#[tokio::test]
async fn strangers_that_nobody_saw_for_a_month_are_forgotten_and_others_are_not() {
    let house = House::new().await;
    let ask =
        |id: &str| json!({ "action_type": "tool_call", "target": "list_services", "agent_id": id });
    for id in ["gone", "adopted", "suspended", "back"] {
        house.execute("validate_action", ask(id)).await;
    }
    register(&house, json!({ "agent_id": "adopted", "name": "Ours" })).await;
    let reason = json!({ "reason": "it loops" });
    house
        .post("/api/v1/agents/suspended/suspend", &reason)
        .await;
    let month = std::time::Duration::from_hours(30 * 24);
    house.clock.advance(month / 2);
    house.execute("validate_action", ask("back")).await;
    house.clock.advance(month / 2);
    let reader = policyguard::storage::open_reader(&house.data_dir()).unwrap();
    let forget = policyguard::governance::forget_unseen(&house.app.gate, &*reader);
    assert_eq!(forget.await, 1);
    assert_eq!(agent(&house, "gone").await.status, 404);
    for id in ["adopted", "suspended", "back"] {
        assert_eq!(agent(&house, id).await.status, 200, "{id}");
    }
}
