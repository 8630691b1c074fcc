//! The real binary with a trail of its own, and the three doors through which strangers reach it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use policyguard::audit::{AuditRecord, Door, OutcomeStatus, RecordKind};
use policyguard::storage;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::console::BINARY;
use crate::support::http::Http;

/// How long anything may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Every door at which a model or a program may stand.
pub(super) const DOORS: [Door; 3] = [Door::Rest, Door::Mcp, Door::Stdio];

/// A gateway in a process of its own, and a program on standard input that works on the same directory.
pub(super) struct Gateway {
    // Fields drop in this order: nobody is left running in a directory that is gone.
    stdio: Program,
    http: Http,
    child: Running,
    dir: TempDir,
    sent: u64,
}

/// A process that does not outlive a test that fails.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What came back from a door.
#[derive(Debug)]
pub(super) struct Came {
    /// The status; 200 at a door without one.
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Came {
    /// Whether the door says that the tool did its work.
    pub(super) fn ran(&self) -> bool {
        self.body["success"] == json!(true) || self.body["result"]["isError"] == json!(false)
    }

    /// Whether the door says that it could not even read what was sent.
    pub(super) fn is_unread(&self) -> bool {
        let code = self.body["error"]["code"].as_i64();
        self.status == 400 || self.status == 422 || code == Some(-32700) || code == Some(-32600)
    }
}

impl Gateway {
    /// Starts one with this policy; it suspends nobody, however much is denied, and logs all it can say.
    pub(super) fn start(policy: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("policy.yaml");
        fs::write(&file, policy).unwrap();
        let log = dir.path().join("log");
        let child = Command::new(BINARY)
            .args(["serve", "--port", "0", "--mcp-role", "admin"])
            .args(["--log-level", "trace", "--log-format", "json", "--data-dir"])
            .arg(dir.path().join("data"))
            .arg("--policies")
            .arg(file)
            .env("POLICYGUARD__VIOLATIONS__SUSPEND_AFTER", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn();
        let mut child = Running(child.unwrap());
        let port = port(&mut child.0, &log);
        let stdio = Program::start(&dir.path().join("data"));
        let http = Http::connect(port).unwrap();
        Self {
            dir,
            child,
            http,
            stdio,
            sent: 0,
        }
    }

    /// Calls a tool at a door, with arguments that are whatever JSON text this is.
    pub(super) fn call(&mut self, door: Door, tool: &str, arguments: &str) -> Came {
        let name = json!(tool);
        let body = if door == Door::Rest {
            format!(r#"{{"tool_name":{name},"arguments":{arguments}}}"#)
        } else {
            message(&format!(r#"{{"name":{name},"arguments":{arguments}}}"#))
        };
        self.send(door, body.as_bytes())
    }

    /// Sends bytes to a door as the body of a call, and makes sure that what comes back is no fault of ours.
    pub(super) fn send(&mut self, door: Door, bytes: &[u8]) -> Came {
        let came = match door {
            Door::Mcp => self.request("POST", "/mcp", bytes),
            Door::Stdio => {
                let body = self.stdio.ask(bytes);
                Came { status: 200, body }
            }
            Door::Rest | Door::Cli | Door::Console | Door::Authzen | Door::Internal => {
                self.request("POST", "/tools/execute", bytes)
            }
        };
        let shown = || String::from_utf8_lossy(bytes).chars().take(300).collect();
        let shown: String = shown();
        assert!(came.status < 500, "{door:?}: {shown}: {came:?}");
        let internal = came.body["error"]["code"] == json!(-32603);
        assert!(
            !internal && came.body.is_object(),
            "{door:?}: {shown}: {came:?}"
        );
        came
    }

    /// Asks for anything over HTTP.
    pub(super) fn request(&mut self, method: &str, path: &str, bytes: &[u8]) -> Came {
        self.sent += 1;
        let id = format!("hostile-{}", self.sent);
        let answer = self.http.send(method, path, &id, bytes);
        let answer =
            answer.unwrap_or_else(|fault| panic!("{method} {path} was not answered: {fault}"));
        Came {
            status: answer.status,
            body: answer.body,
        }
    }

    /// What a command of the binary prints about this directory.
    pub(super) fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(BINARY)
            .args(arguments)
            .arg("--data-dir")
            .arg(self.dir.path().join("data"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// How much memory the process holds, in KiB.
    pub(super) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse().unwrap()
    }

    /// Stops in order; then every line of its log is one JSON object, the chain is whole, and this is on record.
    pub(super) fn stopped(self) -> Trail {
        let Self {
            dir,
            mut child,
            http,
            stdio,
            ..
        } = self;
        stdio.end();
        drop(http);
        let terminate = format!("kill -TERM {}", child.0.id());
        let sent = Command::new("bash").args(["-c", &terminate]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.0.wait().unwrap().code(), Some(0));
        check_log(&fs::read_to_string(dir.path().join("log")).unwrap());
        Trail::of(&dir.path().join("data"))
    }
}

/// Waits for the banner, which names the port.
fn port(child: &mut Child, log: &Path) -> u16 {
    let begun = Instant::now();
    loop {
        let said = fs::read_to_string(log).unwrap();
        let banner = said.split_once("http://127.0.0.1:").map(|(_, rest)| rest);
        if let Some((port, _)) = banner.and_then(|rest| rest.split_once(' ')) {
            return port.parse().unwrap();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended:\n{said}");
        assert!(begun.elapsed() < PATIENCE, "no doors:\n{said}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Besides the banner, which the process writes before anyone can reach it, a line of the log is one JSON object.
fn check_log(log: &str) {
    let banner = ["policyguard ", "  "];
    let lines: Vec<&str> = log.split('\n').filter(|line| !line.is_empty()).collect();
    let mut read = 0;
    for line in &lines {
        if banner.iter().any(|start| line.starts_with(start)) {
            continue;
        }
        let event: Value = serde_json::from_str(line)
            .unwrap_or_else(|fault| panic!("no JSON object: {fault}: {line:?}"));
        assert!(event.is_object(), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        read += 1;
    }
    assert!(read > 0, "nothing was logged, so nothing is known of it");
}

/// A call as JSON-RPC words it.
pub(super) fn message(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

/// `policyguard stdio` on the directory of a gateway.
struct Program {
    child: Running,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Program {
    fn start(data_dir: &Path) -> Self {
        let child = Command::new(BINARY)
            .args(["stdio", "--role", "admin", "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = Running(child.unwrap());
        let output = BufReader::new(child.0.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        let input = child.0.stdin.take();
        Self {
            child,
            input,
            lines,
        }
    }

    /// Sends one line and waits for the one that answers it.
    fn ask(&mut self, bytes: &[u8]) -> Value {
        assert!(
            !bytes.contains(&b'\n'),
            "several lines are several messages"
        );
        let line = [bytes, b"\n"].concat();
        self.input.as_ref().unwrap().write_all(&line).unwrap();
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|fault| {
            panic!("no answer: {fault}: {}", String::from_utf8_lossy(bytes))
        });
        serde_json::from_str(&line).unwrap_or_else(|fault| panic!("{fault}: {line}"))
    }

    /// Ends the input: nothing that was not asked for is still to come, and it ends in order.
    fn end(mut self) {
        drop(self.input.take());
        assert_eq!(self.child.0.wait().unwrap().code(), Some(0));
        let rest: Vec<String> = self.lines.iter().collect();
        assert!(rest.is_empty(), "{rest:?}");
    }
}

/// What a gateway put on record until it stopped.
pub(super) struct Trail {
    records: Vec<AuditRecord>,
}

impl Trail {
    fn of(data_dir: &Path) -> Self {
        let reader = storage::open_reader(data_dir).unwrap();
        let report = reader.verify().unwrap();
        assert!(report.intact, "{report:?}");
        let records = reader.range(1, 1_000_000).unwrap();
        assert_eq!(records.len() as u64, report.records);
        Self { records }
    }

    fn at(&self, door: Door, kind: RecordKind) -> impl Iterator<Item = &AuditRecord> {
        let fits = move |record: &&AuditRecord| record.door == door && record.kind == kind;
        self.records.iter().filter(fits)
    }

    /// The decisions of this door, oldest first.
    pub(super) fn decisions(&self, door: Door) -> Vec<&AuditRecord> {
        self.at(door, RecordKind::Decision).collect()
    }

    /// How many requests of this door could not be read, as its records count them.
    pub(super) fn refused(&self, door: Door) -> u64 {
        let count = |record: &AuditRecord| record.arguments.as_ref()?.get("count")?.as_u64();
        self.at(door, RecordKind::Refused)
            .map(|record| count(record).unwrap())
            .sum()
    }

    /// The tools that did their work, whatever door they were called at.
    pub(super) fn ran(&self) -> Vec<&str> {
        let done = |record: &&AuditRecord| {
            let outcome = record.outcome.as_ref();
            outcome.is_some_and(|outcome| outcome.status == OutcomeStatus::Ok)
        };
        let done = self.records.iter().filter(done);
        done.filter_map(|record| record.resource.as_deref())
            .collect()
    }
}
