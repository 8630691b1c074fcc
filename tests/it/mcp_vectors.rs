//! Requests to `/mcp` as the newest revision words them, from the shared vectors where they are, and states that come
//! back to those who should not have them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use policyguard::domain::{Arguments, Timestamp, ToolClass};
use policyguard::tools::{Output, Permit, ToolBackend, ToolDefinition, Work};
use policyguard::transport::rest::Service;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::patterns::vectors;
use crate::support::House;
use crate::support::tool::upstream;

const REVISION: &str = "2026-07-28";
const ALLOW_ALL: &str = "default_decision: allow\n";

/// Two tools that ask once, and give a state to keep.
struct Asking;

impl ToolBackend for Asking {
    fn definitions(&self) -> Vec<ToolDefinition> {
        let definition = |name| ToolDefinition {
            in_mcp: true,
            ..upstream(
                name,
                ToolClass::Read,
                json!({ "type": "object", "properties": {} }),
            )
        };
        vec![definition("asks"), definition("asks_otherwise")]
    }

    fn call(&self, permit: Permit) -> Work<'_> {
        let inputs = permit.line().client().unwrap().inputs();
        let answer = match inputs["requestState"].as_str() {
            Some(state) => json!({ "content": [{ "type": "text", "text": state }] }),
            None => json!({
                "resultType": "input_required",
                "inputRequests": { "client_roots": { "method": "roots/list", "params": {} } },
                "requestState": "step 2",
            }),
        };
        Box::pin(async move { Ok(Output::of(answer)) })
    }

    fn plan(&self, _tool: &str, _arguments: &Arguments, _now: Timestamp) -> Option<Value> {
        None
    }
}

async fn house() -> House {
    House::with_backends(ALLOW_ALL, vec![Arc::new(Asking)]).await
}

/// What came back: the status and the message, which is empty where there is none.
struct Reply {
    status: u16,
    message: Value,
}

impl Reply {
    /// As the vectors write what they expect.
    fn in_short(&self) -> String {
        match self.message.pointer("/error/code") {
            None => self.status.to_string(),
            Some(code) => format!("{}/{code}", self.status),
        }
    }
}

async fn send(service: &Service, method: &str, headers: &[(&str, &str)], body: String) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).unwrap();
    let (status, bytes) = service.answer(request).await;
    let message = serde_json::from_slice(&bytes).unwrap_or_default();
    Reply { status, message }
}

/// Sends the bytes of a request, headers as they are: what is around a value is the reader's affair.
async fn send_bytes(
    door: SocketAddr,
    method: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Reply {
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let headers = headers.concat();
    let request = format!(
        "{method} /mcp HTTP/1.1\r\nhost: {door}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(door).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        message: serde_json::from_str(body).unwrap_or_default(),
    }
}

/// A request of the newest revision.
fn message(method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientInfo": { "name": "vectors", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string()
}

/// Calls a tool, perhaps with a state that it gave.
async fn call(service: &Service, agent: &str, tool: &str, state: Option<&str>) -> Reply {
    let headers = [
        ("mcp-protocol-version", REVISION),
        ("mcp-method", "tools/call"),
        ("mcp-name", tool),
        ("x-policyguard-agent", agent),
    ];
    let mut params = json!({ "name": tool, "arguments": {} });
    if let Some(state) = state {
        params["requestState"] = json!(state);
        params["inputResponses"] = json!({ "client_roots": { "roots": [] } });
    }
    send(service, "POST", &headers, message("tools/call", params)).await
}

/// A state that the tool gave the agent to keep.
async fn state_of(service: &Service, agent: &str, tool: &str) -> String {
    let reply = call(service, agent, tool, None).await;
    let state = reply.message["result"]["requestState"].as_str();
    state
        .unwrap_or_else(|| panic!("{}", reply.message))
        .to_owned()
}

#[tokio::test]
async fn the_headers_of_a_request_are_held_against_its_body() {
    let house = house().await;
    let door = house.listen().await;
    let mut held = 0;
    for vector in vectors("mcp_http.jsonl") {
        let name = vector["name"].as_str().unwrap();
        let expected = vector["expect"].as_str().unwrap();
        let method = vector["method"].as_str().unwrap();
        if vector["params"].get("requestState").is_some() {
            println!("held by another test: {name}");
            continue;
        }
        let headers: Vec<(&str, &str)> = vector["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let params = Some(&vector["params"]).filter(|params| params.is_object());
        let body = params.map_or_else(String::new, |params| message(method, params.clone()));
        let verb = if body.is_empty() { method } else { "POST" };
        let reply = send_bytes(door, verb, &headers, body).await;
        // Where the vector adds a note, it names a status and leaves the body open.
        let (expected, short) = match expected.split_once(' ') {
            Some((status, _)) => (status, reply.status.to_string()),
            None => (expected, reply.in_short()),
        };
        assert_eq!(short, expected, "{name}: {}", reply.message);
        held += 1;
    }
    println!("{held} vectors hold");
}

#[tokio::test]
async fn a_state_is_of_use_once_and_for_the_call_of_the_agent_that_it_was_given_to() {
    let house = house().await;
    let service = house.app.command_service();
    let cases = [
        ("b", "asks", "of another agent"),
        ("a", "asks_otherwise", "of another tool of its server"),
        ("a", "list_services", "of a tool that never asks"),
    ];
    for (agent, tool, what) in cases {
        let state = state_of(&service, "a", "asks").await;
        let reply = call(&service, agent, tool, Some(&state)).await;
        assert_eq!(
            reply.message["error"]["code"],
            json!(-32602),
            "{what}: {}",
            reply.message
        );
        // Refused to others, it is as good as before to its own.
        let reply = call(&service, "a", "asks", Some(&state)).await;
        let text = &reply.message["result"]["content"][0]["text"];
        assert_eq!(text, &json!("step 2"), "{what}: {}", reply.message);
        let again = call(&service, "a", "asks", Some(&state)).await;
        assert_eq!(
            again.message["error"]["code"],
            json!(-32602),
            "{}",
            again.message
        );
    }
    let changed = format!("{}x", state_of(&service, "a", "asks").await);
    let reply = call(&service, "a", "asks", Some(&changed)).await;
    assert_eq!(
        reply.message["error"]["code"],
        json!(-32602),
        "{}",
        reply.message
    );
}

#[tokio::test]
async fn a_finished_result_says_so_to_clients_of_the_newest_revision_alone() {
    let house = house().await;
    let service = house.app.public_service();
    let state = state_of(&service, "a", "asks").await;
    let newest = call(&service, "a", "asks", Some(&state)).await;
    assert_eq!(newest.message["result"]["resultType"], json!("complete"));
    let bare = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": "list_services", "arguments": {} },
    });
    let older = send(&service, "POST", &[], bare.to_string()).await;
    assert!(
        older.message["result"].get("content").is_some(),
        "{}",
        older.message
    );
    assert_eq!(older.message["result"].get("resultType"), None);
}

#[tokio::test]
async fn an_answer_to_what_has_no_id_has_none() {
    let house = house().await;
    let service = house.app.public_service();
    for (body, code) in [
        ("{", -32700),
        ("[]", -32600),
        ("{\"id\":null}", -32600),
        ("{\"jsonrpc\":\"2.0\"}", -32600),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
            -32600,
        ),
    ] {
        let reply = send(&service, "POST", &[], body.to_owned()).await;
        assert_eq!(reply.in_short(), format!("400/{code}"), "{body}");
        assert_eq!(reply.message.get("id"), None, "{body}: {}", reply.message);
    }
    let reply = send(&service, "POST", &[], "{\"id\":\"x\"}".to_owned()).await;
    assert_eq!(reply.message["id"], json!("x"));
}
