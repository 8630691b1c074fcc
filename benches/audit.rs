//! How fast the trail is written and verified: `cargo bench --bench audit --profile ci`.
//!
//! Prints what a caller waits for a read (decision and chained, committed outcome), how many records a second
//! 1 to 256 callers write, the same with a disk that takes 4 ms to sync, and beside each what bare SQLite does
//! with a row of the same size in the same run. `day` asks a gateway for lists and compliance over a million records
//! of one day. Arguments choose sections: `read append sync verify day`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::panic,
    reason = "a benchmark: a failure is a panic, figures are printed and need no more than a double holds"
)]

#[path = "../tests/it/trail.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod trail;

use std::io;
use std::time::{Duration, Instant};

use policyguard::app::{App, Parts};
use policyguard::audit::{LogSync, Recorder};
use policyguard::config::{Flags, resolve};
use policyguard::domain::{AgentId, Clock};
use policyguard::storage::{self, Store};
use rusqlite::Connection;
use serde_json::json;
use tokio::runtime::Runtime;

use trail::{Asker, HandClock, caller, done, open_trail};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wants = |name: &str| chosen.is_empty() || chosen.iter().any(|section| section == name);
    println!(
        "disk: {:?} for an fdatasync of 4 KiB, median of 50",
        disk_sync()
    );
    if wants("read") {
        read_latency();
    }
    if wants("append") {
        append_throughput();
    }
    if wants("sync") {
        synced_throughput();
    }
    if wants("verify") {
        verify();
    }
    if wants("day") {
        day(200);
        day(100_000);
    }
}

/// A sync that takes as long as a slow disk's.
struct SlowSync {
    inner: Box<dyn LogSync>,
    takes: Duration,
}

impl LogSync for SlowSync {
    fn sync(&mut self) -> io::Result<()> {
        let since = Instant::now();
        self.inner.sync()?;
        std::thread::sleep(self.takes.saturating_sub(since.elapsed()));
        Ok(())
    }
}

fn recorder(store: &Store, sync_takes: Duration) -> Recorder {
    let mut trail = store.trail().unwrap();
    if !sync_takes.is_zero() {
        trail.sync = Box::new(SlowSync {
            inner: trail.sync,
            takes: sync_takes,
        });
    }
    open_trail(trail, &HandClock::new()).0
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// One call on the trail: its decision, then its outcome.
async fn call(recorder: &Recorder, asker: &Asker, tool: &str) {
    let arguments =
        json!({"service_name": "web-frontend", "environment": "production", "lines": 100});
    let decision = asker.run(recorder, tool, arguments);
    let from = caller();
    let decided = recorder.decision(decision, &from).await.unwrap();
    let of = decided.outcome_of(&from);
    recorder.outcome(of, done(), Vec::new()).await.unwrap();
}

fn read_latency() {
    const CALLS: usize = 20_000;
    let store = storage::open_temporary().unwrap();
    let recorder = recorder(&store, Duration::ZERO);
    let asker = Asker::new();
    let mut took = runtime().block_on(async {
        let mut took = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let since = Instant::now();
            call(&recorder, &asker, "get_status").await;
            took.push(since.elapsed());
        }
        took
    });
    let deciding = median(CALLS, || {
        std::hint::black_box(asker.run(
            &recorder,
            "get_status",
            json!({"service_name": "web-frontend"}),
        ));
    });
    println!("read, one caller: decision and committed outcome (2 records, 1 transaction)");
    print_times(&mut took);
    println!(
        "  of which deciding {deciding:?}; bare SQLite, the 2 rows in 1 transaction: {:?}",
        bare_rows(&store)
    );
}

fn append_throughput() {
    println!("append: decision and outcome of reads, search indexes in place");
    for callers in [1, 10, 64, 256] {
        let store = storage::open_temporary().unwrap();
        let recorder = recorder(&store, Duration::ZERO);
        let calls = if callers == 1 { 20_000 } else { 100_000 };
        let rate = run(&recorder, callers, calls, "get_status");
        println!("  {callers:>3} callers: {:>7.0} records/s", 2.0 * rate);
    }
    let store = storage::open_temporary().unwrap();
    call_some(&store, 100);
    println!(
        "  bare SQLite, same rows and indexes, 64 rows a transaction: {:>7.0} rows/s",
        bare_batches(&store, 64)
    );
}

fn synced_throughput() {
    for takes in [Duration::ZERO, Duration::from_millis(4)] {
        let disk = if takes.is_zero() {
            format!("sync of this disk, about {:?}", disk_sync())
        } else {
            format!("sync of {takes:?} injected")
        };
        println!("modifying calls: decision synced, then outcome committed; {disk}");
        for callers in [1, 10, 64, 256] {
            let store = storage::open_temporary().unwrap();
            let recorder = recorder(&store, takes);
            let calls = (callers * 400).clamp(400, 30_000);
            let rate = run(&recorder, callers, calls, "restart_service");
            println!("  {callers:>3} callers: {rate:>7.0} calls/s");
        }
    }
}

/// Calls a second.
fn run(recorder: &Recorder, callers: usize, calls: usize, tool: &'static str) -> f64 {
    let each = calls / callers;
    runtime().block_on(async {
        let since = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let recorder = recorder.clone();
                tokio::spawn(async move {
                    let asker = Asker::new();
                    for _ in 0..each {
                        call(&recorder, &asker, tool).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        (each * callers) as f64 / since.elapsed().as_secs_f64()
    })
}

fn verify() {
    const RECORDS: usize = 1_000_000;
    let store = storage::open_temporary().unwrap();
    let recorder = recorder(&store, Duration::ZERO);
    run(&recorder, 64, RECORDS / 2, "get_status");
    recorder.close();
    let reader = store.reader().unwrap();
    let since = Instant::now();
    let mut sealed = Duration::ZERO;
    let report = reader
        .verify_with(&mut |_| sealed = since.elapsed())
        .unwrap();
    assert!(report.intact, "{report:?}");
    let size = std::fs::metadata(store.database()).unwrap().len() >> 20;
    println!(
        "verify {} records ({size} MiB): {:?}, of which {sealed:?} for seals and the rest for SQLite's own check",
        report.records,
        since.elapsed()
    );
    queries(&*reader);
}

fn queries(reader: &dyn policyguard::audit::TrailReader) {
    use policyguard::audit::{Filter, RecordKind, Status};
    let none = Filter::default;
    let since = HandClock::new().now();
    println!("queries on the same trail, first page of 100 and total");
    for (name, filter) in [
        ("everything", none()),
        (
            "one agent",
            Filter {
                agent_id: Some("bot".to_owned()),
                ..none()
            },
        ),
        (
            "absent agent",
            Filter {
                agent_id: Some("nobody".to_owned()),
                ..none()
            },
        ),
        (
            "absent tool",
            Filter {
                tool: Some("nothing".to_owned()),
                ..none()
            },
        ),
        (
            "denied",
            Filter {
                status: Some(Status::Denied),
                ..none()
            },
        ),
        (
            "decisions since",
            Filter {
                kind: Some(RecordKind::Decision),
                since: Some(since),
                ..none()
            },
        ),
        (
            "text",
            Filter {
                text: Some("nothing says this".to_owned()),
                ..none()
            },
        ),
    ] {
        let asked = Instant::now();
        let page = reader.query(&filter, None, 100).unwrap();
        println!(
            "  {name:<16} {:>9.1?}  total {}",
            asked.elapsed(),
            page.total
        );
    }
}

/// Lists and compliance, as a client of the gateway gets them, over a million records of one day and so many agents.
fn day(agents: u64) {
    const CALLS: u64 = 500_000;
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = storage::open(dir.path()).unwrap();
    let recorder = open_trail(store.trail().unwrap(), &clock).0;
    let step = Duration::from_hours(24) / u32::try_from(CALLS).unwrap();
    let writing = Instant::now();
    runtime().block_on(async {
        let mut asker = Asker::new();
        for number in 0..CALLS {
            // Scattered, so that most agents are seen at most once an hour when there are many.
            let agent = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            asker.agent = AgentId::parse(&format!("bot-{}", agent % agents)).unwrap();
            let tool = if number % 8 == 0 {
                "delete_database"
            } else {
                "get_status"
            };
            call(&recorder, &asker, tool).await;
            if number % 100 == 0 {
                clock.advance(step * 100);
            }
        }
    });
    recorder.close();
    drop((recorder, store));
    println!(
        "a day of 1,000,000 records by {agents} agents, written in {:?}",
        writing.elapsed()
    );
    runtime().block_on(ask(dir.path(), clock));
}

async fn ask(dir: &std::path::Path, clock: std::sync::Arc<HandClock>) {
    let values = [
        ("data_dir", dir.to_str().unwrap().to_owned()),
        ("server.port", "0".to_owned()),
    ];
    let flags = Flags {
        config: None,
        values: values.into(),
    };
    let config = resolve(&flags, &std::collections::BTreeMap::new()).unwrap();
    let parts = Parts {
        clock,
        ..Parts::default()
    };
    let app = App::open_with(&config, parts).await.unwrap();
    let service = app.command_service();
    for path in [
        "compliance",
        "compliance?time_range=1h",
        "audit",
        "audit?limit=1000",
        "audit?agent_id=bot-7",
        "audit?agent_id=nobody",
        "audit?tool=nothing",
        "audit?status=denied",
        "audit?include_allowed=false",
        "audit?action_type=mode_change",
        "audit?time_range=10m",
        "audit?text=nothing+says+this",
        "audit?view=records",
    ] {
        let mut took: Vec<Duration> = Vec::new();
        let mut total = String::new();
        for _ in 0..5 {
            let asked = Instant::now();
            let (status, body) = service
                .ask("GET", &format!("/api/v1/{path}"), Vec::new())
                .await;
            took.push(asked.elapsed());
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            total = body
                .get("total")
                .or(body.pointer("/metrics/total_actions"))
                .unwrap()
                .to_string();
        }
        took.sort_unstable();
        let (median, worst) = (took.get(2).unwrap(), took.last().unwrap());
        println!("  {path:<30} {median:>9.1?}, at most {worst:>9.1?}  total {total}");
    }
    app.close().await;
}

fn call_some(store: &Store, calls: usize) {
    let recorder = recorder(store, Duration::ZERO);
    run(&recorder, 1, calls, "get_status");
    recorder.close();
}

/// The same two rows, in a transaction of their own, without seal, queue or answer.
fn bare_rows(store: &Store) -> Duration {
    let bare = Bare::beside(store);
    median(5_000, || bare.insert(2))
}

fn bare_batches(store: &Store, rows: usize) -> f64 {
    let bare = Bare::beside(store);
    let since = Instant::now();
    let batches = 100_000 / rows;
    for _ in 0..batches {
        bare.insert(rows);
    }
    (batches * rows) as f64 / since.elapsed().as_secs_f64()
}

/// SQLite with the store's own tables, and a row of the store to repeat.
struct Bare {
    connection: Connection,
    next: std::cell::Cell<i64>,
    text: String,
    _dir: tempfile::TempDir,
}

impl Bare {
    fn beside(store: &Store) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bare.db");
        let from = Connection::open(store.database()).unwrap();
        let text = from
            .query_row("SELECT text FROM records ORDER BY seq LIMIT 1", (), |row| {
                row.get(0)
            })
            .unwrap();
        let connection = Connection::open(path).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .unwrap();
        connection
            .pragma_update(None, "wal_autocheckpoint", 0)
            .unwrap();
        let mut tables = from
            .prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = 'records'")
            .unwrap();
        let tables = tables.query_map((), |row| row.get::<_, String>(0)).unwrap();
        for table in tables {
            connection.execute_batch(&table.unwrap()).unwrap();
        }
        Self {
            connection,
            next: std::cell::Cell::new(1),
            text,
            _dir: dir,
        }
    }

    fn insert(&self, rows: usize) {
        let run = |sql| {
            self.connection
                .prepare_cached(sql)
                .unwrap()
                .execute(())
                .unwrap()
        };
        run("BEGIN IMMEDIATE");
        for _ in 0..rows {
            let seq = self.next.replace(self.next.get() + 1);
            self.connection
                .prepare_cached(
                    "INSERT INTO records (rowid, seq, at, kind, status, agent, tool, action_type, action, text) \
                     VALUES (?1, ?1, 1795000000000, 0, 0, 'bot', 'get_status', 'tool_call', ?2, ?3)",
                )
                .unwrap()
                .execute((seq, seq / 2, &self.text))
                .unwrap();
        }
        run("COMMIT");
    }
}

fn disk_sync() -> Duration {
    use std::io::Write as _;
    let mut file = tempfile::tempfile().unwrap();
    median(50, || {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    })
}

fn median(times: usize, mut work: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let since = Instant::now();
            work();
            since.elapsed()
        })
        .collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap()
}

fn print_times(took: &mut [Duration]) {
    took.sort_unstable();
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).copied().unwrap();
    println!("  p50 {:?}  p90 {:?}  p99 {:?}", at(50), at(90), at(99));
}
