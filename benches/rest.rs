//! `POST /tools/execute` of a read from 64 connections, beside two servers in the same run: a bare axum echo, and the
//! same echo that also records a decision and an outcome through the trail's own writer.
//!
//! In process: `cargo bench --bench rest --profile ci`. From outside, four processes: `policyguard serve --port 8000`,
//! `cargo bench --bench rest --profile ci -- --serve-echo 8001`, the same with `-- --serve-recorded 8002`, then
//! `-- --against 127.0.0.1:8000 --echo 127.0.0.1:8001 --recorded 127.0.0.1:8002`.
//! A gateway that nobody else calls meanwhile must have grown by two records for each call, or the run fails.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a bench reports to a terminal and stops at the first fault"
)]

mod load;
#[path = "../tests/it/trail.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod trail;

use std::sync::Arc;

use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use policyguard::audit::Recorder;
use policyguard::storage::{self, Store};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use load::{Gateway, Load, Shown, median, records, slice};
use trail::{Asker, HandClock, caller, done, open_trail};

/// As the binary: the allocator is a part of what is compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const READ: Load = Load {
    name: "list_services",
    path: "/tools/execute",
    body: r#"{"tool_name":"list_services","arguments":{}}"#,
    good: r#""success":true"#,
};
const ECHO: Load = Load {
    name: "echo",
    good: r#""tool_name":"list_services""#,
    ..READ
};
const RECORDED: Load = Load {
    name: "recorded echo",
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
    if let Some(port) = option("--serve-echo") {
        return servers.block_on(async {
            let (_, served) = start(echo(), port.parse().unwrap()).await;
            served.await.unwrap();
        });
    }
    if let Some(port) = option("--serve-recorded") {
        let trail = Trail::open();
        return servers.block_on(async {
            let (_, served) = start(recorded(&trail), port.parse().unwrap()).await;
            served.await.unwrap();
        });
    }
    match (option("--against"), option("--echo"), option("--recorded")) {
        (Some(gateway), Some(echo), Some(recorded)) => compare(gateway, echo, recorded),
        _ => in_process(&servers),
    }
}

/// All three servers on one runtime, the clients on a thread of their own.
fn in_process(servers: &Runtime) {
    let trail = Trail::open();
    let (echo, _) = servers.block_on(start(echo(), 0));
    let (recorded, _) = servers.block_on(start(recorded(&trail), 0));
    let gateway = Gateway::open(servers);
    compare(&gateway.address, &echo, &recorded);
    gateway.close(servers);
}

fn compare(gateway: &str, echo: &str, recorded: &str) {
    let clients = Builder::new_current_thread().enable_all().build().unwrap();
    let before = clients.block_on(records(gateway));
    let (mut ours, mut bare, mut writing) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(clients.block_on(slice(echo, ECHO)));
        ours.push(clients.block_on(slice(gateway, READ)));
        writing.push(clients.block_on(slice(recorded, RECORDED)));
    }
    let rate = |shown: &[Shown]| median(shown.iter().map(|shown| shown.rate).collect());
    let (rate, bare, writing) = (rate(&ours), rate(&bare), rate(&writing));
    println!(
        "median: {rate:.0} calls/s; of the echo's {bare:.0}: {:.2} (target 0.25); of the recorded echo's {writing:.0}: \
         {:.2} (target 0.80)",
        rate / bare,
        rate / writing
    );
    let worst = ours.iter().map(|shown| shown.p99).max();
    println!("worst p99: {:?} (target 15 ms)", worst.unwrap_or_default());
    let calls: u64 = ours.iter().map(|shown| shown.calls).sum();
    let grown = clients.block_on(records(gateway)) - before;
    assert_eq!(grown, 2 * calls, "two records for each of {calls} calls");
    println!("{calls} calls left {grown} records");
}

/// A server of these routes, and its end.
async fn start(router: Router, port: u16) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, served)
}

fn echo() -> Router {
    Router::new().route(READ.path, post(async |Json(body): Json<Value>| Json(body)))
}

/// A trail of its own, as the gateway's.
struct Trail {
    recorder: Recorder,
    asker: Arc<Asker>,
    _store: Store,
}

impl Trail {
    fn open() -> Self {
        let store = storage::open_temporary().unwrap();
        let (recorder, _) = open_trail(store.trail().unwrap(), &HandClock::new());
        Self {
            recorder,
            asker: Arc::new(Asker::new()),
            _store: store,
        }
    }
}

/// An echo that says a call was decided and what came of it, in one commit of two rows.
fn recorded(trail: &Trail) -> Router {
    let (recorder, asker) = (trail.recorder.clone(), Arc::clone(&trail.asker));
    let answer = async move |Json(body): Json<Value>| {
        let decision = asker.run(&recorder, "list_services", json!({}));
        let from = caller();
        let decided = recorder.decision(decision, &from).await.unwrap();
        let of = decided.outcome_of(&from);
        recorder.outcome(of, done(), Vec::new()).await.unwrap();
        Json(body)
    };
    Router::new().route(READ.path, post(answer))
}
