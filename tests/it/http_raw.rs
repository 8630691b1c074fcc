//! Bytes that are hardly HTTP, from the shared vectors where they are: each is answered in order or cut off, and nothing
//! runs that two readers would read differently.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::patterns::vectors;
use crate::support::House;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing comes before a sender says that it has sent all.
const A_WHILE: Duration = Duration::from_millis(500);
/// How many send at once.
const SENDERS: usize = 16;

/// What came back over a connection until it was closed, or nothing more came.
#[derive(Debug)]
struct Heard {
    statuses: Vec<u16>,
    /// How many calls ran, as far as their answers say so.
    ran: usize,
    closed: bool,
}

/// Sends the bytes, and says that this was all once nothing comes back for a while; unless the sender `waits` on.
fn send(door: SocketAddr, bytes: &[u8], waits: bool) -> Heard {
    let mut stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(A_WHILE)).unwrap();
    // Whoever is refused early may be cut off while it still sends.
    drop(stream.write_all(bytes));
    let mut ended = waits;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let closed = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(fault) if fault.kind() == ErrorKind::WouldBlock && !ended => {
                ended = true;
                drop(stream.shutdown(Shutdown::Write));
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
            }
            Err(fault) => break fault.kind() == ErrorKind::ConnectionReset,
        }
    };
    let text = String::from_utf8_lossy(&answer);
    let statuses = text
        .match_indices("HTTP/1.")
        .filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok());
    Heard {
        statuses: statuses.collect(),
        ran: text.matches("\"success\":true").count(),
        closed,
    }
}

/// Whether what was heard is what the vector expects.
fn holds(vector: &Value, heard: &Heard) -> bool {
    let first = heard.statuses.first().copied();
    let is_refused = first.is_some_and(|status| (400..500).contains(&status));
    let silent = heard.statuses.is_empty() && heard.closed;
    let is_400 = first == Some(400) && heard.statuses.len() == 1 && heard.closed;
    match vector["expect"].as_str().unwrap() {
        "400" | "400 and connection closed; never two responses" => is_400 && heard.ran == 0,
        // A line that ends without CR may be read as one (RFC 9112, section 2.2), if it is read so everywhere.
        "400 or treated as one" | "400 or ignored, bounded" | "400 preferred" => {
            heard.statuses.len() == 1 && heard.ran <= 1 && (is_400 || first == Some(200))
        }
        "closed" => heard.closed && heard.ran == 0 && (silent || is_refused),
        // Nobody has to show who it is on this machine; what shows two credentials is refused in any case.
        "400/401" => matches!(first, Some(400 | 401)),
        "401" => matches!(first, Some(200 | 401)),
        "ignored" => first == Some(200),
        "405/400" => matches!(first, Some(400 | 403 | 405)),
        "never an executed call without auth+policy; 404/400" => {
            matches!(first, Some(400 | 404)) && heard.ran == 0
        }
        "4xx or closed, nothing executed" => heard.ran == 0 && (is_refused || silent),
        "no crash; any well-formed answer" => {
            heard.statuses.iter().all(|status| *status < 500) && (silent || first.is_some())
        }
        other => panic!("an expectation that nobody knows: {other}"),
    }
}

/// Sends the vectors; what of them does not hold.
fn wrong_of(door: SocketAddr, vectors: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for vector in vectors {
        let bytes = BASE64.decode(vector["raw_b64"].as_str().unwrap());
        let heard = send(door, &bytes.unwrap(), false);
        if !holds(vector, &heard) {
            let (name, expect) = (&vector["name"], &vector["expect"]);
            wrong.push(format!("{name} expects {expect}: {heard:?}"));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_hardly_http_are_refused_or_read_in_one_way() {
    let vectors = vectors("http_raw.jsonl");
    let house = House::new().await;
    let door = house.listen().await;
    let all = vectors.len();
    let each: Vec<_> = vectors
        .chunks(all.div_ceil(SENDERS).max(1))
        .map(<[Value]>::to_vec)
        .map(|part| tokio::task::spawn_blocking(move || wrong_of(door, &part)))
        .collect();
    let mut wrong = Vec::new();
    for part in each {
        wrong.append(&mut part.await.unwrap());
    }
    println!("{} of {all} hold", all - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Whatever was sent, the gateway still works.
    let read = house.execute("list_services", json!({})).await;
    assert_eq!(read["success"], json!(true));
}

/// What is refused for how it is framed is cut off: what follows may be read as another's request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_framed_twice_is_refused_and_cut_off_though_its_sender_waits() {
    let house = House::new().await;
    let door = house.listen().await;
    let body = r#"{"tool_name":"list_services"}"#;
    let framed = |head: &str| {
        format!(
            "POST /tools/execute HTTP/1.1\r\n{head}content-type: application/json\r\n\r\n{body}"
        )
    };
    let length = format!("content-length: {}\r\n", body.len());
    let requests = [
        framed(&length), // no Host
        framed(&format!("host: localhost\r\nhost: localhost\r\n{length}")),
        framed(&format!(
            "host: localhost\r\nhost: evil.example\r\n{length}"
        )),
        framed(&format!(
            "host: localhost\r\n{length}transfer-encoding: chunked\r\n"
        )),
        framed(&format!(
            "host: localhost\r\ntransfer-encoding: chunked\r\n{length}"
        )),
        framed(&format!("host: localhost\r\n{length}content-length: 5\r\n")),
    ];
    let heard = tokio::task::spawn_blocking(move || {
        requests.map(|request| (send(door, request.as_bytes(), true), request))
    });
    for (heard, request) in heard.await.unwrap() {
        assert_eq!(heard.statuses, [400], "{request}: {heard:?}");
        assert!(heard.closed && heard.ran == 0, "{request}: {heard:?}");
    }
}
