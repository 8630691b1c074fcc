//! The trail as it is followed.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_core::Stream as _;
use policyguard::pipeline::Body as Answered;
use serde_json::{Value, json};

use crate::support::House;

const PATH: &str = "/api/v1/audit/stream";

/// An event as it was sent.
#[derive(Debug, Default, Clone, PartialEq)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

/// A stream that is read as it comes.
struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(house: &House, after: Option<&str>) -> Self {
        let response = house.open_path(PATH, after).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body: Body = response.into_body();
        Self {
            body: body.into_data_stream(),
            text: String::new(),
        }
    }

    /// The next event, or `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event = parse(&self.text[..end]);
                self.text.drain(..end + 2);
                return Some(event);
            }
            let piece = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_next(cx));
            let piece = tokio::time::timeout(Duration::from_secs(20), piece);
            let piece = piece.await.expect("something comes, if only a heartbeat")?;
            self.text
                .push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }

    /// The next record.
    async fn record(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == "record" {
                return event;
            }
        }
    }
}

fn parse(text: &str) -> Event {
    let mut event = Event::default();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(&mut event.id),
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
            Some(_) | None => assert!(line.starts_with(':'), "{line}"),
        }
    }
    event
}

#[tokio::test]
async fn a_stream_shows_what_is_recorded_and_resumes_behind_the_last_record() {
    let house = House::new().await;
    house.execute("list_services", json!({})).await;
    let mut reader = Reader::open(&house, None).await;
    house.execute("delete_database", json!({})).await;
    house
        .execute(
            "get_service_status",
            json!({ "service_name": "a\n\nid: 1" }),
        )
        .await;
    let denied = reader.record().await;
    assert_eq!(
        denied.data["resource"],
        json!("delete_database"),
        "only new ones"
    );
    assert_eq!(json!(denied.id), denied.data["id"]);
    drop(reader);
    let mut reader = Reader::open(&house, Some(&denied.id)).await;
    let mut seqs = vec![denied.data["seq"].as_u64().unwrap()];
    for kind in ["decision", "outcome"] {
        let record = reader.record().await;
        assert_eq!(record.data["resource"], json!("get_service_status"));
        assert_eq!(record.data["kind"], json!(kind));
        seqs.push(record.data["seq"].as_u64().unwrap());
    }
    assert!(seqs.is_sorted_by(|a, b| a + 1 == *b), "{seqs:?}");
    for (id, status) in [("nonsense", 400), ("aud_0123456789ab", 404)] {
        let response = house.open_path(PATH, Some(id)).await;
        assert_eq!(response.status(), status, "{id}");
    }
}

#[tokio::test]
async fn a_long_way_behind_is_caught_up_with_nothing_left_out() {
    let house = House::new().await;
    let first = house.get("/api/v1/audit?view=records").await.body["entries"][0].clone();
    for _ in 0..800 {
        house.execute("list_services", json!({})).await;
    }
    let mut reader = Reader::open(&house, first["id"].as_str()).await;
    let begin = first["seq"].as_u64().unwrap();
    for place in 1..=1600 {
        let record = reader.record().await;
        assert_eq!(record.data["seq"], json!(begin + place));
    }
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_closed_and_told() {
    let house = House::new().await;
    let mut reader = Reader::open(&house, None).await;
    house.execute("list_services", json!({})).await;
    let level = reader.record().await;
    for _ in 0..900 {
        house.execute("list_services", json!({})).await;
    }
    // The lag is looked at every two seconds.
    tokio::time::sleep(Duration::from_millis(6500)).await;
    let mut last = level.id;
    let end = loop {
        let event = reader.next().await.expect("a last word");
        match event.name.as_str() {
            "record" => last = event.id,
            _ => break event,
        }
    };
    assert_eq!(end.name, "lagged");
    assert!(end.data["behind"].as_u64().unwrap() > 1000, "{end:?}");
    assert_eq!(reader.next().await, None);
    let mut reader = Reader::open(&house, Some(&last)).await;
    reader.record().await;
}

#[tokio::test]
async fn four_streams_of_one_reader_and_no_more() {
    let house = House::new().await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(Reader::open(&house, None).await);
    }
    let fifth = house.open_path(PATH, None).await;
    assert_eq!(fifth.status(), 429);
    open.pop();
    // The seat is free once the stream has noticed.
    for _ in 0..100 {
        if house.open_path(PATH, None).await.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a closed stream keeps its seat");
}

#[tokio::test]
async fn a_stream_ends_when_the_right_to_read_ends() {
    let house = House::with_policy_text("default_decision: allow\n").await;
    let mut reader = Reader::open(&house, None).await;
    let policy = "default_decision: allow\npolicies:\n  - id: close\n    rules:\n      - { action: deny, condition: { tool_pattern: stream_audit }, message: closed for today }\n";
    std::fs::write(house.policy_file(), policy).unwrap();
    house.app.reload().await;
    let begun = std::time::Instant::now();
    let mut last = None;
    while let Some(event) = reader.next().await {
        last = Some(event);
    }
    let last = last.expect("a last word");
    assert_eq!(last.name, "refused");
    assert_eq!(last.data["reason"], json!("closed for today"));
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let again = house.open_path(PATH, None).await;
    assert_eq!(again.status(), 403);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let house = House::new().await;
    let mut reader = Reader::open(&house, None).await;
    house.app.stopping().cancel();
    while reader.next().await.is_some() {}
}

/// What a model of local mode, which is agent `local`, is shown behind this record.
async fn as_model(house: &House, after: &Value) -> Value {
    let answer = house
        .as_model("stream_audit", json!({ "after": after }))
        .await;
    let Answered::Done(result) = answer.body else {
        panic!("{answer:?}")
    };
    result
}

#[tokio::test]
async fn an_agent_follows_its_own_records_only() {
    let house = House::new().await;
    let first = house.get("/api/v1/audit?view=records").await.body["entries"][0]["id"].clone();
    house.execute("list_services", json!({})).await;
    house.as_model("delete_database", json!({})).await;
    house.execute("delete_database", json!({})).await;
    let piece = as_model(&house, &first).await;
    let records = piece["records"].as_array().unwrap();
    let said = |record: &Value| {
        let agent = record["principal"]["agent_id"].as_str().unwrap();
        format!("{agent} {}", record["kind"].as_str().unwrap())
    };
    let said: Vec<String> = records.iter().map(said).collect();
    // Its denial, and that it follows the trail.
    assert_eq!(said, ["local decision", "local access"]);
    assert_eq!(piece["behind"], json!(0), "others' are passed over");
    assert_eq!(piece["scope"], json!("own"));
}

#[tokio::test]
async fn an_agent_without_records_follows_none() {
    let house = House::new().await;
    let first = house.get("/api/v1/audit?view=records").await.body["entries"][0]["id"].clone();
    house.execute("list_services", json!({})).await;
    let piece = as_model(&house, &first).await;
    let records = piece["records"].as_array().unwrap();
    assert_eq!(records.len(), 1, "that it follows the trail: {records:?}");
    assert_eq!(records[0]["kind"], json!("access"));
    assert_eq!(records[0]["principal"]["agent_id"], json!("local"));
}
