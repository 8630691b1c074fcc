//! The execution API over the whole gateway: what clients send and what they get.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{House, shipped};

fn contains(value: &Value, part: &str) -> bool {
    value.as_str().is_some_and(|text| text.contains(part))
}

#[tokio::test]
async fn a_read_runs_and_a_change_waits_for_its_mode() {
    let house = House::new().await;
    let read = house.execute("get_service_status", json!({})).await;
    assert_eq!(
        (&read["success"], &read["result"]["fleet_size"]),
        (&json!(true), &json!(3))
    );
    let denied = house
        .execute("restart_service", json!({ "service_name": "cache" }))
        .await;
    assert_eq!(
        (
            &denied["success"],
            &denied["policy_violation"],
            &denied["code"]
        ),
        (&json!(false), &json!(true), &json!("mode_blocked"))
    );
    assert!(
        contains(
            &denied["blocked_reason"],
            "Tool 'restart_service' is blocked in NORMAL mode. Rationale: "
        ),
        "{denied}"
    );
    assert_eq!(
        denied["error"],
        json!("Policy violation: Blocked in NORMAL mode")
    );
    assert_eq!(denied["rule"], json!("modes.NORMAL.blocked_tools"));
    assert!(
        denied["remedy"]["text"]
            .as_str()
            .is_some_and(|text| text.contains("EMERGENCY")),
        "{denied}"
    );
    house.set_mode("EMERGENCY").await;
    let run = house
        .execute("restart_service", json!({ "service_name": "cache" }))
        .await;
    assert_eq!(
        (&run["success"], &run["result"]["message"]),
        (
            &json!(true),
            &json!("Service 'cache' successfully restarted")
        )
    );
    house.clock.advance(Duration::from_mins(15));
    let after = house
        .execute("restart_service", json!({ "service_name": "cache" }))
        .await;
    assert_eq!(
        (&after["code"], &after["mode"]),
        (&json!("mode_blocked"), &json!("NORMAL"))
    );
}

#[tokio::test]
async fn what_is_always_blocked_is_denied_in_every_mode_and_a_dry_run_changes_nothing() {
    let house = House::new().await;
    for mode in ["NORMAL", "EMERGENCY"] {
        house.set_mode(mode).await;
        let answer = house
            .execute("delete_database", json!({ "db_name": "users" }))
            .await;
        assert_eq!(
            answer["blocked_reason"],
            json!("Tool 'delete_database' is globally blocked and can never be executed")
        );
        assert_eq!(
            answer["error"],
            json!("Policy violation: Globally blocked - destructive operation")
        );
    }
    let before = house.get("/infrastructure/status").await.body;
    let body = json!({ "tool_name": "scale_fleet", "arguments": { "count": 9 }, "execution_mode": "shadow" });
    let shadow = house.post("/tools/execute", &body).await.body;
    assert_eq!(
        (&shadow["success"], &shadow["decision"], &shadow["executed"]),
        (&json!(true), &json!("allow"), &json!(false))
    );
    assert_eq!(
        shadow["shadow_report"]["plan"]["predicted_state"]["fleet_size"],
        json!(9),
        "{shadow}"
    );
    assert_eq!(house.get("/infrastructure/status").await.body, before);
}

#[tokio::test]
async fn a_dry_run_answers_as_the_call_would_also_for_names_that_no_tool_has() {
    let house = House::new().await;
    // A rule of the shipped policy speaks of both, and the operator is trusted with them.
    for tool in [
        "drop_table",
        "delete_everything",
        "frobnicate",
        "restart_service",
    ] {
        let call = |mode: &str| json!({ "tool_name": tool, "execution_mode": mode });
        let real = house.post("/tools/execute", &call("REAL")).await.body;
        let dry = house.post("/tools/execute", &call("SHADOW")).await.body;
        for member in ["success", "code", "blocked_reason"] {
            assert_eq!(dry[member], real[member], "{tool}: {dry} {real}");
        }
    }
}

#[tokio::test]
async fn lockdown_stops_everything_but_reads_of_status_and_survives_a_restart() {
    let house = House::new().await;
    house.set_mode("EMERGENCY").await;
    assert_eq!(
        house
            .post("/api/v1/lockdown", &json!({ "on": true, "reason": "test" }))
            .await
            .status,
        200
    );
    let house = house.restarted().await;
    for tool in ["list_services", "restart_service"] {
        assert_eq!(
            house.execute(tool, json!({})).await["code"],
            json!("lockdown"),
            "{tool}"
        );
    }
    assert_eq!(
        house.get("/policy/status").await.body["lockdown"],
        json!(true)
    );
    let raise = house
        .post("/policy/set-mode", &json!({ "mode": "EMERGENCY" }))
        .await;
    assert_eq!(
        (raise.status, &raise.body["code"]),
        (403, &json!("lockdown"))
    );
    assert_eq!(
        house
            .post("/policy/set-mode", &json!({ "mode": "NORMAL" }))
            .await
            .status,
        200
    );
    assert_eq!(
        house
            .post("/api/v1/lockdown", &json!({ "on": false }))
            .await
            .status,
        200
    );
    let house = house.restarted().await;
    assert_eq!(
        house.execute("list_services", json!({})).await["success"],
        json!(true)
    );
}

#[tokio::test]
async fn a_drill_proves_the_halt_and_stops_nobody() {
    let house = House::new().await;
    let drill = house.post("/api/v1/lockdown/drill", &json!({})).await;
    assert_eq!(
        (drill.status, &drill.body["probe_denied"]),
        (200, &json!(true)),
        "{:?}",
        drill.body
    );
    assert_eq!(
        house.execute("list_services", json!({})).await["success"],
        json!(true)
    );
}

#[tokio::test]
async fn grants_run_out_by_themselves_and_never_move_the_base() {
    let house = House::new().await;
    for _ in 0..2 {
        let grant = house
            .post(
                "/policy/grant-temporary",
                &json!({ "duration_seconds": 2, "reason": "drill" }),
            )
            .await;
        assert_eq!(
            (
                grant.status,
                &grant.body["current_mode"],
                &grant.body["base_mode"]
            ),
            (200, &json!("EMERGENCY"), &json!("NORMAL"))
        );
    }
    house.clock.advance(Duration::from_secs(3));
    assert_eq!(house.get("/").await.body["current_mode"], json!("NORMAL"));
    assert_eq!(
        house
            .post("/policy/extend-temporary", &json!({}))
            .await
            .status,
        400
    );
    house
        .post(
            "/policy/grant-temporary",
            &json!({ "duration_seconds": 30 }),
        )
        .await;
    let longer = house
        .post(
            "/policy/extend-temporary",
            &json!({ "additional_seconds": 5 }),
        )
        .await;
    assert_eq!(
        longer.body["remaining_seconds"],
        json!(35),
        "{:?}",
        longer.body
    );
    assert_eq!(house.get("/").await.body["remaining_seconds"], json!(35));
    let revoked = house.post("/policy/revoke-temporary", &json!({})).await;
    assert_eq!(
        (revoked.status, &revoked.body["current_mode"]),
        (200, &json!("NORMAL"))
    );
    for (path, body) in [
        ("grant", json!({ "duration_seconds": 301 })),
        ("extend", json!({ "additional_seconds": 61 })),
        ("grant", json!({ "duration_seconds": 0 })),
    ] {
        assert_eq!(
            house
                .post(&format!("/policy/{path}-temporary"), &body)
                .await
                .status,
            422,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_mode_switch_names_what_is_wrong() {
    let house = House::new().await;
    let unknown = house
        .post("/policy/set-mode", &json!({ "mode": "emergency" }))
        .await;
    assert_eq!(
        (unknown.status, &unknown.body["detail"]),
        (
            400,
            &json!("Invalid mode: emergency. Available: [NORMAL, EMERGENCY]")
        )
    );
    let missing = house.post("/policy/set-mode", &json!({})).await;
    assert_eq!(
        (missing.status, &missing.body["detail"][0]["loc"]),
        (422, &json!(["body", "mode"])),
        "{:?}",
        missing.body
    );
    let short = house
        .post(
            "/policy/set-mode",
            &json!({ "mode": "EMERGENCY", "reason": "short" }),
        )
        .await;
    assert_eq!(short.status, 422);
    let long = house
        .post(
            "/policy/set-mode",
            &json!({ "mode": "EMERGENCY", "duration_seconds": 1_000_000 }),
        )
        .await;
    assert_eq!(long.status, 422);
    assert_eq!(house.get("/").await.body["current_mode"], json!("NORMAL"));
}

#[tokio::test]
async fn bad_arguments_fail_before_anything_runs() {
    let house = House::with_policies(&shipped("ops_policy.json")).await;
    house.set_mode("EMERGENCY").await;
    for count in [
        json!(0),
        json!(101),
        json!(2.5),
        json!("5"),
        json!(true),
        json!(-5),
    ] {
        let answer = house
            .execute("scale_fleet", json!({ "count": count }))
            .await;
        assert_eq!(
            (&answer["success"], &answer["policy_violation"]),
            (&json!(false), &json!(false)),
            "{answer}"
        );
        assert!(
            contains(
                &answer["error"],
                "Execution error: Invalid arguments for scale_fleet: "
            ),
            "{answer}"
        );
    }
    let answer = house.execute("read_logs", json!({ "lines": -1 })).await;
    assert!(contains(&answer["error"], "lines"), "{answer}");
    let unknown = house
        .execute("restart_service", json!({ "service_name": "ghost" }))
        .await;
    assert_eq!(
        (&unknown["success"], &unknown["error"]),
        (
            &json!(false),
            &json!("Execution error: Service 'ghost' not found")
        )
    );
    assert_eq!(
        unknown["result"]["available_services"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );
    assert_eq!(
        house.get("/infrastructure/status").await.body["fleet_size"],
        json!(3)
    );
}

#[tokio::test]
async fn bodies_that_cannot_be_read_have_their_statuses() {
    let house = House::new().await;
    for (body, status) in [
        (&b"{"[..], 400),
        (b"[1]", 400),
        (br#"{"tool_name":"list_services","tool_name":"x"}"#, 400),
        (
            br#"{"tool_name":"list_services","arguments":{"a":1,"a":2}}"#,
            400,
        ),
        (b"{\"tool_name\":\"\xff\"}", 400),
        (br#"{"arguments":{}}"#, 422),
        (br#"{"tool_name":5}"#, 422),
        (br#"{"tool_name":"list_services","bogus":1}"#, 422),
        (
            br#"{"tool_name":"list_services","execution_mode":"DRY"}"#,
            400,
        ),
    ] {
        let reply = house
            .send("POST", "/tools/execute", Some(body.to_vec()))
            .await;
        assert_eq!(
            reply.status,
            status,
            "{}: {:?}",
            String::from_utf8_lossy(body),
            reply.body
        );
        assert!(reply.body["request_id"].is_string(), "{:?}", reply.body);
    }
    let large = format!(r#"{{"tool_name":"{}"}}"#, "a".repeat(300_000));
    assert_eq!(
        house
            .send("POST", "/tools/execute", Some(large.into_bytes()))
            .await
            .status,
        413
    );
    let form = Request::post("/tools/execute")
        .header("host", "localhost")
        .header("content-type", "text/plain");
    assert_eq!(
        house
            .request(form.body(Body::from("{}")).unwrap())
            .await
            .status,
        415
    );
    let zipped = Request::post("/tools/execute")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip");
    assert_eq!(
        house
            .request(zipped.body(Body::from("{}")).unwrap())
            .await
            .status,
        415
    );
    assert_eq!(house.get("/policy/status?bogus=1").await.status, 422);
    assert_eq!(house.get("/nothing").await.status, 404);
    assert_eq!(house.get("/tools/execute").await.status, 405);
}

#[tokio::test]
async fn a_page_of_a_stranger_reaches_nothing() {
    let house = House::new().await;
    for (name, value) in [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ] {
        let mut request =
            Request::post("/policy/set-mode").header("content-type", "application/json");
        if name != "host" {
            request = request.header("host", "localhost:8000");
        }
        let request = request
            .header(name, value)
            .body(Body::from(r#"{"mode":"EMERGENCY"}"#))
            .unwrap();
        assert_eq!(house.request(request).await.status, 403, "{name}: {value}");
    }
    assert_eq!(house.get("/").await.body["current_mode"], json!("NORMAL"));
}

#[tokio::test]
async fn a_batch_decides_each_call_on_its_own() {
    let house = House::new().await;
    let calls = json!({ "calls": [{ "tool_name": "list_services" }, { "tool_name": "nope" }, { "arguments": {} }, { "tool_name": "read_logs", "arguments": { "lines": 2 } }] });
    let reply = house.post("/tools/execute/batch", &calls).await;
    let results = reply.body["results"].as_array().expect("results");
    let ok: Vec<_> = results
        .iter()
        .map(|result| result["success"].as_bool())
        .collect();
    assert_eq!(
        ok,
        [Some(true), Some(false), Some(false), Some(true)],
        "{:?}",
        reply.body
    );
    assert_eq!(
        house
            .post("/tools/execute/batch", &json!({ "calls": [] }))
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn the_catalogue_says_what_this_caller_may_do_now() {
    let house = House::new().await;
    let catalog = house.get("/tools/catalog").await.body;
    let allowed = |name: &str| {
        let tools = catalog["tools"].as_array().expect("tools");
        tools
            .iter()
            .find(|tool| tool["name"] == json!(name))
            .map(|tool| tool["allowed"].clone())
            .unwrap_or_default()
    };
    assert_eq!(allowed("list_services"), json!("allow"));
    assert_eq!(allowed("restart_service"), json!("deny"));
    assert_eq!(allowed("delete_database"), json!("deny"));
    house.set_mode("EMERGENCY").await;
    let catalog = house.get("/tools/catalog").await.body;
    let names = catalog["allowed_in_current_mode"]
        .as_array()
        .expect("names");
    assert!(
        names.contains(&json!("restart_service")) && names.contains(&json!("scale_fleet")),
        "{names:?}"
    );
}

#[tokio::test]
async fn incidents_are_simulated_and_history_tells_what_ran() {
    let house = House::new().await;
    let reply = house
        .send(
            "POST",
            "/infrastructure/simulate-incident?service=web-server",
            None,
        )
        .await;
    assert_eq!(
        (reply.status, &reply.body["message"]),
        (
            200,
            &json!("Simulated incident: web-server set to critical")
        )
    );
    assert_eq!(
        house.get("/policy/status").await.body["unhealthy_services"],
        json!(["web-server"])
    );
    for query in ["service=ghost", "service=cache&status=whatever"] {
        assert_eq!(
            house
                .send(
                    "POST",
                    &format!("/infrastructure/simulate-incident?{query}"),
                    None
                )
                .await
                .status,
            400,
            "{query}"
        );
    }
    house.set_mode("EMERGENCY").await;
    house
        .execute("restart_service", json!({ "service_name": "web-server" }))
        .await;
    house
        .execute("restart_service", json!({ "service_name": "ghost" }))
        .await;
    let history = house.get("/execution/history?limit=2").await.body;
    assert_eq!(history["total_events"], json!(3), "{history}");
    assert_eq!(
        history["history"][0]["result"]["available_services"]
            .as_array()
            .map(Vec::len),
        Some(5),
        "{history}"
    );
    assert_eq!(
        (
            &history["history"][1]["action"],
            &history["history"][1]["decision"]
        ),
        (&json!("restart_service"), &json!("rule_allow"))
    );
    let house = house.restarted().await;
    assert_eq!(
        house.get("/policy/status").await.body["unhealthy_services"],
        json!([])
    );
    assert_eq!(
        house.get("/execution/history").await.body["history"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_on_the_trail_and_not_written_one_by_one() {
    let house = House::new().await;
    for _ in 0..5 {
        assert_eq!(
            house
                .send("POST", "/tools/execute", Some(b"{".to_vec()))
                .await
                .status,
            400
        );
    }
    let refused = house
        .get("/api/v1/audit?view=records&kind=refused")
        .await
        .body;
    assert_eq!(refused["total"], json!(1), "{refused}");
    assert!(
        refused["entries"][0]
            .to_string()
            .contains("unreadable_body"),
        "{refused}"
    );
    for _ in 0..5 {
        assert_eq!(house.get("/policy/status").await.status, 200);
    }
    let access = house
        .get("/api/v1/audit?view=records&kind=access")
        .await
        .body;
    let of_status = access.to_string().matches("get_policy_status").count();
    assert_eq!(of_status, 1, "{access}");
}
