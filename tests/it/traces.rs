//! Traces: what a collector is told of calls, and that nobody waits for it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use futures_core::Stream as _;
use policyguard::telemetry::TraceConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::House;
use crate::support::collector::{Collector, Seen, to};
use crate::support::mcp::Client;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const NEARER: &str = "00-11111111111111111111111111111111-2222222222222222-01";
/// The stations of a call that is let through.
const STATIONS: [&str; 4] = ["decide", "record", "dispatch", "record outcome"];
/// The spans of a call that is let through: its own and one for each station.
const ALLOWED: usize = 5;
/// The spans of a call that is refused.
const REFUSED: usize = 3;

async fn traced(config: TraceConfig) -> House {
    House::configured(|house| house.traces = Some(config)).await
}

fn client(house: &House) -> Client {
    Client::of(house.app.public_service())
}

fn named<'a>(spans: &'a [Seen], name: &str) -> &'a Seen {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("no span `{name}` in {spans:#?}"))
}

#[track_caller]
fn check(span: &Seen, said: &[(&str, &str)]) {
    for (name, value) in said {
        assert_eq!(span.says(name), Some(*value), "{name} of {span:#?}");
    }
}

/// The parts of this span, in their order; each begins after the one before has ended, and within it.
fn parts<'a>(spans: &'a [Seen], whole: &Seen) -> Vec<&'a str> {
    let mut last = whole.time.0;
    let own = spans.iter().filter(|span| span.parent == whole.id);
    own.map(|span| {
        assert_eq!((&span.trace, span.kind), (&whole.trace, 1), "{span:?}");
        assert!(span.time.0 >= last, "{span:?} begins before {last}");
        assert!(span.time.1 <= whole.time.1, "{span:?} ends after {whole:?}");
        last = span.time.1;
        span.name.as_str()
    })
    .collect()
}

#[tokio::test]
async fn a_call_over_mcp_is_a_span_in_the_trace_of_its_header() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    let client = client(&house)
        .with("traceparent", PARENT)
        .with("tracestate", "vendor=1");
    let said = client.call("list_services", json!({})).await;
    assert_eq!(said.result()["isError"], json!(false), "{said:?}");
    let spans = collector.spans(ALLOWED).await;
    let call = named(&spans, "tools/call list_services");
    assert_eq!(call.kind, 2);
    assert_eq!(call.trace, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(call.parent, "b7ad6b7169203331");
    assert_eq!(call.state, "vendor=1");
    assert!(!call.failed);
    let said = [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "list_services"),
        ("policyguard.door", "mcp"),
        ("policyguard.effect", "allow"),
        ("policyguard.code", "rule_allow"),
        ("policyguard.mode", "NORMAL"),
        ("policyguard.policy_version", "1"),
    ];
    check(call, &said);
    assert_eq!(call.says("error.type"), None);
    assert_eq!(parts(&spans, call), STATIONS);
    assert_eq!(call.resource["service.name"], "gateway-of-a-test");
    assert_eq!(call.resource["service.version"], env!("CARGO_PKG_VERSION"));
    // The records of the call name the trace, and the trace names the records.
    let action_id = call.says("policyguard.action_id").unwrap();
    let trail = house.get("/api/v1/audit?view=records").await;
    let records = trail.body["entries"].as_array().unwrap().clone();
    let of_call = records
        .iter()
        .filter(|record| record["action_id"] == json!(action_id));
    let traces: Vec<&Value> = of_call
        .map(|record| &record["source"]["trace_id"])
        .filter(|trace| trace.is_string())
        .collect();
    assert!(!traces.is_empty(), "{records:#?}");
    assert!(traces.iter().all(|trace| **trace == json!(call.trace)));
}

#[tokio::test]
async fn the_parent_in_the_message_is_nearer_than_the_one_in_the_header() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    let client = client(&house).with("traceparent", PARENT);
    let params = json!({
        "name": "list_services",
        "arguments": {},
        "_meta": { "traceparent": NEARER, "tracestate": "own=2" },
    });
    let said = client.ask("tools/call", params).await;
    assert_eq!(said.result()["isError"], json!(false), "{said:?}");
    let spans = collector.spans(ALLOWED).await;
    let call = named(&spans, "tools/call list_services");
    assert_eq!(call.trace, "1".repeat(32));
    assert_eq!(call.parent, "2".repeat(16));
    assert_eq!(call.state, "own=2");
    assert_eq!(parts(&spans, call), STATIONS);
}

#[tokio::test]
async fn a_denied_call_is_a_failed_span_that_says_why_and_nothing_of_its_arguments() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    let arguments = json!({ "service_name": "super-secret-name" });
    let said = client(&house).call("restart_service", arguments).await;
    assert_eq!(said.result()["isError"], json!(true), "{said:?}");
    let spans = collector.spans(REFUSED).await;
    let call = named(&spans, "tools/call restart_service");
    assert!(call.failed);
    let said = [
        ("error.type", "mode_blocked"),
        ("policyguard.effect", "deny"),
        ("policyguard.code", "mode_blocked"),
    ];
    check(call, &said);
    assert_eq!(parts(&spans, call), STATIONS[..2]);
    assert!(!format!("{spans:?}").contains("super-secret"), "{spans:#?}");
}

#[tokio::test]
async fn names_that_callers_invent_name_no_span() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    let client = client(&house).with("mcp-protocol-version", "invented");
    client.call("invented_1", json!({})).await;
    let invented = json!({ "tool_name": "invented_2", "arguments": { "invented": "invented" } });
    house.post("/tools/execute", &invented).await;
    house.get("/invented/3?invented=4").await;
    house.get("/api/v1/agents/invented-5").await;
    let sent = Request::builder()
        .method("INVENTED")
        .uri("/")
        .header("host", "localhost");
    house.request(sent.body(Body::empty()).unwrap()).await;
    house.app.close().await;
    let spans = collector.seen();
    for name in [
        "tools/call _other",
        "execute_tool _other",
        "GET",
        "GET /api/v1/agents/{agent_id}",
        "HTTP",
    ] {
        named(&spans, name);
    }
    assert!(!format!("{spans:?}").contains("nvented"), "{spans:#?}");
}

#[tokio::test]
async fn a_request_over_rest_is_a_span_with_its_call_in_it() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    let body = json!({ "tool_name": "list_services", "arguments": {} });
    let request = Request::post("/tools/execute")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("traceparent", PARENT)
        .body(Body::from(body.to_string()))
        .unwrap();
    assert_eq!(house.request(request).await.status, 200);
    let spans = collector.spans(ALLOWED + 1).await;
    let request = named(&spans, "POST /tools/execute");
    assert_eq!((request.kind, &*request.parent), (2, "b7ad6b7169203331"));
    let said = [
        ("http.request.method", "POST"),
        ("http.route", "/tools/execute"),
        ("http.response.status_code", "200"),
        ("policyguard.door", "rest"),
    ];
    check(request, &said);
    assert_eq!(parts(&spans, request), ["execute_tool list_services"]);
    let call = named(&spans, "execute_tool list_services");
    check(call, &[("policyguard.effect", "allow")]);
    assert_eq!(parts(&spans, call), STATIONS);
}

#[tokio::test]
async fn each_call_of_a_batch_has_its_own_span_and_probes_have_none() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        assert_eq!(house.get(path).await.status, 200);
    }
    let call = |tool: &str| json!({ "tool_name": tool, "arguments": {} });
    let batch = json!({ "calls": [call("list_services"), call("delete_database")] });
    let reply = house.post("/tools/execute/batch", &batch).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let spans = collector.spans(1 + ALLOWED + REFUSED).await;
    let request = named(&spans, "POST /tools/execute/batch");
    assert!(!request.failed);
    let mut calls = parts_of_any_order(&spans, request);
    calls.sort_unstable();
    assert_eq!(
        calls,
        ["execute_tool delete_database", "execute_tool list_services"]
    );
    let denied = named(&spans, "execute_tool delete_database");
    check(denied, &[("error.type", "always_blocked")]);
}

fn parts_of_any_order<'a>(spans: &'a [Seen], whole: &Seen) -> Vec<&'a str> {
    let own = spans.iter().filter(|span| span.parent == whole.id);
    own.map(|span| span.name.as_str()).collect()
}

#[tokio::test]
async fn a_call_in_a_session_names_it_and_ends_with_its_answer() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    let client = client(&house).in_session().await;
    let said = client.call("list_services", json!({})).await;
    assert_eq!(said.result()["isError"], json!(false), "{said:?}");
    let spans = collector.spans(ALLOWED).await;
    let call = named(&spans, "tools/call list_services");
    let said = [
        ("mcp.session.id", client.session()),
        ("mcp.protocol.version", "2025-06-18"),
    ];
    check(call, &said);
    assert_eq!(parts(&spans, call), STATIONS);
    let client = client.with("mcp-session-id", "a-session-of-nobody");
    assert_eq!(client.call("list_services", json!({})).await.status, 404);
    let spans = collector.spans(ALLOWED + 1).await;
    let lost = spans.last().unwrap();
    check(lost, &[("error.type", "session")]);
    assert_eq!(lost.says("mcp.session.id"), None);
}

#[tokio::test]
async fn callers_decide_about_their_traces_and_the_ratio_about_ours() {
    let collector = Collector::start().await;
    let mut config = collector.config();
    config.sample_ratio = 0.0;
    let house = traced(config).await;
    let unsampled = PARENT.replace("-01", "-00");
    for parent in [None, Some(&*unsampled), Some(PARENT)] {
        let client = client(&house);
        let client = match parent {
            Some(parent) => client.with("traceparent", parent),
            None => client,
        };
        client.call("list_services", json!({})).await;
    }
    house.app.close().await;
    let spans = collector.seen();
    assert_eq!(spans.len(), ALLOWED, "{spans:#?}");
    assert!(
        spans
            .iter()
            .all(|span| span.trace == "0af7651916cd43dd8448eb211c80319c")
    );
}

/// How many spans went where: exported, dropped, failed.
async fn figures(house: &House) -> [u64; 3] {
    let reply = house.get("/metrics").await;
    let text = reply.body.as_str().unwrap().to_owned();
    ["exported", "dropped", "failed"].map(|result| {
        let series = format!("policyguard_trace_spans_total{{result=\"{result}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap().parse().unwrap()
    })
}

#[tokio::test]
async fn an_overloaded_collector_is_asked_again() {
    let collector = Collector::refusing(1).await;
    let house = traced(collector.config()).await;
    client(&house).call("list_services", json!({})).await;
    collector.spans(ALLOWED).await;
    assert_eq!(figures(&house).await[2], 0);
}

#[tokio::test]
async fn a_collector_that_is_down_changes_nothing_for_callers() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = to(gone.local_addr().unwrap());
    drop(gone);
    let house = traced(config).await;
    let said = client(&house).call("list_services", json!({})).await;
    assert_eq!(said.result()["isError"], json!(false), "{said:?}");
    let begun = Instant::now();
    house.app.close().await;
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_collector_that_hangs_costs_no_call_anything_and_what_does_not_fit_is_counted() {
    // Connections are taken by the system, and nobody ever reads of them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let house = traced(to(silent.local_addr().unwrap())).await;
    let client = client(&house);
    let mut longest = Duration::ZERO;
    for _ in 0..900 {
        let begun = Instant::now();
        let said = client.call("list_services", json!({})).await;
        assert_eq!(said.status, 200);
        longest = longest.max(begun.elapsed());
    }
    let [exported, dropped, _] = figures(&house).await;
    // 4,500 spans: 2,048 wait, and at most twice 512 are on their way.
    assert!(dropped > 900, "{dropped}");
    assert_eq!(exported, 0);
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    let begun = Instant::now();
    house.app.close().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
}

#[tokio::test]
async fn without_a_collector_there_are_no_spans() {
    let house = House::new().await;
    let client = client(&house).with("traceparent", PARENT);
    client.call("list_services", json!({})).await;
    assert_eq!(figures(&house).await, [0, 0, 0]);
    assert!(house.config().traces.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_exports_over_stdio_and_sends_the_last_spans_before_it_ends() {
    let collector = Collector::start().await;
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_policyguard"))
        .args(["stdio", "--data-dir"])
        .arg(dir.path().join("data"))
        .current_dir(dir.path())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.config().endpoint)
        .env("OTEL_SERVICE_NAME", "gateway-over-stdio")
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20of-a-test",
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": "list_services", "arguments": {}, "_meta": { "traceparent": NEARER } },
    });
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{message}").unwrap();
    let output = tokio::task::spawn_blocking(move || {
        // The end of the input is the end of the program, once it has answered.
        drop(input);
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("\"isError\":false"), "{said}");
    let spans = collector.seen();
    let call = named(&spans, "tools/call list_services");
    assert_eq!(call.trace, "1".repeat(32));
    assert_eq!(call.resource["service.name"], "gateway-over-stdio");
    assert_eq!(call.shown.as_deref(), Some("Bearer of-a-test"));
    check(call, &[("policyguard.door", "stdio")]);
    assert_eq!(parts(&spans, call), STATIONS);
}

#[tokio::test]
async fn a_stream_is_a_span_until_it_is_open_and_what_it_looks_up_later_is_none() {
    let collector = Collector::start().await;
    let house = traced(collector.config()).await;
    let stream = house.open_path("/api/v1/audit/stream", None).await;
    assert_eq!(stream.status(), 200);
    let body = json!({ "tool_name": "list_services", "arguments": {} });
    house.post("/tools/execute", &body).await;
    let mut pieces = stream.into_body().into_data_stream();
    let mut heard = String::new();
    while !heard.contains("list_services") {
        let piece = std::future::poll_fn(|cx| std::pin::Pin::new(&mut pieces).poll_next(cx));
        heard += &String::from_utf8_lossy(&piece.await.unwrap().unwrap());
    }
    let spans = collector.spans(1 + ALLOWED + 1 + ALLOWED).await;
    let opened = named(&spans, "GET /api/v1/audit/stream");
    assert_eq!(parts(&spans, opened), ["execute_tool stream_audit"]);
    check(opened, &[("http.response.status_code", "200")]);
}

#[tokio::test]
async fn whoever_is_nobody_makes_no_span_and_writes_nothing_into_the_trail() {
    let collector = Collector::start().await;
    let (house, admin) = House::asking(|house| house.traces = Some(collector.config())).await;
    let admin = house.showing(&admin);
    let auditor = admin.adds("eve", &["auditor"]).await;
    let ask = |key: &str, parent: &str| {
        let request = Request::builder()
            .uri("/policy/status")
            .header("host", "localhost");
        let request = request.header("traceparent", parent.to_owned());
        let request = request.header("authorization", format!("Bearer {key}"));
        house.request(request.body(Body::empty()).unwrap())
    };
    let stranger = "pg_00000000_0000000000000000000000000000000000000000000000000";
    assert_eq!(ask(stranger, PARENT).await.status, 401);
    assert_eq!(
        ask(&auditor, "00-<b>any text at all</b>-x").await.status,
        200
    );
    assert_eq!(
        ask(&auditor, &format!("01{}", "-".repeat(7000)))
            .await
            .status,
        200
    );
    let trail = house
        .showing(&auditor)
        .get("/api/v1/audit?view=records")
        .await;
    assert_eq!(trail.status, 200, "{:?}", trail.body);
    assert!(
        !trail.body.to_string().contains("any text"),
        "{:?}",
        trail.body
    );
    house.app.close().await;
    let spans = collector.seen();
    assert!(!spans.is_empty(), "who is known makes spans");
    assert!(
        spans
            .iter()
            .all(|span| !span.trace.starts_with("0af7651916")),
        "{spans:#?}"
    );
}
