//! What one caller may ask of us in a time, and what floods of denials leave on the trail.

use std::num::NonZeroU32;
use std::time::Duration;

use policyguard::decision_point::RateLimits;
use policyguard::pipeline::Code;
use serde_json::{Value, json};

use crate::support::House;

const fn a_few(calls: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(calls)
}

/// The decisions on record about this tool, oldest first.
async fn decisions(house: &House, tool: &str) -> Vec<Value> {
    let path = format!("/api/v1/audit?view=records&limit=1000&tool={tool}");
    let listed = house.get(&path).await.body;
    let entries = listed["entries"].as_array().unwrap();
    let decisions = entries.iter().filter(|entry| entry["kind"] == "decision");
    let mut decisions: Vec<Value> = decisions.cloned().collect();
    decisions.reverse();
    decisions
}

async fn denied_restart(house: &House) -> Value {
    house
        .execute("restart_service", json!({ "service_name": "cache" }))
        .await
}

#[tokio::test]
async fn identical_denials_beyond_ten_a_minute_are_one_record_with_a_count() {
    let house = House::counting_denials().await;
    for _ in 0..25 {
        assert_eq!(denied_restart(&house).await["code"], json!("mode_blocked"));
    }
    // Another digest is another denial.
    house
        .execute("restart_service", json!({ "service_name": "database" }))
        .await;
    let recorded = decisions(&house, "restart_service").await;
    let counts: Vec<_> = recorded
        .iter()
        .filter_map(|record| record["decision"].get("count"))
        .collect();
    assert_eq!(recorded.len(), 10 + 1 + 1, "{recorded:#?}");
    assert_eq!(counts, [&json!(15)]);
    // Who looks once more within the minute finds what came since.
    denied_restart(&house).await;
    let recorded = decisions(&house, "restart_service").await;
    assert_eq!(recorded.last().unwrap()["decision"]["count"], json!(1));
    house.clock.advance(Duration::from_secs(61));
    denied_restart(&house).await;
    let recorded = decisions(&house, "restart_service").await;
    assert_eq!(recorded.last().unwrap()["decision"].get("count"), None);
}

#[tokio::test]
async fn what_was_counted_counts_for_compliance_and_incidents_also_after_a_restart() {
    let mut house = House::counting_denials().await;
    for _ in 0..25 {
        denied_restart(&house).await;
    }
    for _ in 0..2 {
        let compliance = house.get("/api/v1/compliance").await.body;
        assert_eq!(
            compliance["metrics"]["denied_actions"],
            json!(25),
            "{compliance}"
        );
        let incidents = house.get("/api/v1/incidents").await.body;
        assert_eq!(incidents["incidents"][0]["count"], json!(25), "{incidents}");
        let entries = house.get("/api/v1/audit?tool=restart_service").await.body;
        assert_eq!(entries["entries"][0]["count"], json!(15), "{entries}");
        house = house.restarted().await;
    }
    let verified = house.get("/api/v1/audit/verify").await.body;
    assert_eq!(verified["intact"], json!(true), "{verified}");
}

#[tokio::test]
async fn a_flood_of_counted_denials_is_on_record_when_the_gateway_stops() {
    let house = House::counting_denials().await;
    for _ in 0..13 {
        denied_restart(&house).await;
    }
    let house = house.restarted().await;
    let recorded = decisions(&house, "restart_service").await;
    assert_eq!(recorded.len(), 11);
    assert_eq!(recorded[10]["decision"]["count"], json!(3));
}

#[tokio::test]
async fn nobody_is_limited_where_nobody_set_a_limit() {
    let house = House::new().await;
    for _ in 0..300 {
        assert_eq!(
            house.execute("list_services", json!({})).await["success"],
            json!(true)
        );
    }
    for _ in 0..30 {
        denied_restart(&house).await;
    }
    assert_eq!(decisions(&house, "restart_service").await.len(), 30);
}

#[tokio::test]
async fn a_caller_beyond_its_limit_waits_and_leaves_one_record_a_minute() {
    let house = House::with_rates(RateLimits {
        calls_per_second: a_few(5),
        burst: a_few(8),
        ..RateLimits::default()
    })
    .await;
    let mut codes = Vec::new();
    for _ in 0..20 {
        let body = house.execute("list_services", json!({})).await;
        if body["success"] == json!(true) {
            continue;
        }
        assert_eq!(
            body["blocked_reason"],
            json!("Quota exceeded: 5 calls a second")
        );
        assert_eq!(body["retry_after"], json!(1));
        codes.push(body["code"].clone());
    }
    assert_eq!(codes, vec![json!("rate_limited"); 12]);
    // Each caller has its own: the model is another one than the person.
    let answer = house.as_model("list_services", json!({})).await;
    assert_ne!(answer.decision.code(), Code::RateLimited);
    house.clock.advance(Duration::from_secs(2));
    let recorded = decisions(&house, "list_services").await;
    let limited: Vec<_> = recorded
        .iter()
        .filter(|record| record["decision"]["code"] == "rate_limited")
        .map(|record| record["decision"]["count"].as_u64().unwrap_or(1))
        .collect();
    assert_eq!(limited, [1, 11]);
    house.clock.advance(Duration::from_secs(2));
    assert_eq!(
        house.execute("list_services", json!({})).await["success"],
        json!(true)
    );
}

#[tokio::test]
async fn whoever_is_beyond_its_limit_cannot_flood_the_trail_with_different_denials() {
    let house = House::with_rates(RateLimits {
        calls_per_second: a_few(5),
        burst: a_few(5),
        ..RateLimits::default()
    })
    .await;
    for number in 0..100 {
        let body = house
            .execute(
                "restart_service",
                json!({ "service_name": format!("s{number}") }),
            )
            .await;
        assert_eq!(
            body["code"],
            json!("mode_blocked"),
            "the reason stays the true one"
        );
    }
    house.clock.advance(Duration::from_secs(2));
    let recorded = decisions(&house, "restart_service").await;
    assert_eq!(recorded.len(), 5 + 1 + 1, "{recorded:#?}");
    assert_eq!(recorded[6]["decision"]["count"], json!(94));
}

#[tokio::test]
async fn tools_that_change_something_have_limits_of_their_own_by_what_they_risk() {
    let house = House::with_rates(RateLimits {
        critical_per_minute: a_few(2),
        high_per_minute: a_few(3),
        ..RateLimits::default()
    })
    .await;
    house.set_mode("EMERGENCY").await;
    let mut codes = Vec::new();
    for count in 1..=5 {
        let body = house
            .execute("scale_fleet", json!({ "count": count }))
            .await;
        codes.push(body["code"].as_str().unwrap().to_owned());
    }
    let limited = codes.iter().filter(|code| *code == "rate_limited").count();
    assert_eq!(limited, 2, "{codes:?}");
    assert_eq!(
        house.execute("list_services", json!({})).await["success"],
        json!(true)
    );
    house.clock.advance(Duration::from_secs(20));
    let body = house.execute("scale_fleet", json!({ "count": 6 })).await;
    assert_eq!(body["success"], json!(true), "{body}");
}

#[tokio::test]
async fn when_room_runs_out_denials_are_summarized_and_readiness_warns_but_holds() {
    let house = House::with_store_of(1_048_576).await;
    let ready = house.get("/readyz").await;
    assert_eq!(ready.body["checks"]["room"], json!("ok"));
    // Reads of the trail's own making fill it.
    for number in 0..900 {
        house
            .execute(
                "get_service_status",
                json!({ "service_name": format!("s{number}") }),
            )
            .await;
    }
    house.app.look_at_room();
    let ready = house.get("/readyz").await;
    assert_eq!(ready.status, 200, "{:?}", ready.body);
    let warning = ready.body["checks"]["room"].as_str().unwrap();
    assert!(warning.contains("% of `audit.max_size`"), "{warning}");
    let health = house.get("/healthz").await;
    assert_eq!(
        (health.status, &health.body),
        (200, &json!({ "status": "healthy" }))
    );
    for number in 0..50 {
        house
            .execute(
                "restart_service",
                json!({ "service_name": format!("s{number}") }),
            )
            .await;
    }
    let recorded = decisions(&house, "restart_service").await;
    assert_eq!(recorded.len(), 2, "{recorded:#?}");
    assert_eq!(recorded[1]["decision"]["count"], json!(49));
}
