//! What proxies say of whom they speak for: believed of those that are trusted, and of nobody else.

use std::net::SocketAddr;

use policyguard::domain::Network;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::House;

/// A house that trusts these proxies, and listens.
async fn behind(proxies: &str) -> (House, SocketAddr) {
    let network = Network::parse(proxies).unwrap();
    let house = House::configured(|config| config.trusted_proxies = vec![network]).await;
    let address = house.listen().await;
    (house, address)
}

/// Sends a request with these lines of headers; the whole answer.
async fn said(address: SocketAddr, request: &str, lines: &[&str], body: &str) -> String {
    let lines: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
    let request = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{lines}\r\n{body}",
        length = body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The address in the record of a call with these lines of headers.
async fn recorded(house: &House, address: SocketAddr, name: &str, lines: &[&str]) -> String {
    let agent = format!("user-agent: {name}");
    let lines = [&[agent.as_str()], lines].concat();
    let answer = said(address, "POST /tools/execute", &lines, CALL).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let database = rusqlite::Connection::open(house.data_dir().join("policyguard.db")).unwrap();
    let sql = "SELECT text FROM records WHERE instr(text, ?1) > 0 LIMIT 1";
    let text: String = database.query_row(sql, [name], |row| row.get(0)).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let source = &record["source"];
    assert_eq!(source["user_agent"], name, "{record}");
    source["address"].as_str().unwrap().to_owned()
}

const FOR: &str = "x-forwarded-for: 198.51.100.1, 203.0.113.9, 127.0.0.2";
const PROTO: &str = "x-forwarded-proto: https";
const CALL: &str = "{\"tool_name\":\"list_services\"}";
const METADATA: &str = "GET /.well-known/oauth-protected-resource";

#[tokio::test]
async fn a_trusted_proxy_names_the_client_and_how_it_speaks() {
    let (house, address) = behind("127.0.0.0/8").await;
    let found = recorded(&house, address, "behind-proxies", &[FOR]).await;
    assert_eq!(found, "203.0.113.9");
    let found = recorded(&house, address, "a-silent-proxy", &[]).await;
    assert_eq!(found, "127.0.0.1");
    let odd = "x-forwarded-for: 203.0.113.9, unknown";
    let found = recorded(&house, address, "an-odd-proxy", &[odd]).await;
    assert_eq!(found, "127.0.0.1");
    let metadata = said(address, METADATA, &[PROTO], "").await;
    assert!(metadata.contains("\"https://localhost\""), "{metadata}");
    let metadata = said(address, METADATA, &[], "").await;
    assert!(metadata.contains("\"http://localhost\""), "{metadata}");
}

#[tokio::test]
async fn what_strangers_say_of_themselves_changes_nothing() {
    let (house, address) = behind("192.0.2.0/24").await;
    let claims = [
        FOR,
        PROTO,
        "x-real-ip: 203.0.113.9",
        "forwarded: for=203.0.113.9",
    ];
    let found = recorded(&house, address, "a-stranger", &claims).await;
    assert_eq!(found, "127.0.0.1");
    let metadata = said(address, METADATA, &claims, "").await;
    assert!(metadata.contains("\"http://localhost\""), "{metadata}");
}
