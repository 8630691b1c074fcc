//! Load over HTTP from 64 connections, and what comes of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use policyguard::app::App;
use policyguard::config::{Config, Flags, resolve};
use policyguard::transport::{Doors, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
const SLICE: Duration = Duration::from_secs(5);

/// What is sent again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// How it is called in the report.
    pub(crate) name: &'static str,
    /// Where it goes.
    pub(crate) path: &'static str,
    /// The JSON that is sent.
    pub(crate) body: &'static str,
    /// What a good answer holds.
    pub(crate) good: &'static str,
}

/// What a slice of load showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// Calls a second.
    pub(crate) rate: f64,
    /// The time within which 99 of 100 calls were answered.
    pub(crate) p99: Duration,
    /// How many calls there were, with those of the warm-up.
    pub(crate) calls: u64,
}

/// One slice of load, told.
pub(crate) async fn slice(address: &str, load: Load) -> Shown {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(connection(address.to_owned(), load, begun)))
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
    let (name, p50, p99) = (load.name, at(50), at(99));
    println!("{name:>13}: {rate:>6.0} calls/s, p50 {p50:?}, p99 {p99:?}");
    Shown { rate, p99, calls }
}

/// One call after the other on one connection; counted are those that end within the slice.
async fn connection(address: String, load: Load, begun: Instant) -> (Vec<Duration>, u64) {
    let Load {
        path, body, good, ..
    } = load;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = Client::connect(&address).await;
    let (mut times, mut calls) = (Vec::new(), 0);
    while begun.elapsed() < WARM_UP + SLICE {
        let sent = Instant::now();
        let answer = client.exchange(request.as_bytes()).await;
        let read = Instant::now();
        assert!(answer.windows(good.len()).any(|at| at == good.as_bytes()));
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
pub(crate) async fn records(address: &str) -> u64 {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut client = Client::connect(address).await;
    let figures = client.exchange(request.as_bytes()).await;
    let figures = std::str::from_utf8(figures).unwrap();
    let name = "policyguard_audit_chain_length ";
    let mut lengths = figures.lines().filter_map(|line| line.strip_prefix(name));
    lengths.next().unwrap().parse().unwrap()
}

/// The middle one.
pub(crate) fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    *rates.get(rates.len() / 2).unwrap()
}

/// A gateway with embedded defaults, served on a port.
pub(crate) struct Gateway {
    /// Where it answers.
    pub(crate) address: String,
    app: App,
    tasks: JoinSet<()>,
    served: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Gateway {
    /// Opens it on this runtime.
    pub(crate) fn open(runtime: &Runtime) -> Self {
        let dir = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let app = App::open(&config(dir.path())).await.unwrap();
            let doors = Doors::open("127.0.0.1", 0, None).await.unwrap();
            let address = doors.address().unwrap().to_string();
            let (public, local) = (app.public_service(), app.command_service());
            let served = tokio::spawn(serve(doors, public, local, app.stopping()));
            let tasks = app.start_tasks();
            Self {
                address,
                app,
                tasks,
                served,
                _dir: dir,
            }
        })
    }

    /// Ends it.
    pub(crate) fn close(mut self, runtime: &Runtime) {
        self.app.stopping().cancel();
        runtime.block_on(async {
            self.served.await.unwrap();
            self.tasks.shutdown().await;
            self.app.close().await;
        });
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
