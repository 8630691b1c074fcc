//! The trail as people read it: one entry an attempt, everybody's or one's own.

use std::time::Duration;

use policyguard::pipeline::{Answer, Body, Code};
use policyguard::tools::Fault;
use serde_json::{Value, json};

use crate::support::House;

/// What a model of local mode is answered.
fn done(answer: Answer) -> Value {
    let Body::Done(result) = answer.body else {
        panic!("{answer:?}")
    };
    result
}

async fn log(house: &House, query: &str) -> Value {
    let reply = house.get(&format!("/api/v1/audit?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    assert_eq!(
        reply.body["count"],
        json!(reply.body["entries"].as_array().unwrap().len())
    );
    reply.body
}

/// A word for each entry: its type, target and what was decided.
fn words(log: &Value) -> Vec<String> {
    let entries = log["entries"].as_array().unwrap();
    let word = |entry: &Value| {
        let (action, evaluation) = (&entry["action"], &entry["evaluation"]);
        format!(
            "{} {} {} {}",
            action["type"].as_str().unwrap(),
            action["target"].as_str().unwrap(),
            evaluation["allowed"],
            entry["outcome"]["status"].as_str().unwrap_or("-"),
        )
    };
    entries.iter().map(word).collect()
}

#[tokio::test]
async fn every_attempt_is_one_entry_whatever_became_of_it() {
    let house = House::new().await;
    house.execute("list_services", json!({})).await;
    house
        .execute("delete_database", json!({ "db_name": "users" }))
        .await;
    house
        .execute("get_service_status", json!({ "service_name": "nothing" }))
        .await;
    house.set_mode("EMERGENCY").await;
    house
        .post("/policy/set-mode", &json!({ "mode": "NOWHERE" }))
        .await;
    house.post("/policy/set-mode", &json!({ "mode": 7 })).await;
    let log = log(&house, "").await;
    assert_eq!(
        words(&log),
        [
            "tool_call set_mode false -",
            "tool_call set_mode true failed",
            "mode_change EMERGENCY true ok",
            "tool_call get_service_status true failed",
            "tool_call delete_database false -",
            "tool_call list_services true ok",
            "start gateway true ok",
        ]
    );
    assert_eq!(log["total"], json!(7));
    assert_eq!(log["time_range"], json!("24h"));
    assert_eq!(log["filters_applied"], json!(["none"]));
    assert_eq!(log["scope"], json!("all"));
    let change = &log["entries"][2];
    assert_eq!(change["agent_id"], json!("local-operator"));
    assert_eq!(change["evaluation"]["code"], json!("builtin"));
    assert_eq!(change["action"]["parameters"]["from"], json!("NORMAL"));
    assert_eq!(log["entries"][6]["agent_id"], json!("gateway"));
    let denied = &log["entries"][4];
    assert_eq!(denied["evaluation"]["code"], json!("always_blocked"));
    assert_eq!(
        denied["action"]["parameters"],
        json!({ "db_name": "users" })
    );
    let ran = &log["entries"][5]["outcome"];
    assert!(ran["result_digest"].as_str().unwrap().starts_with("hmac:"));
    assert!(ran["duration_ms"].is_number());
}

#[tokio::test]
async fn lists_are_filtered_and_say_by_what() {
    let house = House::new().await;
    house.execute("list_services", json!({})).await;
    house.execute("delete_database", json!({})).await;
    house.set_mode("EMERGENCY").await;
    let cases = [
        ("status=denied", 1, "status=denied"),
        ("status=allowed", 3, "status=allowed"),
        ("status=pending", 0, "status=pending"),
        ("include_allowed=false", 1, "include_allowed=false"),
        ("action_type=mode_change", 1, "action_type=mode_change"),
        ("tool=EMERGENCY", 1, "tool=EMERGENCY"),
        ("tool=list_services", 1, "tool=list_services"),
        ("agent_id=gateway", 1, "agent_id=gateway"),
        ("text=globally", 1, "text=globally"),
        ("text=emergency", 1, "text=emergency"),
    ];
    for (query, total, applied) in cases {
        let log = log(&house, query).await;
        assert_eq!(log["total"], json!(total), "{query}");
        assert_eq!(log["count"], json!(total), "{query}");
        assert_eq!(log["filters_applied"], json!([applied]), "{query}");
    }
}

#[tokio::test]
async fn a_list_reaches_back_a_day_unless_it_says_how_far() {
    let house = House::new().await;
    house.clock.advance(Duration::from_hours(25));
    house.execute("list_services", json!({})).await;
    assert_eq!(log(&house, "").await["total"], json!(1));
    assert_eq!(log(&house, "time_range=25h").await["total"], json!(2));
    assert_eq!(log(&house, "time_range=30m").await["total"], json!(1));
    let since = log(&house, "since=2000-01-01T00:00:00Z").await;
    assert_eq!(since["total"], json!(2));
    assert_eq!(since["time_range"], Value::Null);
    for bad in [
        "time_range=1w",
        "time_range=0h",
        "time_range=",
        "since=yesterday",
        "since=2000-01-01T00:00:00Z&time_range=1h",
        "cursor=abc",
        "kind=decision",
    ] {
        let reply = house.get(&format!("/api/v1/audit?{bad}")).await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.body);
        assert!(reply.body["hint"].is_string(), "{bad}: {}", reply.body);
    }
}

#[tokio::test]
async fn pages_follow_each_other_while_time_goes_on() {
    let house = House::new().await;
    for _ in 0..7 {
        house.execute("list_services", json!({})).await;
    }
    let mut seen = Vec::new();
    let mut query = "limit=3&tool=list_services".to_owned();
    loop {
        let page = log(&house, &query).await;
        assert_eq!(page["total"], json!(7));
        seen.extend(words(&page));
        house.clock.advance(Duration::from_mins(7));
        house.execute("get_service_status", json!({})).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=3&tool=list_services&cursor={cursor}");
    }
    assert_eq!(seen.len(), 7);
    let page = log(&house, "limit=3&tool=list_services").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let (since, place) = cursor.split_once('.').unwrap();
    let since = i64::from_str_radix(since, 16).unwrap() - 1;
    let forged = format!("limit=3&tool=list_services&cursor={since:x}.{place}");
    let other = format!("limit=3&cursor={cursor}");
    for bad in [forged, other] {
        let reply = house.get(&format!("/api/v1/audit?{bad}")).await;
        assert_eq!(reply.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_page_ends_before_it_outgrows_an_answer_and_loses_nothing() {
    let house = House::new().await;
    for _ in 0..150 {
        house
            .execute("list_services", json!({ "noise": "x".repeat(9_000) }))
            .await;
    }
    let mut total = 0;
    let mut query = "limit=1000".to_owned();
    let mut pages = 0;
    loop {
        let page = log(&house, &query).await;
        total += page["count"].as_u64().unwrap();
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=1000&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!((total, pages), (151, 2));
}

#[tokio::test]
async fn an_agent_sees_its_own_lines_only() {
    let house = House::new().await;
    let mine = house.as_model("list_services", json!({})).await;
    house.execute("list_services", json!({})).await;
    house.execute("delete_database", json!({})).await;
    let log = done(house.as_model("get_audit_log", json!({})).await);
    assert_eq!(log["scope"], json!("own"));
    assert_eq!(log["filters_applied"], json!(["agent_id=local"]));
    assert_eq!(log["total"], json!(1));
    assert_eq!(
        log["entries"][0]["action_id"],
        json!(mine.decision.request().action_id)
    );
    for arguments in [
        json!({ "agent_id": "local-operator" }),
        json!({ "agent_id": "gateway", "include_allowed": false }),
    ] {
        let others = done(house.as_model("get_audit_log", arguments).await);
        assert_eq!(others["entries"], json!([]));
        assert_eq!(others["total"], json!(0));
    }
    let whole = house
        .as_model("get_audit_log", json!({ "view": "records" }))
        .await;
    assert_eq!(whole.decision.code(), Code::RoleRequired);

    let all = self::log(&house, "").await;
    for entry in all["entries"].as_array().unwrap() {
        let arguments = json!({ "entry_id": entry["entry_id"] });
        let answer = house.as_model("get_audit_entry", arguments).await;
        if entry["agent_id"] == json!("local") {
            assert_eq!(&done(answer)["entry"], entry);
        } else {
            let missing =
                matches!(answer.body, Body::Mendable { fault, .. } if fault == Fault::Missing);
            assert!(missing, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn an_agent_without_lines_sees_none() {
    let house = House::new().await;
    house.execute("list_services", json!({})).await;
    let log = done(house.as_model("get_audit_log", json!({})).await);
    assert_eq!(log["entries"], json!([]));
    assert_eq!(log["total"], json!(0));
    assert_eq!(log["next_cursor"], Value::Null);
}

#[tokio::test]
async fn an_entry_is_found_by_its_id_with_its_records() {
    let house = House::new().await;
    house.execute("list_services", json!({})).await;
    house.set_mode("EMERGENCY").await;
    let listed = log(&house, "").await;
    for (place, kinds) in [
        (0, vec!["decision", "change"]),
        (1, vec!["decision", "outcome"]),
        (2, vec!["change"]),
    ] {
        let entry = &listed["entries"][place];
        let id = entry["entry_id"].as_str().unwrap();
        let reply = house.get(&format!("/api/v1/audit/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(&reply.body["entry"], entry);
        let records = reply.body["records"].as_array().unwrap();
        let found: Vec<&Value> = records.iter().map(|record| &record["kind"]).collect();
        assert_eq!(found, kinds);
        for record in records {
            let id = record["id"].as_str().unwrap();
            let again = house.get(&format!("/api/v1/audit/{id}")).await.body;
            assert_eq!(
                again["records"], reply.body["records"],
                "by any of its records"
            );
        }
    }
    for (id, status) in [
        ("aud_0123456789ab", 404),
        ("act_0123456789ab", 400),
        ("aud_0123", 400),
        ("aud_0123456789AB", 400),
        ("1", 400),
    ] {
        let reply = house.get(&format!("/api/v1/audit/{id}")).await;
        assert_eq!(reply.status, status, "{id}: {}", reply.body);
    }
}

#[tokio::test]
async fn hostile_text_never_leaves_its_json_string() {
    let house = House::new().await;
    let hostile = "\"}],\"scope\":\"all\",\"x\":\"\n\r\u{2028}\u{0}</script>=cmd|' /C calc'!A0";
    house
        .execute("get_service_status", json!({ "service_name": hostile }))
        .await;
    let log = log(&house, "tool=get_service_status").await;
    let given = &log["entries"][0]["action"]["parameters"]["service_name"];
    assert_eq!(given, &json!(hostile));
    assert_eq!(log["entries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_chain_is_verified_meanwhile_and_a_change_is_shown() {
    let house = House::new().await;
    house.execute("list_services", json!({})).await;
    assert_eq!(log(&house, "").await["chain"]["verified_to"], json!(0));
    while house.app.inspector.step().unwrap() {}
    let chain = log(&house, "").await["chain"].clone();
    assert_eq!(chain["state"], json!("intact"));
    assert_eq!(chain["verified_to"], chain["head"]["seq"]);
    house.execute("list_services", json!({})).await;
    let database = house.data_dir().join("policyguard.db");
    let database = rusqlite::Connection::open(database).unwrap();
    let last: i64 = database
        .query_row("SELECT max(seq) FROM records", (), |row| row.get(0))
        .unwrap();
    let sql =
        "UPDATE records SET text = replace(text, 'list_services', 'list_servants') WHERE seq = ?1";
    database.execute(sql, [last]).unwrap();
    while house.app.inspector.step().unwrap() {}
    let chain = log(&house, "tool=get_service_status").await["chain"].clone();
    assert_eq!(chain["state"], json!("broken"));
    assert_eq!(
        chain["first_fault"],
        json!({ "seq": last, "how": "changed" })
    );
    let compliance = house.get("/api/v1/compliance").await.body;
    assert_eq!(compliance["status"], json!("critical"));
    assert_eq!(compliance["audit"]["chain"], json!("broken"));
}
