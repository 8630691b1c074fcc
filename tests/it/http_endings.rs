//! How conversations end: whoever is answered hears it, though it has hung up half, or still sends; and whoever is gone
//! keeps no place.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::House;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often what must always hold is tried.
const TIMES: usize = 300;
/// More than any door reads, and than most systems take in for a reader that does not read.
const LONG: usize = 2 * 1024 * 1024;

fn connect(door: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn post(path: &str, more: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{more}\r\n{body}"
    )
}

/// A request whose length is told.
fn sized(path: &str, body: &str) -> String {
    post(path, &format!("content-length: {}\r\n", body.len()), body)
}

fn chunked(path: &str, body: &str) -> String {
    post(path, "transfer-encoding: chunked\r\n", body)
}

/// What is sent until the connection is closed, which must not be a reset.
fn heard(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    read.unwrap_or_else(|fault| panic!("{fault} after `{answer}`"));
    answer
}

/// The status and the body of the one answer there is.
fn answer_in(text: &str) -> (u16, Value) {
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_that_this_was_all_still_hears_the_answer() {
    let house = House::new().await;
    let door = house.listen().await;
    let call =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_services"}}"#;
    let asks = [
        "GET /policy/status HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        sized("/tools/execute", r#"{"tool_name":"list_services"}"#),
        sized("/mcp", call),
    ];
    blocking(move || {
        for time in 0..TIMES {
            let mut stream = connect(door);
            stream
                .write_all(asks[time % asks.len()].as_bytes())
                .unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let (status, body) = answer_in(&heard(&mut stream));
            assert_eq!(status, 200, "time {time}: {body}");
            assert!(body.is_object(), "time {time}: {body}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_a_stream_that_hangs_up_keeps_no_place() {
    let house = House::new().await;
    let door = house.listen().await;
    let held = async || {
        let figures = house.get("/metrics").await.body;
        let mut lines = figures.as_str().unwrap().lines();
        let held = lines.find_map(|line| line.strip_prefix("policyguard_connections "));
        held.unwrap().parse::<usize>().unwrap()
    };
    let streams = blocking(move || {
        let ask = "GET /api/v1/audit/stream HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let listening = |_| {
            let mut stream = connect(door);
            stream.write_all(ask.as_bytes()).unwrap();
            let mut begin = [0; 12];
            stream.read_exact(&mut begin).unwrap();
            assert_eq!(&begin, b"HTTP/1.1 200");
            stream
        };
        (0..3).map(listening).collect::<Vec<_>>()
    })
    .await;
    assert_eq!(held().await, 3);
    drop(streams);
    let begun = Instant::now();
    while held().await > 0 {
        // Much sooner than the next heartbeat, which would notice, too.
        assert!(begun.elapsed() < Duration::from_secs(5), "a place is held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A client that hears nothing before it has sent all it has, however early it is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_refused_while_it_still_sends_hears_why() {
    let house = House::new().await;
    let door = house.listen().await;
    let long = "x".repeat(LONG);
    let plain = |path: &str| {
        let length = long.len();
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n")
    };
    let asks = [
        (413, sized("/tools/execute", &long)),
        (413, sized("/mcp", &long)),
        // Refused before anything of the body is read.
        (415, format!("{}\r\n{long}", plain("/mcp"))),
        (404, format!("{}\r\n{long}", plain("/nowhere"))),
        (405, format!("{}\r\n{long}", plain("/policy/status"))),
        (
            403,
            format!("{}origin: http://evil.example\r\n\r\n{long}", plain("/mcp")),
        ),
        (
            400,
            format!("{}host: localhost\r\n\r\n{long}", plain("/tools/execute")),
        ),
        (400, chunked("/tools/execute", &format!("zz\r\n{long}"))),
        (400, format!("no request at all\r\n\r\n{long}")),
    ];
    let each = asks.map(|(expected, ask)| {
        tokio::task::spawn_blocking(move || {
            for _ in 0..3 {
                let (name, answer) = (ask.get(..80).unwrap(), hear_late(door, &ask));
                assert_eq!(answer_in(&answer).0, expected, "{name}: {answer}");
            }
        })
    });
    for one in each {
        one.await.unwrap();
    }
}

/// Sends all of it, not too fast for the answer to come in between, and only then listens.
fn hear_late(door: SocketAddr, ask: &str) -> String {
    let name = ask.get(..80).unwrap();
    let mut stream = connect(door);
    for piece in ask.as_bytes().chunks(LONG / 32) {
        let sent = stream.write_all(piece);
        sent.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        std::thread::sleep(Duration::from_millis(2));
    }
    let begun = Instant::now();
    let answer = heard(&mut stream);
    // The gateway does not wait for this client to close.
    assert!(begun.elapsed() < Duration::from_secs(1), "{name}");
    answer
}

/// Sends a request whose chunks are wrong, and keeps the connection open; what it is answered until it is closed.
fn ask(door: SocketAddr, path: &str, chunks: &str) -> io::Result<(u16, Value)> {
    let mut stream = connect(door);
    stream.write_all(chunked(path, chunks).as_bytes())?;
    let answer = heard(&mut stream);
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    Ok(answer_in(&answer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_that_are_wrong_are_unreadable_bodies_and_end_the_conversation() {
    let house = House::new().await;
    let door = house.listen().await;
    let extension = "e".repeat(64 * 1024);
    let call = r#"{"tool_name":"list_services"}"#;
    let size = format!("{:x}", call.len());
    let wrong = [
        format!("zz\r\n{call}\r\n0\r\n\r\n"),
        format!("-1\r\n{call}\r\n0\r\n\r\n"),
        format!("0x{size}\r\n{call}\r\n0\r\n\r\n"),
        format!("\r\n{call}\r\n0\r\n\r\n"),
        format!("{size}\n{call}\n0\n\n"),
        format!("{size}\r\n{call}0\r\n\r\n"),
        format!("{size}\r\n{call}\n0\r\n\r\n"),
        format!("1\r\n{call}\r\n0\r\n\r\n"),
        format!("ffffffffffffffffff\r\n{call}\r\n0\r\n\r\n"),
        format!("{size};{extension}\r\n{call}\r\n0\r\n\r\n"),
        format!("{size}\r\n{call}\r\n0;{extension}\r\n\r\n"),
        format!("{size}\r\n{call}\r\n0\r\nx: {extension}\r\n\r\n"),
        format!("{size}\r\n{call}\r\n0\r\nno trailer\r\n\r\n"),
        format!("{size};{extension}"),
    ];
    let refused = blocking(move || {
        for chunks in &wrong {
            let name = chunks.get(..20).unwrap_or(chunks).to_owned();
            let (status, body) = ask(door, "/tools/execute", chunks).unwrap();
            assert_eq!(status, 400, "{name:?}: {body}");
            assert_eq!(body["code"], json!("unreadable_body"), "{name:?}: {body}");
            let (status, body) = ask(door, "/mcp", chunks).unwrap();
            assert_eq!(status, 400, "{name:?}: {body}");
            assert_eq!(body["error"]["code"], json!(-32600), "{name:?}: {body}");
        }
        2 * wrong.len()
    })
    .await;
    let counted = house.get("/metrics").await.body;
    let line = format!("refused_requests_total{{reason=\"unreadable_body\"}} {refused}");
    assert!(counted.as_str().unwrap().contains(&line), "{counted}");
    // Whatever came, none of it ran.
    let calls = house.get("/audit/logs").await.body.to_string();
    assert!(!calls.contains("list_services"), "{calls}");
}
