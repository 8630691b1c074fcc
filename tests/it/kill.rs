//! kill -9 of the real binary under load: whatever was answered is on record and in force after the next start.
//!
//! Ten kills in an ordinary run; `POLICYGUARD_LONG_TESTS=1` makes them fifty.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::console::BINARY;
use crate::support::http::Http;
use crate::support::shipped;

/// How long a start may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// After how many kills a new data directory is begun, so that walking the chain stays short.
const KILLS_A_HOUSE: usize = 10;

/// A gateway in a process of its own.
struct Gateway {
    child: Child,
    port: u16,
}

impl Gateway {
    fn spawn(dir: &Path) -> Child {
        let stderr = File::create(dir.join("stderr")).unwrap();
        Command::new(BINARY)
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(dir.join("data"))
            .arg("--policies")
            .arg(shipped("default.yaml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap()
    }

    /// Starts one and waits for its doors.
    fn start(dir: &Path) -> Self {
        let mut child = Self::spawn(dir);
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(dir.join("stderr")).unwrap();
            let banner = said.split_once("http://127.0.0.1:").map(|(_, rest)| rest);
            if let Some((port, _)) = banner.and_then(|rest| rest.split_once(' ')) {
                let port = port.parse().unwrap();
                return Self { child, port };
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the gateway ended at start:\n{said}");
            if begun.elapsed() > PATIENCE {
                kill(&mut child);
                panic!("no doors after {PATIENCE:?}:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        kill(&mut self.child);
    }
}

fn kill(child: &mut Child) {
    drop(child.kill());
    child.wait().unwrap();
}

/// A number from 0 to below `end`.
fn random(end: u64) -> u64 {
    RandomState::new().hash_one(Instant::now()) % end
}

/// What a call asked for, as far as its effect can be looked up afterwards.
#[derive(Debug, Clone, PartialEq)]
enum Asked {
    Read,
    Restart,
    Fleet(u64),
    Mode(&'static str),
}

/// A call that was sent.
#[derive(Debug, Clone)]
struct Sent {
    request_id: String,
    asked: Asked,
}

/// A call that was answered with 200.
#[derive(Debug)]
struct Acknowledged {
    sent: Sent,
    body: Value,
}

/// What one caller saw until its connection broke.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: Vec<Acknowledged>,
    /// Sent, and whether it was done nobody said.
    open: Option<Sent>,
    /// Answered with something else than 200, so refused.
    refused: usize,
}

/// A caller: what it asks for the n-th time.
type Caller = fn(u64) -> Asked;

const CALLERS: [Caller; 6] = [
    |_| Asked::Read,
    |_| Asked::Read,
    |_| Asked::Read,
    |_| Asked::Restart,
    |n| Asked::Fleet(n % 100 + 1),
    |n| Asked::Mode(if n % 8 == 7 { "NORMAL" } else { "EMERGENCY" }),
];

/// Calls until the connection breaks, each call as soon as the one before is answered.
fn call_until_killed(port: u16, caller: Caller) -> Seen {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut seen = Seen::default();
    let Ok(mut http) = Http::connect(port) else {
        return seen;
    };
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let sent = Sent {
            request_id: format!("call-{number}"),
            asked: caller(number),
        };
        let (path, body) = request(&sent.asked);
        if let Asked::Mode(_) = sent.asked {
            // A switch holds up every call, so that without pauses few of them would run.
            std::thread::sleep(Duration::from_millis(random(20)));
        }
        match http.post(path, &sent.request_id, &body) {
            Ok(answer) if answer.status == 200 => seen.acknowledged.push(Acknowledged {
                sent,
                body: answer.body,
            }),
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{sent:?}: {}", answer.body);
                seen.refused += 1;
            }
            Err(_) => {
                seen.open = Some(sent);
                return seen;
            }
        }
    }
}

fn request(asked: &Asked) -> (&'static str, Value) {
    let execute = |tool: &str, arguments: Value| {
        let body = json!({ "tool_name": tool, "arguments": arguments });
        ("/tools/execute", body)
    };
    match asked {
        Asked::Read => execute("get_service_status", json!({ "service_name": "cache" })),
        Asked::Restart => execute("restart_service", json!({ "service_name": "cache" })),
        Asked::Fleet(count) => execute("scale_fleet", json!({ "count": count })),
        Asked::Mode(mode) => (
            "/policy/set-mode",
            json!({ "mode": mode, "reason": "killed under load" }),
        ),
    }
}

/// What must hold of the mode and the fleet: what was last acknowledged, unless a later change came through unheard.
struct Expected {
    mode: Value,
    fleet: Value,
    /// The last record that was looked at.
    seq: u64,
}

/// What the kills amounted to.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    kills_at_start: usize,
    records: usize,
    ran: usize,
    denied: usize,
    switches: usize,
    refused: usize,
    unknown: usize,
}

/// The records after `seq`, oldest first.
fn records_after(http: &mut Http, seq: u64) -> Vec<Value> {
    let mut records = Vec::new();
    let mut path = "/api/v1/audit?view=records&limit=1000".to_owned();
    loop {
        let page = http.get(&path).unwrap();
        assert_eq!(page.status, 200, "{}", page.body);
        let entries = page.body["entries"].as_array().unwrap();
        let fresh = entries
            .iter()
            .filter(|entry| entry["seq"].as_u64().unwrap() > seq);
        let before = records.len();
        records.extend(fresh.cloned());
        let more = records.len() - before == entries.len();
        match page.body["next_cursor"].as_str().filter(|_| more) {
            Some(cursor) => path = format!("/api/v1/audit?view=records&limit=1000&cursor={cursor}"),
            None => break,
        }
    }
    records.reverse();
    records
}

/// Looks for what was acknowledged before the kill in the gateway that started after it.
fn check(gateway: &Gateway, seen: &[Seen], expected: &mut Expected, tally: &mut Tally) {
    let mut http = Http::connect(gateway.port).unwrap();
    let records = records_after(&mut http, expected.seq);
    let mut of_request: HashMap<&str, Vec<&Value>> = HashMap::new();
    for record in &records {
        if let Some(id) = record["source"]["request_id"].as_str() {
            of_request.entry(id).or_default().push(record);
        }
    }
    for answer in seen.iter().flat_map(|seen| &seen.acknowledged) {
        let records = of_request.get(answer.sent.request_id.as_str());
        check_recorded(answer, records.map_or(&[], Vec::as_slice), tally);
    }
    tally.unknown += check_closed(&records);
    tally.records += records.len();
    tally.refused += seen.iter().map(|seen| seen.refused).sum::<usize>();
    expected.seq = records.last().unwrap()["seq"].as_u64().unwrap();

    let status = http.get("/policy/status").unwrap().body;
    let cloud = http.get("/infrastructure/status").unwrap().body;
    expected.mode = held(seen, &expected.mode, &status["current_mode"], mode_of);
    expected.fleet = held(seen, &expected.fleet, &cloud["fleet_size"], fleet_of);
    let report = http.get("/api/v1/audit/verify").unwrap().body;
    assert_eq!(report["intact"], json!(true), "{report}");
}

/// An acknowledged call has its decision on record and, if it was dispatched, what came of it.
///
/// A call that a change overtook was decided again, so there may be decisions before the last one, each closed by an
/// outcome `cancelled`.
fn check_recorded(answer: &Acknowledged, records: &[&Value], tally: &mut Tally) {
    let Acknowledged { sent, body } = answer;
    let of_kind = |kind: &str| records.iter().rfind(|record| record["kind"] == kind);
    let decision = of_kind("decision");
    let decision = decision.unwrap_or_else(|| panic!("{sent:?} was answered {body}: no decision"));
    let effect = &decision["decision"]["effect"];
    if let Asked::Mode(mode) = &sent.asked {
        let change = of_kind("change").unwrap_or_else(|| panic!("{sent:?}: no change"));
        let recorded = (effect, &change["arguments"]["mode"]);
        assert_eq!(recorded, (&json!("allow"), &json!(mode)));
        tally.switches += 1;
        return;
    }
    assert_eq!(decision["action_id"], body["action_id"], "{sent:?}");
    let done = records
        .iter()
        .filter(|record| record["outcome"]["status"] == "ok")
        .count();
    if body["success"] == true {
        let outcome = of_kind("outcome").unwrap_or_else(|| panic!("{sent:?}: no outcome"));
        let recorded = (effect, &outcome["outcome"]["status"], done);
        assert_eq!(recorded, (&json!("allow"), &json!("ok"), 1), "{sent:?}");
        assert!(decision["seq"].as_u64() < outcome["seq"].as_u64());
        tally.ran += 1;
    } else {
        let recorded = (effect, &body["policy_violation"], done);
        assert_eq!(recorded, (&json!("deny"), &json!(true), 0), "{sent:?}");
        tally.denied += 1;
    }
}

/// Every intent has come to exactly one end; returns how many ends nobody saw.
fn check_closed(records: &[Value]) -> usize {
    let mut open: HashMap<&str, i64> = HashMap::new();
    let mut unknown = 0;
    for record in records {
        let Some(action) = record["action_id"].as_str() else {
            continue;
        };
        let change = match record["kind"].as_str() {
            Some("decision") if record["decision"]["effect"] == "allow" => 1,
            Some("outcome" | "change") => -1,
            _ => 0,
        };
        *open.entry(action).or_default() += change;
        unknown += usize::from(record["outcome"]["status"] == "unknown");
    }
    open.retain(|_, count| *count != 0);
    assert!(open.is_empty(), "intents without one end each: {open:?}");
    unknown
}

/// What holds now, which must be what was last acknowledged, or what was asked for after that and not answered.
fn held(seen: &[Seen], before: &Value, now: &Value, effect: fn(&Asked) -> Option<Value>) -> Value {
    let acknowledged = seen.iter().flat_map(|seen| &seen.acknowledged);
    let last = acknowledged
        .filter(|answer| answer.body["success"] == true)
        .filter_map(|answer| effect(&answer.sent.asked))
        .next_back();
    let open = seen
        .iter()
        .filter_map(|seen| effect(&seen.open.as_ref()?.asked))
        .next_back();
    let last = last.as_ref().unwrap_or(before);
    assert!(
        now == last || Some(now) == open.as_ref(),
        "{now} holds; acknowledged was {last}, under way {open:?}"
    );
    now.clone()
}

fn mode_of(asked: &Asked) -> Option<Value> {
    match asked {
        Asked::Mode(mode) => Some(json!(mode)),
        Asked::Read | Asked::Restart | Asked::Fleet(_) => None,
    }
}

fn fleet_of(asked: &Asked) -> Option<Value> {
    match asked {
        Asked::Fleet(count) => Some(json!(count)),
        Asked::Read | Asked::Restart | Asked::Mode(_) => None,
    }
}

/// Kills a gateway under load some times, and looks after each start at what was acknowledged before.
fn kill_again_and_again(kills: usize, tally: &mut Tally) {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Expected {
        mode: json!("NORMAL"),
        fleet: json!(3),
        seq: 0,
    };
    let mut gateway = Gateway::start(dir.path());
    for _ in 0..kills {
        let port = gateway.port;
        let callers: Vec<_> = CALLERS
            .iter()
            .map(|caller| std::thread::spawn(move || call_until_killed(port, *caller)))
            .collect();
        std::thread::sleep(Duration::from_millis(20 + random(380)));
        kill(&mut gateway.child);
        let seen: Vec<Seen> = callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect();
        tally.kills += 1;
        if random(4) == 0 {
            // The start that closes what was open is killed too.
            let mut start = Gateway::spawn(dir.path());
            std::thread::sleep(Duration::from_millis(random(200)));
            kill(&mut start);
            tally.kills_at_start += 1;
        }
        gateway = Gateway::start(dir.path());
        check(&gateway, &seen, &mut expected, tally);
    }
    drop(gateway);
    let verified = Command::new(BINARY)
        .args(["audit", "verify", "--data-dir"])
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{said}");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed_under_load() {
    let long = std::env::var("POLICYGUARD_LONG_TESTS").is_ok();
    let kills = if long { 50 } else { 10 };
    let begun = Instant::now();
    let mut tally = Tally::default();
    while tally.kills < kills {
        kill_again_and_again(KILLS_A_HOUSE, &mut tally);
    }
    println!("{tally:?} in {:.1?}", begun.elapsed());
    assert!(
        tally.ran > kills && tally.denied > 0 && tally.switches > kills,
        "too little was under way to say anything: {tally:?}"
    );
}

#[test]
fn a_gateway_told_to_stop_the_moment_its_doors_open_stops_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("data/gateway.sock").display().to_string();
    for _ in 0..20 {
        let mut gateway = Gateway::spawn(dir.path());
        let script = format!(
            "until [ -S '{socket}' ]; do :; done; kill -TERM {}",
            gateway.id()
        );
        let sent = Command::new("timeout")
            .args(["30", "bash", "-c", &script])
            .status();
        let status = gateway.wait().unwrap();
        assert!(sent.unwrap().success(), "the doors did not open");
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

#[test]
fn a_gateway_that_stopped_leaves_its_whole_trail_in_the_database_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(dir.path());
    let mut http = Http::connect(gateway.port).unwrap();
    let (path, body) = request(&Asked::Read);
    assert_eq!(http.post(path, "last", &body).unwrap().status, 200);
    let terminate = format!("kill -TERM {}", gateway.child.id());
    let sent = Command::new("bash").args(["-c", &terminate]).status();
    assert!(sent.unwrap().success());
    assert_eq!(gateway.child.wait().unwrap().code(), Some(0));
    // Somebody may copy the one file that has the name of a database, or look for a record in it.
    let alone = tempfile::tempdir().unwrap();
    for file in ["policyguard.db", "store.key"] {
        fs::copy(dir.path().join("data").join(file), alone.path().join(file)).unwrap();
    }
    let reader = policyguard::storage::open_reader(alone.path()).unwrap();
    let report = reader.verify().unwrap();
    assert!(report.intact, "{report:?}");
    let tail = Command::new(BINARY)
        .args(["audit", "tail", "-n", "3", "-o", "json", "--data-dir"])
        .arg(alone.path())
        .output()
        .unwrap();
    let tail: Value = serde_json::from_slice(&tail.stdout).unwrap();
    let records = tail.as_array().unwrap();
    let kinds: Vec<&Value> = records.iter().map(|record| &record["kind"]).collect();
    assert_eq!(kinds, ["decision", "outcome", "change"], "{tail}");
}
