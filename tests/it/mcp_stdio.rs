//! `policyguard stdio`: what comes in by lines goes out by lines, whoever owns the data directory.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A running `policyguard stdio`.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start(data_dir: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_policyguard"))
            .arg("stdio")
            .arg("--data-dir")
            .arg(data_dir)
            .args(more)
            .current_dir(data_dir.parent().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|fault| panic!("{fault}: {line}"))
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.say(&message.to_string());
        let answer = self.hear();
        assert_eq!(answer["id"], json!(7), "{answer}");
        answer
    }

    fn call(&mut self, tool: &str) -> Value {
        self.ask("tools/call", &json!({ "name": tool, "arguments": {} }))
    }

    fn greet(&mut self) {
        let answer = self.ask("initialize", &crate::support::mcp::greeting());
        assert_eq!(answer["result"]["serverInfo"]["name"], json!("policyguard"));
        self.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }

    /// Ends the input; what is still written, and the exit code.
    fn end(mut self) -> (Vec<String>, Option<i32>) {
        drop(self.input.take());
        let rest = self.output.lines().map(Result::unwrap).collect();
        (rest, self.child.wait().unwrap().code())
    }
}

fn verify(data_dir: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_policyguard"))
        .args(["audit", "verify", "--data-dir"])
        .arg(data_dir)
        .current_dir(data_dir.parent().unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn everything_asked_before_the_input_ends_is_answered_and_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut program = Program::start(&data, &[]);
    program.greet();
    for id in 0..20 {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "list_services" } });
        program.say(&call.to_string());
    }
    let (lines, code) = program.end();
    assert_eq!(code, Some(0));
    let mut ids: Vec<i64> = lines
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_i64()
                .unwrap()
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
    assert!(verify(&data).contains("the chain is intact"));
}

#[test]
fn junk_and_endless_lines_are_errors_and_the_next_message_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(&dir.path().join("data"), &[]);
    for (line, code) in [
        ("junk".to_owned(), -32700),
        ("[]".to_owned(), -32600),
        ("\"text\"".to_owned(), -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_owned(),
            -32700,
        ),
        ("x".repeat(1_000_000), -32600),
    ] {
        program.say(&line);
        let answer = program.hear();
        assert_eq!(answer["error"]["code"], json!(code), "{answer}");
        assert_eq!(answer["jsonrpc"], json!("2.0"));
    }
    let answer = program.call("list_services");
    assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
    assert_eq!(program.end().1, Some(0));
}

#[test]
fn several_programs_share_a_directory_and_the_next_takes_over() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut first = Program::start(&data, &[]);
    first.greet();
    let mut second = Program::start(&data, &["--agent", "second"]);
    second.greet();
    let mut third = Program::start(&data, &["--agent", "third"]);
    assert_eq!(
        third.call("list_services")["result"]["isError"],
        json!(false)
    );
    assert_eq!(
        second.call("list_services")["result"]["isError"],
        json!(false)
    );
    // The owner goes: the session of the second goes on, with one of the others as the owner.
    assert_eq!(first.end().1, Some(0));
    for _ in 0..3 {
        assert_eq!(
            second.call("list_services")["result"]["isError"],
            json!(false)
        );
        assert_eq!(
            third.call("list_services")["result"]["isError"],
            json!(false)
        );
    }
    assert_eq!(second.end().1, Some(0));
    assert_eq!(
        third.call("list_services")["result"]["isError"],
        json!(false)
    );
    assert_eq!(third.end().1, Some(0));
    assert!(verify(&data).contains("the chain is intact"));
}

#[test]
fn a_program_speaks_for_the_agent_and_in_the_role_of_its_own_flags() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mode = json!({ "name": "set_mode", "arguments": { "mode": "EMERGENCY", "reason": "the cache is down" } });
    let mut model = Program::start(&data, &["--agent", "coder"]);
    let answer = model.ask("tools/call", &mode);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("Unknown tool"),
        "{answer}"
    );
    let mut operator = Program::start(&data, &["--role", "operator"]);
    let answer = operator.ask("tools/call", &mode);
    assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
    let mut admin = Program::start(&data, &["--role", "admin"]);
    let listed = admin.ask(
        "tools/call",
        &json!({ "name": "get_audit_log", "arguments": { "agent_id": "coder" } }),
    );
    let entries = &listed["result"]["structuredContent"]["entries"];
    assert_eq!(entries[0]["agent_id"], json!("coder"), "{listed}");
    assert_eq!(admin.end().1, Some(0));
    assert_eq!(operator.end().1, Some(0));
    assert_eq!(model.end().1, Some(0));
    let refused = Program::start(&data, &["--agent", "two words"]);
    assert_eq!(refused.end().1, Some(2));
}

/// What the trail counted of what could not be read at this door, by reason.
fn refused(data_dir: &Path) -> Vec<(String, u64)> {
    let output = Command::new(env!("CARGO_BIN_EXE_policyguard"))
        .args([
            "audit",
            "query",
            "-o",
            "json",
            "--kind",
            "refused",
            "--data-dir",
        ])
        .arg(data_dir)
        .current_dir(data_dir.parent().unwrap())
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut counts = std::collections::BTreeMap::new();
    for record in answer["entries"].as_array().unwrap() {
        assert_eq!(record["door"], json!("stdio"), "{record}");
        let reason = record["action"].as_str().unwrap().to_owned();
        *counts.entry(reason).or_insert(0) += record["arguments"]["count"].as_u64().unwrap();
    }
    counts.into_iter().collect()
}

#[test]
fn what_is_no_message_is_answered_without_an_id_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut program = Program::start(&data, &[]);
    program.greet();
    for line in [
        "junk",
        "{}",
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"id":null}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"method":"notifications/initialized"}"#,
    ] {
        program.say(line);
        let answer = program.hear();
        assert!(answer["error"]["code"].is_i64(), "{line}: {answer}");
        assert_eq!(answer.get("id"), None, "{line}: {answer}");
    }
    // An id that can be one is told, and an endless line is passed over though its beginning is a message.
    program.say(r#"{"id":"x"}"#);
    assert_eq!(program.hear()["id"], json!("x"));
    let call =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_services"}}"#;
    program.say(&format!("{call}{}", " ".repeat(1_000_000)));
    let answer = program.hear();
    assert_eq!(answer["error"]["code"], json!(-32600), "{answer}");
    assert_eq!(answer.get("id"), None, "{answer}");
    // Nobody waits for a word on what is told, known or not.
    program.say(r#"{"jsonrpc":"2.0","method":"notifications/unknown"}"#);
    program.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":5}"#);
    assert!(program.ask("ping", &json!({}))["result"].is_object());
    assert_eq!(program.end(), (Vec::new(), Some(0)));
    let counts = [
        ("too_large".to_owned(), 1),
        ("unreadable_body".to_owned(), 10),
    ];
    assert_eq!(refused(&data), counts);
}
