//! The server under strangers: who gets a place, and requests that can be read in two ways.

use std::sync::Arc;
use std::time::Duration;

use policyguard::domain::{Arguments, Network, Timestamp, ToolClass};
use policyguard::tools::{Output, Permit, ToolBackend, ToolDefinition, Work};
use policyguard::transport::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::House;
use crate::support::tool::upstream;

/// The places that are kept for health.
const FOR_HEALTH: usize = 16;

/// A house that listens, with these limits.
async fn listening(limits: Limits) -> (House, String) {
    let house = House::new().await;
    let address = house.listen_within(limits).await.to_string();
    (house, address)
}

/// Sends the bytes in pieces, and reads until the server closes or is silent for long.
async fn talk(address: &str, pieces: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    said(&mut stream, pieces).await
}

async fn said(stream: &mut TcpStream, pieces: &[&str]) -> String {
    for piece in pieces {
        // What comes after a refusal may find the door closed.
        drop(stream.write_all(piece.as_bytes()).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A connection that is in use: it asked something, and had its answer.
async fn in_use(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    stream
}

const GOOD: &str = "GET /policy/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
const CALL: &str = "{\"tool_name\":\"list_services\"}";

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read() {
    let (house, address) = listening(Limits::default()).await;
    let head = "POST /tools/execute HTTP/1.1\r\ncontent-type: application/json\r\n";
    let second = "GET /policy/status HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let chunks = format!("1d\r\n{CALL}\r\n0\r\n\r\n{second}");
    let host = "host: localhost\r\n";
    let [length, chunked] = ["content-length: 29\r\n", "transfer-encoding: chunked\r\n"];
    let bad = [
        (vec![head, length, "\r\n", CALL, second], "no Host"),
        (vec![head, host, host, length, "\r\n", CALL, second], "Host"),
        (
            vec![head, host, length, chunked, "\r\n", &chunks],
            "length first",
        ),
        (
            vec![head, host, chunked, length, "\r\n", &chunks],
            "chunks first",
        ),
        (
            vec![
                head,
                host,
                chunked,
                "Content-",
                "Length : 6\r\n",
                "\r\n",
                &chunks,
            ],
            "in pieces",
        ),
    ];
    for (pieces, name) in &bad {
        for pieces in [pieces.clone(), vec![pieces.concat().as_str()]] {
            let answer = talk(&address, &pieces).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{name}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{name}: {answer}");
        }
    }
    let twice = "authorization: Bearer a\r\nauthorization: Bearer b\r\n";
    let answer = talk(&address, &[head, host, twice, length, "\r\n", CALL]).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let calls = house.get("/audit/logs").await;
    assert!(
        !calls.body.to_string().contains("list_services"),
        "nothing ran: {}",
        calls.body
    );
    let answer = talk(
        &address,
        &[
            head,
            host,
            chunked,
            "connection: close\r\n\r\n",
            "1d\r\n",
            CALL,
            "\r\n0\r\n\r\n",
        ],
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "chunks are read: {answer}"
    );
}

#[tokio::test]
async fn a_path_that_does_not_take_a_method_says_which_it_takes() {
    let (_house, address) = listening(Limits::default()).await;
    let request = GOOD.replace("/policy/status", "/tools/execute");
    let answer = talk(&address, &[&request]).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(answer.contains("allow: POST"), "{answer}");
}

#[tokio::test]
async fn one_address_gets_its_places_and_no_more() {
    let limits = Limits {
        per_address: Some(3),
        ..Limits::default()
    };
    let (house, address) = listening(limits).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(in_use(&address).await);
    }
    let answer = talk(&address, &[GOOD]).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.ends_with("too many connections; try again in a little while"),
        "{answer}"
    );
    let figures = house.get("/metrics").await.body.to_string();
    assert!(
        figures.contains("policyguard_connections_turned_away_total 1"),
        "{figures}"
    );
    assert!(figures.contains("policyguard_connections 3"), "{figures}");
    drop(held.pop());
    // The place is free once the server has seen it go.
    for _ in 0..200 {
        if talk(&address, &[GOOD]).await.starts_with("HTTP/1.1 200") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the place was not given back");
}

#[tokio::test]
async fn addresses_that_stand_for_many_are_not_held_to_the_limit_of_one() {
    let limits = Limits {
        per_address: Some(3),
        trusted_proxies: vec![Network::parse("127.0.0.0/8").unwrap()],
        ..Limits::default()
    };
    let (_house, address) = listening(limits).await;
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(in_use(&address).await);
    }
}

#[tokio::test]
async fn when_every_place_is_taken_health_is_still_told() {
    let limits = Limits {
        connections: FOR_HEALTH + 2,
        per_address: None,
        trusted_proxies: Vec::new(),
    };
    let (_house, address) = listening(limits).await;
    let _held = (in_use(&address).await, in_use(&address).await);
    let answer = talk(&address, &[GOOD]).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"code\":\"busy\""), "{answer}");
    for path in ["/livez", "/readyz", "/healthz"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answer = talk(&address, &[&request]).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.contains("connection: close"), "{path}: {answer}");
    }
    // Whoever holds those places, too, keeps nobody's health from being told but these 16.
    let mut silent = Vec::new();
    for _ in 0..FOR_HEALTH {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    let answer = talk(&address, &[GOOD]).await;
    assert!(
        answer.ends_with("too many connections; try again in a little while"),
        "{answer}"
    );
}

/// A tool that waits until it is told to go on.
#[derive(Default)]
struct Slow {
    started: Notify,
    go_on: Notify,
}

impl ToolBackend for Slow {
    fn definitions(&self) -> Vec<ToolDefinition> {
        let schema = json!({ "type": "object", "properties": { "x": { "type": "array" } } });
        vec![upstream("slow", ToolClass::Read, schema)]
    }

    fn call(&self, _permit: Permit) -> Work<'_> {
        Box::pin(async move {
            self.started.notify_one();
            self.go_on.notified().await;
            Ok(Output::of(json!({})))
        })
    }

    fn plan(&self, _tool: &str, _arguments: &Arguments, _now: Timestamp) -> Option<Value> {
        None
    }
}

/// What a call holds is held until it has ended, though whoever asked for it has gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_costly_call_waits_for_another_and_a_cheap_one_does_not() {
    let slow = Arc::new(Slow::default());
    let backends = vec![Arc::clone(&slow) as Arc<dyn ToolBackend>];
    let house = House::with_backends(
        "modes: { NORMAL: { allowed_tools: [slow, list_services] } }",
        backends,
    )
    .await;
    let address = house.listen().await.to_string();
    let costly = format!("[{}0]", "{},".repeat(9_000));
    let arguments = format!(r#"{{"x":{costly}}}"#);
    for (path, revision) in [
        ("/tools/execute", ""),
        ("/mcp", ""),
        ("/mcp", "MCP-Protocol-Version: 2025-06-18\r\n"),
    ] {
        let asking = |tool: &str, arguments: &str| asking(path, revision, tool, arguments);
        let first = asking("slow", &arguments);
        let mut gone = TcpStream::connect(&address).await.unwrap();
        gone.write_all(first.as_bytes()).await.unwrap();
        slow.started.notified().await;
        // It is reset, not only closed: somebody who closed may still listen.
        gone.set_zero_linger().unwrap();
        drop(gone);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let cheap = asking("list_services", "{}");
        assert!(talk(&address, &[&cheap]).await.starts_with("HTTP/1.1 200"));
        let second = asking("list_services", &arguments);
        let pieces = [second.as_str()];
        let mut waits = std::pin::pin!(talk(&address, &pieces));
        let waited = tokio::time::timeout(Duration::from_millis(300), waits.as_mut()).await;
        assert!(waited.is_err(), "{path}: {waited:?}");
        slow.go_on.notify_one();
        assert!(waits.await.starts_with("HTTP/1.1 200"), "{path}");
    }
}

/// The bytes of a request for this tool; the connection ends with it.
fn asking(path: &str, header: &str, tool: &str, arguments: &str) -> String {
    let body = if path == "/mcp" {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        )
    } else {
        format!(r#"{{"tool_name":"{tool}","arguments":{arguments}}}"#)
    };
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{header}Connection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}
