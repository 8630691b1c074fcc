//! The whole road in process: decision, chained and committed records, dispatch, answer.
//!
//! Prints medians over single calls, beside the bare cost of one SQLite commit of the same size in the same run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench reports to a terminal and stops at the first fault"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use policyguard::app::App;
use policyguard::audit::{Caller, Door};
use policyguard::config::{Config, Flags, resolve};
use policyguard::pipeline::{Body, Call};
use serde_json::{Map, Value, json};

/// Calls that are timed, after as many that are not.
const CALLS: usize = 20_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::open(&config(dir.path())).await.unwrap();
    let read = one_caller(&app, "list_services", Map::new()).await;
    report(
        "read, one caller (decision and outcome recorded, committed)",
        &read,
    );
    let denied = one_caller(
        &app,
        "restart_service",
        arguments(&json!({ "service_name": "cache" })),
    )
    .await;
    report("denial, one caller (decision recorded, committed)", &denied);
    let baseline = commits(dir.path());
    report(
        "baseline: one SQLite commit of 1,200 bytes, no chain, no index",
        &baseline,
    );
    for callers in [1, 8, 64] {
        throughput(&app, callers).await;
    }
    app.close().await;
}

async fn one_caller(app: &App, tool: &str, arguments: Map<String, Value>) -> Vec<Duration> {
    let mut times = Vec::with_capacity(CALLS);
    for index in 0..2 * CALLS {
        let call = Call::tool(Caller::at(Door::Rest), tool, arguments.clone());
        let begun = Instant::now();
        let answer = app.pipeline.handle(call).await.unwrap();
        let took = begun.elapsed();
        assert!(matches!(answer.body, Body::Done(_) | Body::Refused));
        if index >= CALLS {
            times.push(took);
        }
    }
    times
}

async fn throughput(app: &App, callers: usize) {
    let begun = Instant::now();
    let span = Duration::from_secs(3);
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let pipeline = Arc::clone(&app.pipeline);
            tokio::spawn(async move {
                let mut count = 0_u64;
                while begun.elapsed() < span {
                    let call = Call::tool(Caller::at(Door::Rest), "list_services", Map::new());
                    pipeline.handle(call).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap();
    }
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let rate = count as f64 / seconds;
    println!(
        "{callers:>3} callers: {rate:>9.0} reads/s, {:>9.0} records/s",
        2.0 * rate
    );
}

fn commits(dir: &Path) -> Vec<Duration> {
    let connection = rusqlite::Connection::open(dir.join("baseline.db")).unwrap();
    connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE r (seq INTEGER PRIMARY KEY, body BLOB);").unwrap();
    let body = vec![b'x'; 1200];
    let mut insert = connection
        .prepare("INSERT INTO r (body) VALUES (?1)")
        .unwrap();
    (0..CALLS)
        .map(|_| {
            let begun = Instant::now();
            insert.execute([&body]).unwrap();
            begun.elapsed()
        })
        .collect()
}

fn report(what: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |share: usize| {
        sorted
            .get(sorted.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{what}: p50 {:?}, p90 {:?}, p99 {:?} over {} calls",
        at(50),
        at(90),
        at(99),
        sorted.len()
    );
}

fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn config(dir: &Path) -> Config {
    let data = dir.join("data").to_str().unwrap().to_owned();
    let values = [("data_dir", data), ("server.port", "0".to_owned())];
    resolve(
        &Flags {
            config: None,
            values: values.into(),
        },
        &BTreeMap::new(),
    )
    .unwrap()
}
