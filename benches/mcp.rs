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

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::serve::ListenerExt as _;
use policyguard::app::App;
use policyguard::config::{Config, Flags, resolve};
use policyguard::transport::{Doors, serve};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// As the binary: the allocator is a part of what is compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
const SLICE: Duration = Duration::from_secs(5);
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
    let dir = tempfile::tempdir().unwrap();
    let (baseline, _) = servers.block_on(bare(0));
    let (mut tasks, app, gateway, served) = servers.block_on(async {
        let app = App::open(&config(dir.path())).await.unwrap();
        let doors = Doors::open("127.0.0.1", 0, None).await.unwrap();
        let address = doors.address().unwrap().to_string();
        let (public, local) = (app.public_service(), app.command_service());
        let served = tokio::spawn(serve(doors, public, local, app.stopping()));
        (app.start_tasks(), app, address, served)
    });
    compare(&gateway, &baseline);
    app.stopping().cancel();
    servers.block_on(async {
        served.await.unwrap();
        tasks.shutdown().await;
        app.close().await;
    });
}

fn compare(gateway: &str, baseline: &str) {
    let clients = Builder::new_current_thread().enable_all().build().unwrap();
    let before = clients.block_on(records(gateway));
    let (mut ours, mut theirs, mut calls) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        theirs.push(clients.block_on(slice(baseline, "echo")).0);
        let (rate, all) = clients.block_on(slice(gateway, "list_services"));
        ours.push(rate);
        calls += all;
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

/// One slice of load: the calls a second, told, and how many calls there were with those of the warm-up.
async fn slice(address: &str, tool: &str) -> (f64, u64) {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(connection(address.to_owned(), tool.to_owned(), begun)))
        .collect();
    let (mut times, mut calls) = (Vec::new(), 0);
    for task in tasks {
        let (timed, all) = task.await.unwrap();
        times.extend(timed);
        calls += all;
    }
    times.sort_unstable();
    let at = |percent: usize| *times.get(times.len() * percent / 100).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let rate = times.len() as f64 / SLICE.as_secs_f64();
    println!(
        "{tool:>13}: {rate:>6.0} calls/s, p50 {:?}, p99 {:?}",
        at(50),
        at(99)
    );
    (rate, calls)
}

/// One call after the other on one connection; counted are those that end within the slice.
async fn connection(address: String, tool: String, begun: Instant) -> (Vec<Duration>, u64) {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    );
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = Client::connect(&address).await;
    let (mut times, mut calls) = (Vec::new(), 0);
    while begun.elapsed() < WARM_UP + SLICE {
        let sent = Instant::now();
        let answer = client.exchange(request.as_bytes()).await;
        let read = Instant::now();
        let good = br#""isError":false"#;
        assert!(answer.windows(good.len()).any(|at| at == good));
        calls += 1;
        let at = read - begun;
        if at >= WARM_UP && at < WARM_UP + SLICE {
            times.push(read - sent);
        }
    }
    (times, calls)
}

/// As much of HTTP as the answers here need, so that the load costs little beside what it measures.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let buffer = Vec::with_capacity(16_384);
        Self { stream, buffer }
    }

    /// The body of a good answer.
    async fn exchange(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server hung up");
            let end = self.buffer.windows(4).position(|at| at == b"\r\n\r\n");
            let Some(end) = end else { continue };
            let head = std::str::from_utf8(self.buffer.get(..end).unwrap()).unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            let lines = head.lines();
            let mut lengths = lines.filter_map(|line| line.strip_prefix("content-length: "));
            let length: usize = lengths.next().unwrap().parse().unwrap();
            if self.buffer.len() == end + 4 + length {
                return self.buffer.get(end + 4..).unwrap();
            }
        }
    }
}

/// How many records the gateway's trail holds.
async fn records(address: &str) -> u64 {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut client = Client::connect(address).await;
    let figures = client.exchange(request.as_bytes()).await;
    let figures = std::str::from_utf8(figures).unwrap();
    let name = "policyguard_audit_chain_length ";
    let mut lengths = figures.lines().filter_map(|line| line.strip_prefix(name));
    lengths.next().unwrap().parse().unwrap()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    *rates.get(rates.len() / 2).unwrap()
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

fn config(dir: &Path) -> Config {
    let data = dir.join("data").to_str().unwrap().to_owned();
    let flags = Flags {
        config: None,
        values: [("data_dir", data), ("server.port", "0".to_owned())].into(),
    };
    resolve(&flags, &BTreeMap::new()).unwrap()
}
