//! The listener for administrators: what is served there, and nowhere else over the network.

use std::net::SocketAddr;

use policyguard::transport::{Doors, Limits};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::House;
use crate::tls::Served;

/// A gateway that asks for credentials, its first key, and where it listens.
struct Two {
    house: House,
    key: String,
    public: SocketAddr,
    admin: SocketAddr,
}

/// Who has a listener of their own, besides everybody else.
async fn two(limits: Limits) -> Two {
    let (house, key) = House::asking(|_| ()).await;
    let doors = Doors::open("127.0.0.1", 0, None).await.unwrap();
    let doors = doors.with_admin(Some("127.0.0.1:0".to_owned())).await;
    let doors = doors.unwrap().with_limits(limits);
    let admin = doors.admin_address().unwrap().unwrap();
    let public = house.open_doors(doors);
    Two {
        house,
        key,
        public,
        admin,
    }
}

/// The whole answer to a request that shows this key, or nothing if there is none.
async fn said(address: SocketAddr, request: &str, key: &str) -> String {
    let credential = match key {
        "" => String::new(),
        key => format!("authorization: Bearer {key}\r\n"),
    };
    let request = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{credential}\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn status(address: SocketAddr, request: &str, key: &str) -> u16 {
    let answer = said(address, request, key).await;
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

const ADMINISTRATION: [&str; 9] = [
    "GET /api/v1/keys",
    "POST /api/v1/keys",
    "GET /api/v1/keys/key_1",
    "POST /api/v1/keys/key_1/rotate",
    "GET /api/v1/users",
    "PUT /api/v1/users/ada",
    "DELETE /api/v1/users/ada",
    "GET /metrics",
    "POST /metrics",
];

#[tokio::test]
async fn administration_is_not_found_where_everybody_else_listens() {
    let two = two(Limits::default()).await;
    for request in ADMINISTRATION {
        for key in ["", two.key.as_str()] {
            let answer = said(two.public, request, key).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{request}: {answer}");
        }
    }
    let nowhere = said(two.public, "GET /nowhere", &two.key).await;
    let keys = said(two.public, "GET /api/v1/keys", &two.key).await;
    let told = |answer: &str, path: &str| {
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["detail"].as_str().unwrap().replace(path, "")
    };
    assert_eq!(told(&keys, "/api/v1/keys"), told(&nowhere, "/nowhere"));
}

#[tokio::test]
async fn everything_is_served_to_administrators_who_show_a_credential() {
    let two = two(Limits::default()).await;
    for request in [
        "GET /api/v1/keys",
        "GET /api/v1/users",
        "GET /policy/status",
        "GET /api/v1/agents",
    ] {
        assert_eq!(status(two.admin, request, &two.key).await, 200, "{request}");
        assert_eq!(status(two.admin, request, "").await, 401, "{request}");
    }
    let made = status(two.admin, "PUT /api/v1/users/ada", &two.key).await;
    assert!(!matches!(made, 401 | 404 | 405), "{made}");
    // What is not administration goes on where everybody else listens.
    assert_eq!(
        status(two.public, "GET /policy/status", &two.key).await,
        200
    );
    assert_eq!(status(two.public, "GET /policy/status", "").await, 401);
    assert_eq!(status(two.public, "GET /livez", "").await, 200);
}

#[tokio::test]
async fn figures_need_no_credential_there_and_nothing_else_is_open() {
    let two = two(Limits::default()).await;
    let answer = said(two.admin, "GET /metrics", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("policyguard_connections"), "{answer}");
    for request in ["GET /metrics/", "GET /docs", "GET /audit/logs"] {
        assert_eq!(status(two.admin, request, "").await, 401, "{request}");
    }
}

#[tokio::test]
async fn without_that_listener_everything_is_where_it_was() {
    let (house, key) = House::asking(|_| ()).await;
    let address = house.listen().await;
    assert_eq!(status(address, "GET /api/v1/keys", &key).await, 200);
    let figures = said(address, "GET /metrics", &key).await;
    assert!(figures.contains("figures need role auditor"), "{figures}");
    assert_eq!(status(address, "GET /metrics", "").await, 401);
}

#[tokio::test]
async fn commands_of_this_machine_administer_through_the_socket() {
    let two = two(Limits::default()).await;
    let socket = two
        .house
        .app
        .command_service()
        .with_key(Some(policyguard::domain::Secret::new(
            two.key.clone().into_bytes(),
        )));
    let (status, body) = socket.ask("GET", "/api/v1/keys", Vec::new()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

#[test]
fn the_banner_names_the_listener_of_administrators() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("policyguard.yaml");
    std::fs::write(file, "admin: { addr: \"localhost:0\" }\n").unwrap();
    let mut served = Served::start(&folder, &[]);
    let address = served.address("ADMIN");
    let port = address.rsplit(':').next().unwrap();
    assert!(address.starts_with("http://"), "{address}");
    assert_ne!(port, "0", "the one that the system chose");
}

#[tokio::test]
async fn whoever_takes_every_place_takes_none_of_the_administrators() {
    let limits = Limits {
        per_address: Some(2),
        ..Limits::default()
    };
    let two = two(limits).await;
    let held = [
        TcpStream::connect(two.public).await.unwrap(),
        TcpStream::connect(two.public).await.unwrap(),
    ];
    let turned_away = status(two.public, "GET /policy/status", &two.key).await;
    assert_eq!(turned_away, 503);
    assert_eq!(status(two.admin, "GET /policy/status", &two.key).await, 200);
    drop(held);
}
