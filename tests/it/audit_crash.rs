//! kill -9 at random moments under load: no acknowledged record is lost, and the chain verifies.
//!
//! The test runs itself as a child, which appends and says what was acknowledged, and kills it.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use policyguard::audit::{AuditRecord, ChangeNote, RecordKind, Recorder};
use policyguard::domain::ActionId;
use policyguard::storage;
use serde_json::{Map, json};
use tempfile::TempDir;

use crate::trail::{Asker, HandClock, caller, done, open};

/// How many kills: ten in an ordinary run, `POLICYGUARD_LONG_TESTS=1` makes them fifty.
fn rounds() -> u32 {
    if std::env::var_os("POLICYGUARD_LONG_TESTS").is_some() {
        50
    } else {
        10
    }
}
const DIR: &str = "POLICYGUARD_TEST_CRASH_DIR";
/// The name by which the test runs itself.
const MYSELF: &str = "audit_crash::no_acknowledged_record_is_lost_when_the_process_is_killed";

#[test]
fn no_acknowledged_record_is_lost_when_the_process_is_killed() {
    // The test runs itself once more as the process that is killed.
    if let Ok(dir) = std::env::var(DIR) {
        return child(&dir);
    }
    let dir = TempDir::new().unwrap();
    let mut trail = Seen::default();
    let mut ids = HashSet::new();
    let mut changes = 0;
    let rounds = rounds();
    for round in 0..rounds {
        // Between 1 and 120 ms, in no order that a batch could keep step with.
        let moment = Duration::from_micros(u64::from(round * 7919 % 119_000 + 1_000));
        let mut acknowledged = Vec::new();
        for line in lines_until_killed(dir.path(), moment) {
            let (what, id) = line.split_once(' ').unwrap();
            if what == "change" {
                changes += 1;
                continue;
            }
            let id = ActionId::parse(id).unwrap();
            assert!(ids.insert(id), "{id} was given out twice");
            acknowledged.push((id, what == "denied"));
        }
        let all = round % 10 == 9;
        trail.read_on(dir.path(), all);
        for (id, denied) in acknowledged {
            let kinds = trail.kinds.get(&id);
            let kinds = kinds.unwrap_or_else(|| panic!("{id} is lost"));
            let wanted = if denied {
                RecordKind::Decision
            } else {
                RecordKind::Outcome
            };
            assert!(kinds.contains(&wanted), "{id}: {kinds:?}");
        }
        assert!(trail.changes >= changes, "{} of {changes}", trail.changes);
    }
    println!(
        "{} attempts and {changes} changes acknowledged in {rounds} runs",
        ids.len()
    );
    assert!(ids.len() > 100, "too few to say anything");
}

/// What the trail holds, read on after every run.
#[derive(Default)]
struct Seen {
    until: u64,
    kinds: HashMap<ActionId, HashSet<RecordKind>>,
    open: HashSet<ActionId>,
    changes: usize,
}

impl Seen {
    /// Starts and ends a run, which closes every intent, and reads what is new.
    fn read_on(&mut self, dir: &Path, verify: bool) {
        let store = storage::open(dir).unwrap();
        let (recorder, _) = open(&store, &HandClock::new());
        recorder.close();
        let reader = store.reader().unwrap();
        if verify {
            let report = reader.verify().unwrap();
            assert!(report.intact, "{report:?}");
        }
        loop {
            let records = reader.range(self.until + 1, 1_000).unwrap();
            if records.is_empty() {
                break;
            }
            for record in records {
                assert_eq!(record.seq, self.until + 1);
                self.until = record.seq;
                self.note(&record);
            }
        }
        assert!(self.open.is_empty(), "{:?} have no outcome", self.open);
    }

    fn note(&mut self, record: &AuditRecord) {
        self.changes += usize::from(record.action.as_deref() == Some("mode_change"));
        let Some(action) = record.action_id else {
            return;
        };
        self.kinds.entry(action).or_default().insert(record.kind);
        if record.is_intent() {
            self.open.insert(action);
        } else if record.closes_intent() {
            self.open.remove(&action);
        }
    }
}

/// What the child said before it was killed, this long after its first line.
fn lines_until_killed(dir: &Path, moment: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([MYSELF, "--exact", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (first, said) = std::sync::mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reading = std::thread::spawn(move || {
        let mut lines = Vec::new();
        // A last line that was cut off has no end; nobody could have read it.
        for line in output.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8(line).unwrap();
            if let Some(line) = line.strip_prefix("ack ") {
                lines.push(line.to_owned());
                first.send(()).ok();
            }
        }
        lines
    });
    said.recv_timeout(Duration::from_mins(1)).unwrap();
    std::thread::sleep(moment);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let mut lines = reading.join().unwrap();
    // The reader cannot tell a last line that was cut off from a whole one.
    lines.pop();
    lines
}

/// The process that is killed.
fn child(dir: &str) {
    let store = storage::open(Path::new(dir)).unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|task| tokio::spawn(load(recorder.clone(), task)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Calls without end, each said aloud once it is acknowledged.
async fn load(recorder: Recorder, task: usize) {
    let asker = Asker::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if task == 0 {
            let note = ChangeNote {
                operation: "mode_change",
                by: "operator".to_owned(),
                details: Map::new(),
            };
            recorder.change(note, Vec::new(), None).await.unwrap();
            say("change mode");
            continue;
        }
        let tool = ["no_such_tool", "get_status", "restart_service"][task % 3];
        let decision = asker.run(&recorder, tool, json!({"task": task}));
        let id = decision.request().action_id;
        let decided = recorder.decision(decision, &caller()).await.unwrap();
        if task.is_multiple_of(3) {
            say(&format!("denied {id}"));
            continue;
        }
        let of = decided.outcome_of(&caller());
        recorder.outcome(of, done(), Vec::new()).await.unwrap();
        say(&format!("read {id}"));
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("ack {line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
