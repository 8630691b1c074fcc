//! `tools/call` over HTTP from 64 connections, beside a bare rmcp server with one echo tool in the same run.
//!
//! In process: `cargo bench --bench mcp --profile ci`. From outside, three processes:
//! `policyguard serve --port 8000`, then `cargo bench --bench mcp --profile ci -- --serve-bare 8001`, then
//! `cargo bench --bench mcp --profile ci -- --against 127.0.0.1:8000 --baseline 127.0.0.1:8001`.
//! A gateway that nobody else calls meanwhile must have grown by two records for each call, or the run fails.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench reports to a terminal and stops at the first fault"
)]

mod load;

use std::sync::Arc;

use axum::serve::ListenerExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use load::{Gateway, Load, median, records, slice};

/// As the binary: the allocator is a part of what is compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ECHO: Load = Load {
    name: "echo",
    path: "/mcp",
    body: r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#,
    good: r#""isError":false"#,
};
const READ: Load = Load {
    name: "list_services",
    body: r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_services","arguments":{}}}"#,
    ..ECHO
};
/// Slices of each server, in turns.
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let servers = Runtime::new().unwrap();
    if let Some(port) = option("--serve-bare") {
        return servers.block_on(async { bare(port.parse().unwrap()).await.1.await.unwrap() });
    }
    match (option("--against"), option("--baseline")) {
        (Some(gateway), Some(baseline)) => compare(gateway, baseline),
        _ => in_process(&servers),
    }
}

/// Both servers on one runtime, the clients on a thread of their own.
fn in_process(servers: &Runtime) {
    let (baseline, _) = servers.block_on(bare(0));
    let gateway = Gateway::open(servers);
    compare(&gateway.address, &baseline);
    gateway.close(servers);
}

fn compare(gateway: &str, baseline: &str) {
    let clients = Builder::new_current_thread().enable_all().build().unwrap();
    let before = clients.block_on(records(gateway));
    let (mut ours, mut theirs, mut calls) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        theirs.push(clients.block_on(slice(baseline, ECHO)).rate);
        let shown = clients.block_on(slice(gateway, READ));
        ours.push(shown.rate);
        calls += shown.calls;
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "median: {ours:.0} of {theirs:.0} calls/s, ratio {:.2} (target 0.35)",
        ours / theirs
    );
    let grown = clients.block_on(records(gateway)) - before;
    assert_eq!(grown, 2 * calls, "two records for each of {calls} calls");
    println!("{calls} calls left {grown} records");
}

/// A server of rmcp alone, and its end.
async fn bare(port: u16) -> (String, tokio::task::JoinHandle<()>) {
    let echo = Arc::new(Echo);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(Arc::clone(&echo)), sessions, config);
    let router = axum::Router::new().nest_service("/mcp", service);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, served)
}

struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let schema = Arc::default();
        (name == "echo").then(|| Tool::new("echo", "Says what it heard", schema))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let heard = serde_json::to_string(&request.arguments).unwrap_or_default();
        Ok(CallToolResult::success(vec![ContentBlock::text(heard)]).into())
    }
}
