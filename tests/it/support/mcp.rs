//! A client of `/mcp`, as plain as curl.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::response::Response;
use policyguard::transport::rest::Service;
use serde_json::{Value, json};

/// What came back.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) session: Option<String>,
    /// The messages of the answer, whether it was one JSON text or a stream.
    pub(crate) messages: Vec<Value>,
}

impl Said {
    /// The last message, which is the answer.
    pub(crate) fn answer(&self) -> &Value {
        self.messages.last().unwrap_or(&Value::Null)
    }

    pub(crate) fn result(&self) -> &Value {
        &self.answer()["result"]
    }

    pub(crate) fn error_code(&self) -> i64 {
        self.answer()["error"]["code"].as_i64().unwrap_or_default()
    }
}

/// A client of a service, with the headers that it always sends.
pub(crate) struct Client {
    service: Service,
    headers: Vec<(&'static str, String)>,
}

impl Client {
    pub(crate) fn of(service: Service) -> Self {
        Self {
            service,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("accept", "application/json, text/event-stream".to_owned()),
            ],
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    /// A client that has opened a session, and sends its name from now on.
    pub(crate) async fn in_session(mut self) -> Self {
        let said = self.ask("initialize", greeting()).await;
        assert_eq!(said.status, 200, "{said:?}");
        let session = said.session.expect("a session");
        self = self.with("mcp-session-id", &session);
        self = self.with("mcp-protocol-version", "2025-06-18");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let said = self.send("POST", Some(ready.to_string())).await;
        assert_eq!(said.status, 202, "{said:?}");
        self
    }

    pub(crate) fn session(&self) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(name, _)| *name == "mcp-session-id");
        &found.expect("a session").1
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Said {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.send("POST", Some(message.to_string())).await
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Said {
        self.ask(
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        )
        .await
    }

    pub(crate) async fn tools(&self) -> Vec<String> {
        let said = self.ask("tools/list", json!({})).await;
        let tools = said.result()["tools"].as_array().expect("tools").clone();
        tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, method: &str, body: Option<String>) -> Said {
        let response = self.open(method, body).await;
        let status = response.status().as_u16();
        let session = response.headers().get("mcp-session-id");
        let session = session.map(|id| id.to_str().unwrap().to_owned());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let messages = if text.starts_with('{') {
            vec![serde_json::from_str(&text).unwrap()]
        } else {
            let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
            data.filter_map(|data| serde_json::from_str(data).ok())
                .collect()
        };
        Said {
            status,
            session,
            messages,
        }
    }

    /// Sends a request whose answer is read as it comes.
    pub(crate) async fn open(&self, method: &str, body: Option<String>) -> Response {
        let mut request = Request::builder().method(method).uri("/mcp");
        if !self.headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = body.map_or_else(Body::empty, Body::from);
        self.service.open(request.body(body).unwrap()).await
    }
}

/// What a program that a client starts answers to its greeting.
pub(crate) fn greeted(program: &mut Command) -> Output {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let greeting =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting() });
    writeln!(child.stdin.take().unwrap(), "{greeting}").unwrap();
    child.wait_with_output().unwrap()
}

/// What a client says first.
pub(crate) fn greeting() -> Value {
    json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    })
}
