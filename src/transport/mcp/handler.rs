//! What every revision asks of a server, answered over the road.

use std::sync::Arc;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, CompletionInfo, Extensions, GetPromptRequestParams,
    GetPromptResponse, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, Prompt,
    ReadResourceRequestParams, ReadResourceResponse, Reference, Resource, ResourceTemplate,
    ServerCapabilities, ServerConfig, SetLevelRequestMethod, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::calls::Inputs;
use super::native::Ended;
use super::{Guest, Road, answer, guide, watch};

/// How long a list may be kept without asking again, in milliseconds; changes are told besides.
pub(super) const FRESH: u64 = 60_000;

/// What a client should know before it calls anything.
const INSTRUCTIONS: &str = "Every call through this server is decided by policy and recorded. A denied call answers \
with isError and a decision: read its reason and remedy, and do not repeat the call unchanged. Ask validate_action \
first when you are not sure whether something is allowed, and report_incident when something looks wrong.";

type Context = RequestContext<RoleServer>;

/// The server side of MCP, for every client.
pub(super) struct Handler {
    road: Arc<Road>,
}

impl Handler {
    pub(super) const fn new(road: Arc<Road>) -> Self {
        Self { road }
    }
}

/// Who sent the request: the door put it beside it.
pub(super) fn guest(context: &Context) -> Result<Guest, ErrorData> {
    guest_in(&context.extensions).ok_or_else(|| ErrorData::internal_error("Internal error", None))
}

fn guest_in(extensions: &Extensions) -> Option<Guest> {
    let parts = extensions.get::<axum::http::request::Parts>()?;
    parts.extensions.get::<Guest>().cloned()
}

/// A list is one page: a cursor is none of ours.
fn only_page(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor.as_ref()) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params(
            "Invalid cursor: every list here is one page, so leave the cursor out",
            None,
        )),
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .build();
        if self.road.logs() {
            capabilities.logging = Some(serde_json::Map::new());
        }
        let mut server = Implementation::new("policyguard", env!("CARGO_PKG_VERSION"));
        server.title = Some("policyguard policy gateway".to_owned());
        ServerConfig::new(capabilities)
            .with_server_info(server)
            .with_instructions(INSTRUCTIONS)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        Some(self.road.tools.get(name)?.tool.clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        only_page(request.as_ref())?;
        let tools = self
            .road
            .shown(&guest(&context)?)
            .map_err(|unanswered| answer::no_answer(&unanswered))?;
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(FRESH)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let inputs = Inputs {
            responses: request.input_responses,
            state: request.request_state,
        };
        let arguments = request.arguments.unwrap_or_default();
        let answer = self.road.run(&request.name, arguments, inputs, &context);
        let answer = answer.await?;
        let in_mcp = self.road.is_in_mcp(&request.name);
        answer::result(answer, in_mcp, |decision| self.road.may_know(decision))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        only_page(request.as_ref())?;
        let mut resources: Vec<Resource> = self.road.offered(|shelf| &shelf.resources);
        resources.extend(guide::policies(&self.road, &context).await?);
        Ok(ListResourcesResult::with_all_items(resources)
            .with_ttl_ms(FRESH)
            .with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        only_page(request.as_ref())?;
        let mut templates: Vec<ResourceTemplate> = self.road.offered(|shelf| &shelf.templates);
        templates.push(guide::template());
        Ok(ListResourceTemplatesResult::with_all_items(templates)
            .with_ttl_ms(FRESH)
            .with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let inputs = Inputs {
            responses: request.input_responses,
            state: request.request_state,
        };
        match self.road.read_shelved(&request.uri, inputs, &context).await {
            Some(read) => Ok(match read? {
                Ended::Complete(result) => result.into(),
                Ended::InputRequired(question) => question.into(),
            }),
            None => guide::policy(&self.road, &request.uri, &context)
                .await
                .map(ReadResourceResponse::from),
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        let wish = |wish: &mut super::wishes::Wish| {
            wish.resources.insert(request.uri);
        };
        self.road.wish(&guest(&context)?, wish)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        let wish = |wish: &mut super::wishes::Wish| {
            wish.resources.remove(&request.uri);
        };
        self.road.wish(&guest(&context)?, wish)
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        if !self.road.logs() {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        self.road
            .wish(&guest(&context)?, |wish| wish.level = Some(request.level))
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        only_page(request.as_ref())?;
        let mut prompts: Vec<Prompt> = self.road.offered(|shelf| &shelf.prompts);
        prompts.push(guide::prompt());
        Ok(ListPromptsResult::with_all_items(prompts)
            .with_ttl_ms(FRESH)
            .with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let inputs = Inputs {
            responses: request.input_responses,
            state: request.request_state,
        };
        let shelved = self
            .road
            .prompt_shelved(&request.name, request.arguments, inputs, &context);
        match shelved.await {
            Some(prompt) => Ok(match prompt? {
                Ended::Complete(result) => result.into(),
                Ended::InputRequired(question) => question.into(),
            }),
            None => guide::prompted(&request.name).map(GetPromptResponse::from),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let asked = serde_json::to_value(&request).unwrap_or_default();
        if let Some(completed) = self.road.complete_shelved(asked, &context).await {
            return completed;
        }
        let values = match &request.r#ref {
            Reference::Resource(template) if template.uri.starts_with(guide::SCHEME) => {
                guide::completed(&self.road, &request.argument.value, &context).await?
            }
            Reference::Prompt(prompt) if prompt.name == guide::GUIDE => Vec::new(),
            Reference::Resource(_) | Reference::Prompt(_) | _ => {
                let message = "Nothing of this name is completed here";
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        let first = values
            .into_iter()
            .take(CompletionInfo::MAX_VALUES)
            .collect();
        CompletionInfo::with_all_values(first)
            .map(CompleteResult::new)
            .map_err(|_| ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if let Some(guest) = guest_in(&context.extensions) {
            watch::session(Arc::clone(&self.road), guest, context.peer);
        }
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::new();
        accepted.tools_list_changed = requested.tools_list_changed;
        accepted.resources_list_changed = requested.resources_list_changed;
        accepted
            .resource_subscriptions
            .clone_from(&requested.resource_subscriptions);
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let guest = guest(context.request_context())?;
        watch::subscription(&self.road, &guest, &context).await;
        Ok(())
    }
}
