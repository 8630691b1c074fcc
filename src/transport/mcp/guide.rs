//! What there is beside tools: the policies, to read, and a guide to decisions.

use rmcp::model::{
    CacheScope, GetPromptResult, Prompt, PromptMessage, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate, Role,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};

use crate::pipeline::Body;

use super::Road;
use super::calls::Inputs;
use super::handler::FRESH;
use super::shelves::given;

/// How the address of a policy begins.
pub(super) const SCHEME: &str = "policy://";
/// The name of the guide.
pub(super) const GUIDE: &str = "decision-guide";
/// The most policies that are listed; more are read by the tool.
const MOST: u64 = 1_000;
/// The guide itself.
const TEXT: &str = include_str!("guide.md");

/// The policies that the caller may read: what `list_policies` answers it.
pub(super) async fn policies(
    road: &Road,
    context: &RequestContext<RoleServer>,
) -> Result<Vec<Resource>, ErrorData> {
    let mut arguments = Map::new();
    arguments.insert("limit".to_owned(), json!(MOST));
    let answer = road
        .run("list_policies", arguments, Inputs::default(), context)
        .await?;
    let Body::Done(found) = answer.body else {
        return Ok(Vec::new());
    };
    let listed = found.get("policies").and_then(Value::as_array);
    let resources = listed.into_iter().flatten().filter_map(|policy| {
        let id = policy.get("policy_id")?.as_str()?;
        let text = |name: &str| policy.get(name).and_then(Value::as_str);
        let mut resource = Resource::new(format!("{SCHEME}{id}"), id);
        resource.title = text("name").map(str::to_owned);
        resource.description = text("description").map(str::to_owned);
        resource.mime_type = Some("application/json".to_owned());
        Some(resource)
    });
    Ok(resources.collect())
}

/// The policy at this address: what `get_policy` answers the caller.
pub(super) async fn policy(
    road: &Road,
    uri: &str,
    context: &RequestContext<RoleServer>,
) -> Result<ReadResourceResult, ErrorData> {
    let missing = || {
        let data = json!({ "uri": uri });
        ErrorData::resource_not_found(format!("Resource not found: {uri}"), Some(data))
    };
    let id = uri.strip_prefix(SCHEME).ok_or_else(missing)?;
    let mut arguments = Map::new();
    arguments.insert("policy_id".to_owned(), json!(id));
    let answer = road
        .run("get_policy", arguments, Inputs::default(), context)
        .await?;
    if matches!(answer.body, Body::Mendable { .. }) {
        return Err(missing());
    }
    let policy = given(answer)?;
    let contents =
        ResourceContents::text(policy.to_string(), uri).with_mime_type("application/json");
    Ok(ReadResourceResult::new(vec![contents])
        .with_ttl_ms(FRESH)
        .with_cache_scope(CacheScope::Private))
}

/// How addresses of policies are made.
pub(super) fn template() -> ResourceTemplate {
    let mut template = ResourceTemplate::new(format!("{SCHEME}{{policy_id}}"), "policy");
    template.description = Some("A policy in force, by its id".to_owned());
    template.mime_type = Some("application/json".to_owned());
    template
}

/// Ids of policies that begin like this.
pub(super) async fn completed(
    road: &Road,
    start: &str,
    context: &RequestContext<RoleServer>,
) -> Result<Vec<String>, ErrorData> {
    let policies = policies(road, context).await?;
    let ids = policies.into_iter().map(|policy| policy.name);
    Ok(ids.filter(|id| id.starts_with(start)).collect())
}

/// The guide, as lists show it.
pub(super) fn prompt() -> Prompt {
    let about =
        "How to work behind this gateway: ask first, read denials, what to do about each remedy";
    Prompt::new(GUIDE, Some(about), None)
}

/// The prompt of this name.
pub(super) fn prompted(name: &str) -> Result<GetPromptResult, ErrorData> {
    if name == GUIDE {
        let message = PromptMessage::new_text(Role::User, TEXT);
        return Ok(GetPromptResult::new(vec![message]));
    }
    let message = format!("Unknown prompt: {name}. There is one: {GUIDE}");
    Err(ErrorData::invalid_params(message, None))
}
