//! The gateway as a protected resource: where its clients get tokens (RFC 9728).

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Rest;
use super::layers::Base;
use crate::transport::mcp;

/// What is said of tokens that open the gateway.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// What tokens name as their audience; empty: the address that the client used.
    pub audience: String,
    /// Who issues them.
    pub issuers: Vec<String>,
}

/// `GET /.well-known/oauth-protected-resource`, and the same behind it for `/mcp`.
pub(super) async fn metadata(State(rest): State<Rest>, request: Request) -> Response {
    let Resource { audience, issuers } = &rest.resource;
    let is_mcp = request.uri().path().ends_with(mcp::PATH);
    let resource = match (audience.as_str(), is_mcp) {
        ("", true) => format!("{}{}", Base::of(&rest, &request), mcp::PATH),
        ("", false) => Base::of(&rest, &request).to_string(),
        (audience, _) => audience.to_owned(),
    };
    Json(json!({
        "resource": resource,
        "resource_name": "policyguard",
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
    }))
    .into_response()
}
