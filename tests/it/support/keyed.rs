//! Callers of a gateway that asks for credentials.

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use policyguard::app::FirstKey;
use policyguard::config::{AuthMode, Config};
use serde_json::{Value, json};

use super::mcp::Client;
use super::{House, Reply};

impl House {
    /// A gateway with the shipped default policy that asks for credentials, and the key of its first administrator.
    pub(crate) async fn with_credentials() -> (Self, String) {
        Self::asking(|_| ()).await
    }

    /// The same, with this configuration.
    pub(crate) async fn asking(configure: impl FnOnce(&mut Config)) -> (Self, String) {
        let house = Self::configured(|config| {
            config.auth = AuthMode::Credentials;
            configure(config);
        })
        .await;
        let first = house.app.first_key(house.config(), true).await.unwrap();
        let FirstKey::Shown(key) = first else {
            panic!("{first:?}")
        };
        (house, key)
    }

    /// A caller that shows this; nothing if there is nothing.
    pub(crate) fn showing<'a>(&'a self, key: &'a str) -> Keyed<'a> {
        Keyed { house: self, key }
    }
}

/// A caller that shows a credential.
#[derive(Clone, Copy)]
pub(crate) struct Keyed<'a> {
    house: &'a House,
    key: &'a str,
}

impl Keyed<'_> {
    /// Sends a request; an empty body is none.
    pub(crate) async fn send(self, method: &str, path: &str, body: &Value) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if !self.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            let request = request.header("content-type", "application/json");
            request.body(Body::from(body.to_string()))
        };
        self.house.request(request.unwrap()).await
    }

    pub(crate) async fn get(self, path: &str) -> Reply {
        self.send("GET", path, &Value::Null).await
    }

    pub(crate) async fn post(self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, body).await
    }

    /// Runs a tool; the answer is always 200.
    pub(crate) async fn execute(self, tool: &str, arguments: Value) -> Value {
        let body = json!({ "tool_name": tool, "arguments": arguments });
        let reply = self.post("/tools/execute", &body).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.body
    }

    /// A key that this caller makes.
    pub(crate) async fn makes(self, body: Value) -> String {
        let reply = self.post("/api/v1/keys", &body).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.body["key"].as_str().unwrap().to_owned()
    }

    /// The key of a person with these roles, whom this caller adds.
    pub(crate) async fn adds(self, user: &str, roles: &[&str]) -> String {
        let path = format!("/api/v1/users/{user}");
        let reply = self.send("PUT", &path, &json!({ "roles": roles })).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        self.makes(json!({ "user_id": user })).await
    }

    /// Opens a path whose answer is read as it comes.
    pub(crate) async fn opens(self, path: &str) -> Response {
        let request = Request::builder()
            .uri(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", self.key));
        let service = self.house.app.public_service();
        service.open(request.body(Body::empty()).unwrap()).await
    }

    /// The same caller over MCP.
    pub(crate) fn over_mcp(self) -> Client {
        let client = Client::of(self.house.app.public_service()).with("host", "localhost");
        client.with("authorization", &format!("Bearer {}", self.key))
    }
}
