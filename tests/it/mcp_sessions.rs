//! Sessions: whose they are, how many, and what they outlive.

use std::time::Duration;

use futures_core::Stream as _;
use serde_json::json;

use crate::support::House;
use crate::support::mcp::Client;

fn as_agent(house: &House, agent: &str) -> Client {
    Client::of(house.app.command_service()).with("x-policyguard-agent", agent)
}

#[tokio::test]
async fn a_session_ends_when_its_client_says_so() {
    let house = House::new().await;
    let client = Client::of(house.app.public_service()).in_session().await;
    let said = client.call("list_services", json!({})).await;
    assert_eq!(said.result()["structuredContent"]["count"], json!(5));
    assert_eq!(client.send("DELETE", None).await.status, 204);
    let said = client.call("list_services", json!({})).await;
    assert_eq!((said.status, said.error_code()), (404, -32001));
    assert_eq!(client.send("DELETE", None).await.status, 404);
}

#[tokio::test]
async fn a_session_outlives_the_process_with_what_its_client_said() {
    let house = House::new().await;
    let client = Client::of(house.app.public_service()).in_session().await;
    let session = client.session().to_owned();
    drop(client);
    let house = house.restarted().await;
    let again = Client::of(house.app.public_service())
        .with("mcp-session-id", &session)
        .with("mcp-protocol-version", "2025-06-18");
    let said = again.call("list_services", json!({})).await;
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(said.result()["structuredContent"]["count"], json!(5));
    let calls = (0..8).map(|_| again.call("list_services", json!({})));
    for call in calls {
        assert_eq!(call.await.status, 200);
    }
    assert_eq!(again.send("DELETE", None).await.status, 204);
    drop(again);
    let house = house.restarted().await;
    let gone = Client::of(house.app.public_service()).with("mcp-session-id", &session);
    assert_eq!(gone.call("list_services", json!({})).await.status, 404);
}

#[tokio::test]
async fn nobody_uses_the_session_of_another() {
    let house = House::new().await;
    let owner = as_agent(&house, "owner").in_session().await;
    let thief = as_agent(&house, "thief").with("mcp-session-id", owner.session());
    assert_eq!(thief.call("list_services", json!({})).await.status, 404);
    assert_eq!(thief.send("GET", None).await.status, 404);
    assert_eq!(thief.send("DELETE", None).await.status, 404);
    let said = owner.call("list_services", json!({})).await;
    assert_eq!(said.status, 200, "it is still the owner's");
    let records = house
        .get("/api/v1/audit?agent_id=thief&view=records")
        .await
        .body;
    assert_eq!(records["total"], json!(0), "{records}");
}

#[tokio::test]
async fn the_sixty_fifth_session_of_a_caller_ends_its_oldest() {
    let house = House::new().await;
    let first = as_agent(&house, "busy").in_session().await;
    house.clock.advance(Duration::from_secs(1));
    let second = as_agent(&house, "busy").in_session().await;
    house.clock.advance(Duration::from_secs(1));
    for _ in 2..64 {
        as_agent(&house, "busy").in_session().await;
    }
    assert_eq!(first.call("list_services", json!({})).await.status, 200);
    assert_eq!(house.app.pipeline.sessions().count(), 64);
    house.clock.advance(Duration::from_secs(1));
    as_agent(&house, "busy").in_session().await;
    assert_eq!(house.app.pipeline.sessions().count(), 64);
    // The first was used since, so the second is the one that was not used for longest.
    assert_eq!(first.call("list_services", json!({})).await.status, 200);
    assert_eq!(second.call("list_services", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_session_is_on_record_and_no_line_of_its_agent() {
    let house = House::new().await;
    let client = as_agent(&house, "talker").in_session().await;
    let listed = house.get("/api/v1/audit?agent_id=talker").await.body;
    assert_eq!(listed["total"], json!(0), "{listed}");
    let records = house
        .get("/api/v1/audit?agent_id=talker&view=records")
        .await
        .body;
    let record = &records["entries"][0];
    assert_eq!(record["action"], json!("session_opened"), "{record}");
    let text = record.to_string();
    assert!(text.contains("\"name\":\"test\""), "{text}");
    assert!(
        !text.contains(client.session()),
        "its whole name is its client's alone"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_hears_when_what_it_may_see_has_changed() {
    let house = House::new().await;
    let client = Client::of(house.app.public_service()).in_session().await;
    let response = client.open("GET", None).await;
    assert_eq!(response.status(), 200);
    let mut stream = response.into_body().into_data_stream();
    // A switch of the mode is none: nothing is told of it.
    house.set_mode("EMERGENCY").await;
    let agent = json!({ "name": "Local", "trust_level": "admin", "denied_tools": ["scale_fleet"] });
    let reply = house
        .send(
            "PUT",
            "/api/v1/agents/local",
            Some(agent.to_string().into_bytes()),
        )
        .await;
    assert_eq!(reply.status, 200);
    let mut text = String::new();
    while !text.contains("notifications/") {
        let piece = std::future::poll_fn(|cx| std::pin::Pin::new(&mut stream).poll_next(cx));
        let piece = tokio::time::timeout(Duration::from_secs(20), piece).await;
        let piece = piece
            .expect("it is told")
            .expect("the stream goes on")
            .unwrap();
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert!(text.contains("notifications/tools/list_changed"), "{text}");
}
