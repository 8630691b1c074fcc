//! What every revision asks of a server, answered over the road.

use std::sync::Arc;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
    GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::pipeline::{Answer, Call};

use super::{Guest, Road, answer, guide, watch};

/// How long a list may be kept without asking again, in milliseconds; changes are told besides.
pub(super) const FRESH: u64 = 60_000;

/// What a client should know before it calls anything.
const INSTRUCTIONS: &str = "Every call through this server is decided by policy and recorded. A denied call answers \
with isError and a decision: read its reason and remedy, and do not repeat the call unchanged. Ask validate_action \
first when you are not sure whether something is allowed, and report_incident when something looks wrong.";

/// The server side of MCP, for every client.
pub(super) struct Handler {
    road: Arc<Road>,
}

impl Handler {
    pub(super) const fn new(road: Arc<Road>) -> Self {
        Self { road }
    }

    /// Runs a tool for whoever asks, and gives up waiting, not the call, when the client cancels it.
    pub(super) async fn run(
        &self,
        tool: &str,
        arguments: serde_json::Map<String, serde_json::Value>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, ErrorData> {
        let guest = guest(context)?;
        let call = Call {
            credentials: guest.credentials,
            ..Call::tool(guest.caller, tool, arguments)
        };
        tokio::select! {
            end = self.road.take(call) => end.map_err(|unanswered| answer::no_answer(&unanswered)),
            () = context.ct.cancelled() => Err(ErrorData::internal_error("Cancelled", None)),
        }
    }
}

/// Who sent the request: the door put it beside it.
pub(super) fn guest(context: &RequestContext<RoleServer>) -> Result<Guest, ErrorData> {
    guest_in(&context.extensions).ok_or_else(|| ErrorData::internal_error("Internal error", None))
}

fn guest_in(extensions: &rmcp::model::Extensions) -> Option<Guest> {
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
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_prompts()
            .build();
        let mut server = Implementation::new("policyguard", env!("CARGO_PKG_VERSION"));
        server.title = Some("policyguard policy gateway".to_owned());
        ServerConfig::new(capabilities)
            .with_server_info(server)
            .with_instructions(INSTRUCTIONS)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.road.tools.get(name).cloned()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        only_page(request.as_ref())?;
        let guest = guest(&context)?;
        let tools = self
            .road
            .shown(&guest)
            .map_err(|unanswered| answer::no_answer(&unanswered))?;
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(FRESH)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let answer = self.run(&request.name, arguments, &context).await?;
        let shown = |decision: &crate::pipeline::Decision| self.road.may_know(decision);
        answer::result(answer, shown).map(CallToolResponse::from)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        only_page(request.as_ref())?;
        let resources = guide::policies(self, &context).await?;
        Ok(ListResourcesResult::with_all_items(resources)
            .with_ttl_ms(FRESH)
            .with_cache_scope(CacheScope::Private))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        only_page(request.as_ref())?;
        Ok(
            ListResourceTemplatesResult::with_all_items(vec![guide::template()])
                .with_ttl_ms(FRESH)
                .with_cache_scope(CacheScope::Private),
        )
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        guide::policy(self, &request.uri, &context)
            .await
            .map(ReadResourceResponse::from)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        only_page(request.as_ref())?;
        Ok(ListPromptsResult::with_all_items(vec![guide::prompt()])
            .with_ttl_ms(FRESH)
            .with_cache_scope(CacheScope::Private))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        guide::prompted(&request.name).map(GetPromptResponse::from)
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<
            rmcp::model::CompleteRequestMethod,
        >())
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
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let guest = guest(context.request_context())?;
        watch::subscription(&self.road, &guest, &context).await;
        Ok(())
    }
}
