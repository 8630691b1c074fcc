//! `hook claude-code`: what Claude Code is answered, by a gateway, by files, and when nothing can be decided.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::console::{BINARY, Console};

/// The policy that docs/how-to/claude-code-hook.md shows.
fn policy() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to/claude-code-hook.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```yaml\n").unwrap();
    rest.split("```").next().unwrap().to_owned()
}

fn event(tool: &str, input: &Value) -> String {
    json!({
        "session_id": "3f0c", "transcript_path": "/home/me/t.jsonl", "cwd": "/home/me/project",
        "permission_mode": "default", "hook_event_name": "PreToolUse", "tool_name": tool,
        "tool_input": input, "tool_use_id": "toolu_01",
    })
    .to_string()
}

fn bash(command: &str) -> String {
    event(
        "Bash",
        &json!({ "command": command, "description": "what it does" }),
    )
}

/// A policy in a folder, and a directory where the agent works.
struct Desk {
    dir: TempDir,
}

/// What the program said.
struct Said {
    /// Whether it read the event to its end.
    is_read: bool,
    status: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("project")).unwrap();
        fs::write(dir.path().join("policy.yaml"), policy()).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .env_clear()
            .current_dir(self.project())
            .args(["hook", "claude-code"])
            .args(arguments);
        command
    }

    /// The answer by the policy alone.
    fn by_files(&self, event: &str) -> (String, String) {
        let policy = self.path("policy.yaml");
        answer(&mut self.command(&["--policies", &policy]), event)
    }
}

fn say(command: &mut Command, event: &[u8]) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let event = event.to_owned();
    let writing = std::thread::spawn(move || input.write_all(&event));
    let output = child.wait_with_output().unwrap();
    let written = writing.join().unwrap();
    Said {
        is_read: written.is_ok(),
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The decision and its reason; standard output holds nothing else.
#[track_caller]
fn answer(command: &mut Command, event: &str) -> (String, String) {
    let said = say(command, event.as_bytes());
    assert_eq!(said.status, 0, "{}", said.stderr);
    told(&said.stdout)
}

#[track_caller]
fn told(stdout: &str) -> (String, String) {
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let answer: Value = serde_json::from_str(stdout).unwrap();
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    let output = &answer["hookSpecificOutput"];
    assert_eq!(output.as_object().unwrap().len(), 3, "{answer}");
    assert_eq!(output["hookEventName"], json!("PreToolUse"));
    let text = |name: &str| output[name].as_str().unwrap().to_owned();
    (text("permissionDecision"), text("permissionDecisionReason"))
}

#[track_caller]
fn check((decision, reason): (String, String), expected: &str, part: &str) {
    assert_eq!(decision, expected, "{reason}");
    assert!(reason.contains(part), "{reason}");
}

#[test]
fn the_policy_of_the_documentation_answers_as_it_says() {
    let desk = Desk::new();
    let read = |file: &str| event("Read", &json!({ "file_path": file }));
    for (event, decision, part) in [
        (read("/home/me/project/a.rs"), "allow", "Allowed by policy"),
        (bash("cargo test --lib"), "allow", "(rule_allow)"),
        (
            bash("cargo test; rm -rf /"),
            "ask",
            "To proceed: an approval by role:approver.",
        ),
        (
            bash("git push"),
            "ask",
            "Needs approval: A person looks at every other command",
        ),
        (
            read("/home/me/project/.claude/settings.json"),
            "deny",
            "(protected_path)",
        ),
        (
            event(
                "Write",
                &json!({ "file_path": "/home/me/project/.mcp.json", "content": "" }),
            ),
            "deny",
            "(protected_path)",
        ),
        (
            event("WebFetch", &json!({ "url": "http://elsewhere.example/" })),
            "deny",
            "Do not retry unchanged.",
        ),
        (
            event(
                "WebFetch",
                &json!({ "url": "https://docs.rs/serde", "prompt": "p" }),
            ),
            "allow",
            "(rule_allow)",
        ),
        (
            event("mcp__policyguard__restart_service", &json!({})),
            "allow",
            "(rule_allow)",
        ),
        (
            event("mcp__other__restart_service", &json!({})),
            "deny",
            "No policy allows this action (default_deny)",
        ),
    ] {
        check(desk.by_files(&event), decision, part);
    }
    let checked = Command::new(BINARY)
        .args([
            "policy",
            "check",
            "--output",
            "json",
            &desk.path("policy.yaml"),
        ])
        .current_dir(desk.project())
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(0), "{found}");
    assert_eq!(found["findings"], json!([]), "{found}");
}

#[test]
fn a_tool_that_no_rule_names_is_denied_also_under_the_policy_built_in() {
    let desk = Desk::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let default = root.join("policies/default.yaml");
    for tool in [
        "Bash",
        "NewTool",
        "mcp__git__git_status",
        "mcp__x__get_anything",
        "get_anything",
        "Odd name é",
    ] {
        let mut command = desk.command(&["--policies", default.to_str().unwrap()]);
        check(
            answer(&mut command, &event(tool, &json!({}))),
            "deny",
            "(default_deny)",
        );
    }
    for tool in ["", "a\u{202e}b", &"x".repeat(513)] {
        let mut command =
            desk.command(&["--policies", default.to_str().unwrap(), "--trust", "admin"]);
        check(
            answer(&mut command, &event(tool, &json!({}))),
            "deny",
            "(invalid_name)",
        );
    }
}

#[test]
fn trust_is_low_unless_somebody_says_otherwise() {
    let desk = Desk::new();
    let policy = "policy_name: p\nversion: \"1\"\npolicies:\n  - id: p\n    name: p\n    rules:\n      - condition: { action_type: claude_code, tool_pattern: Bash, trust_level_at_least: medium }\n        action: allow\n";
    fs::write(desk.path("policy.yaml"), policy).unwrap();
    check(desk.by_files(&bash("ls")), "deny", "(default_deny)");
    let policy = desk.path("policy.yaml");
    let mut command = desk.command(&["--policies", &policy, "--trust", "medium"]);
    check(answer(&mut command, &bash("ls")), "allow", "Allowed");
}

#[test]
fn what_is_no_event_is_denied_or_asked_and_never_allowed() {
    let desk = Desk::new();
    let policy = desk.path("policy.yaml");
    let deep = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let events: [(Vec<u8>, &str); 9] = [
        (Vec::new(), "not understood"),
        (b"Read".to_vec(), "not understood"),
        (b"\xff\xfe".to_vec(), "not understood"),
        (
            bash("ls").replace("PreToolUse", "PostToolUse").into_bytes(),
            "PostToolUse",
        ),
        (
            bash("ls").replace("tool_name", "tool").into_bytes(),
            "tool_name",
        ),
        (event("Read", &json!([])).into_bytes(), "tool_input"),
        (
            event("Read", &json!({ "a": "x".repeat(300 * 1024) })).into_bytes(),
            "longer than 262144",
        ),
        (deep.into_bytes(), "longer than"),
        (vec![b' '; 9 * 1024 * 1024], "longer than"),
    ];
    for (event, part) in events {
        let said = say(&mut desk.command(&["--policies", &policy]), &event);
        assert_eq!(said.status, 0, "{}", said.stderr);
        assert!(said.is_read, "nobody may be left with a broken pipe");
        check(told(&said.stdout), "deny", part);
        let said = say(
            &mut desk.command(&["--policies", &policy, "--on-error", "ask"]),
            &event,
        );
        check(told(&said.stdout), "ask", part);
    }
    let nested = format!(
        "{{\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Read\",\"tool_input\":{{\"a\":{}}}}}",
        "[".repeat(100_000)
    );
    check(desk.by_files(&nested), "deny", "nested more than 32 deep");
}

#[test]
fn without_a_gateway_and_a_policy_there_is_no_leave() {
    let desk = Desk::new();
    let read = event("Read", &json!({ "file_path": "/a" }));
    let (policy, data) = (desk.path("policy.yaml"), desk.path("data"));
    // What the agent can write in its own directory says nothing.
    fs::create_dir(desk.project().join("policies")).unwrap();
    let allow = "policy_name: p\nversion: \"1\"\npolicies:\n  - id: p\n    name: p\n    rules:\n      - condition: { tool_pattern: \"*\" }\n        action: allow\n";
    fs::write(desk.project().join("policies/default.yaml"), allow).unwrap();
    fs::write(
        desk.project().join("policyguard.yaml"),
        format!("policies: {policy}\n"),
    )
    .unwrap();
    let unseen = format!("{policy}/data");
    let cases: [(&[&str], &str); 11] = [
        (&[], "say where the gateway is"),
        (&["--policies", "policies/default.yaml"], "no whole path"),
        (&["--data-dir", "data"], "no whole path"),
        (&["--data-dir", &data], "no gateway runs there"),
        (
            &["--url", "http://127.0.0.1:9"],
            "no gateway answers at http://127.0.0.1:9",
        ),
        (
            &["--url", "http://127.0.0.1:9", "--policies", &policy],
            "--policies name two places",
        ),
        (
            &["--url", "http://127.0.0.1:9", "--data-dir", &data],
            "--data-dir name two places",
        ),
        (
            &["--data-dir", &unseen, "--policies", &policy],
            "cannot be seen",
        ),
        (&["--url", "gateway"], "not an address"),
        (
            &["--policies", "/nowhere/policy.yaml"],
            "/nowhere/policy.yaml",
        ),
        (
            &["--policies", &policy, "--log-format", "xml"],
            "log.format",
        ),
    ];
    for (arguments, part) in cases {
        check(answer(&mut desk.command(arguments), &read), "deny", part);
        let lenient = [arguments, &["--on-error", "ask"]].concat();
        check(answer(&mut desk.command(&lenient), &read), "ask", part);
    }
    fs::write(&policy, "policy_name: p\nversion: \"1\"\npolicies: 5\n").unwrap();
    check(desk.by_files(&read), "deny", "the policy does not fit");
    // A mistyped flag cannot be answered in JSON: 2 is a no, too.
    let said = say(&mut desk.command(&["--on-eror", "ask"]), b"");
    assert_eq!(
        (said.status, said.stdout.as_str()),
        (2, ""),
        "{}",
        said.stderr
    );
}

#[test]
fn files_do_not_speak_for_a_gateway_that_is_gone() {
    for left in ["policyguard.db", "LOCKDOWN"] {
        let desk = Desk::new();
        let (policy, data) = (desk.path("policy.yaml"), desk.path("data"));
        let read = event("Read", &json!({ "file_path": "/a" }));
        let by_both = ["--data-dir", data.as_str(), "--policies", policy.as_str()];
        check(
            answer(&mut desk.command(&by_both), &read),
            "allow",
            "(rule_allow)",
        );
        fs::create_dir(&data).unwrap();
        fs::write(desk.dir.path().join("data").join(left), "").unwrap();
        check(
            answer(&mut desk.command(&by_both), &read),
            "deny",
            "does not run",
        );
    }
}

#[test]
fn who_does_not_answer_in_time_is_not_waited_for() {
    let desk = Desk::new();
    // It takes connections, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let begun = Instant::now();
    let said = answer(&mut desk.command(&["--url", &url]), &bash("ls"));
    check(said, "deny", "no decision within 5 s");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    // Nor is an event that does not end.
    let mut child = desk
        .command(&["--url", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let open = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(open);
    check(
        told(std::str::from_utf8(&output.stdout).unwrap()),
        "deny",
        "no decision within 5 s",
    );
}

#[test]
fn what_cannot_be_written_ends_with_the_code_that_stops() {
    let desk = Desk::new();
    let policy = desk.path("policy.yaml");
    let mut command = Command::new("bash");
    let script = format!("'{BINARY}' hook claude-code --policies '{policy}' > /dev/full");
    command
        .args(["-c", &script])
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let said = say(
        &mut command,
        event("Read", &json!({ "file_path": "/a" })).as_bytes(),
    );
    assert_eq!(said.status, 2, "{}", said.stderr);
    assert!(said.stderr.starts_with("policyguard: "), "{}", said.stderr);
}

/// A gateway with this policy beside a hook.
struct Gate {
    console: Console,
}

impl Gate {
    fn new(flags: &str) -> Self {
        let mut console = Console::new();
        fs::write(console.folder().join("policy.yaml"), policy()).unwrap();
        let begun = console.run(&format!(
            "policyguard --port 0 --policies policy.yaml {flags}"
        ));
        assert_eq!(begun.status, 0, "{}", begun.stderr);
        Self { console }
    }

    fn ask(&mut self, flags: &str, event: &str) -> (String, String) {
        fs::write(self.console.folder().join("event.json"), event).unwrap();
        let ran = self.console.run(&format!(
            "policyguard hook claude-code {flags} < event.json"
        ));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        told(&ran.stdout)
    }

    fn json(&mut self, command: &str) -> Value {
        let ran = self
            .console
            .run(&format!("policyguard {command} --output json"));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn run(&mut self, command: &str) {
        let ran = self.console.run(command);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
}

#[test]
fn a_gateway_answers_and_keeps_it_on_record() {
    let mut gate = Gate::new("");
    let port = gate.console.port().unwrap().to_owned();
    let at = format!("--url http://127.0.0.1:{port}");
    let read = event("Read", &json!({ "file_path": "/a" }));
    check(gate.ask(&at, &read), "allow", "(rule_allow)");
    check(
        gate.ask("--data-dir $PWD/data", &bash("git push")),
        "ask",
        "an approval by role:approver",
    );
    check(
        gate.ask(&format!("{at} --on-approval deny"), &bash("git push")),
        "deny",
        "Needs approval",
    );
    check(
        gate.ask(&at, &event("mcp__other__x", &json!({}))),
        "deny",
        "(default_deny)",
    );
    // A name of the catalogue is none here: what the mode allows to callers of the gateway allows nothing else.
    check(
        gate.ask(
            &at,
            &event("restart_service", &json!({ "service_name": "cache" })),
        ),
        "deny",
        "(default_deny)",
    );
    let entries = gate.json("audit query --agent claude-code")["entries"].clone();
    let entries = entries.as_array().unwrap();
    let mut lines: Vec<String> = entries
        .iter()
        .filter(|entry| entry["action"] == json!("claude_code"))
        .map(|entry| {
            assert_eq!(entry["principal"]["agent_id"], json!("claude-code"));
            assert_eq!(entry["correlation_id"], json!("3f0c"));
            let code = entry["decision"]["code"].as_str().unwrap();
            format!("{} {code}", entry["resource"].as_str().unwrap())
        })
        .collect();
    lines.reverse();
    let expected = [
        "Read rule_allow",
        "Bash approval_required",
        "Bash approval_required",
        "mcp__other__x default_deny",
        "restart_service default_deny",
    ];
    assert_eq!(lines, expected);
    // What counts beside the files counts here, too.
    gate.run("policyguard agent suspend claude-code --reason 'it went too far'");
    check(gate.ask(&at, &read), "deny", "(agent_suspended)");
    check(
        gate.ask(&format!("{at} --agent other"), &read),
        "allow",
        "(rule_allow)",
    );
    gate.run("policyguard lockdown on --reason 'everything stops now'");
    check(
        gate.ask(&format!("{at} --agent other"), &read),
        "deny",
        "(lockdown)",
    );
    gate.console.run("^C");
    check(gate.ask(&at, &read), "deny", "no gateway answers");
    check(
        gate.ask("--data-dir $PWD/data --policies $PWD/policy.yaml", &read),
        "deny",
        "does not run",
    );
}

#[test]
fn a_key_asks_about_its_own_agent_and_agrees_to_nothing() {
    let mut gate = Gate::new("--auth credentials");
    let port = gate.console.port().unwrap().to_owned();
    let at = format!("--url http://127.0.0.1:{port}");
    let read = event("Read", &json!({ "file_path": "/a" }));
    check(gate.ask(&at, &read), "deny", "could not decide");
    gate.run("ADMIN=$(cat data/bootstrap-key) && export ADMIN");
    gate.run(&format!(
        "POLICYGUARD_API_KEY=$(POLICYGUARD_API_KEY=$ADMIN policyguard keys create --agent coder {at})"
    ));
    check(gate.ask(&at, &read), "allow", "(rule_allow)");
    check(gate.ask(&at, &bash("git push")), "deny", "Needs approval");
    check(
        gate.ask(&format!("{at} --on-approval ask"), &bash("git push")),
        "ask",
        "Needs approval",
    );
    check(
        gate.ask(&format!("{at} --agent somebody"), &read),
        "deny",
        "",
    );
    gate.run("POLICYGUARD_API_KEY=$ADMIN");
    gate.run(&format!("policyguard users put eve --role auditor {at}"));
    gate.run(&format!(
        "POLICYGUARD_API_KEY=$(policyguard keys create --user eve {at})"
    ));
    let lines = gate.json(&format!("audit query --agent coder {at}"))["entries"].clone();
    let asked = lines.as_array().unwrap().iter();
    let asked = asked.filter(|entry| entry["action"] == json!("claude_code"));
    assert_eq!(asked.count(), 3, "{lines}");
}

#[test]
fn the_command_that_connect_writes_answers_and_stops_when_it_cannot() {
    let desk = Desk::new();
    let policy = desk.path("my policy's.yaml");
    fs::rename(desk.path("policy.yaml"), &policy).unwrap();
    let data = desk.path("data");
    let written = Command::new(BINARY)
        .args(["connect", "claude-code", "--hook", "--write"])
        .args(["--policies", &policy, "--data-dir", &data])
        .env_clear()
        .current_dir(desk.project())
        .output()
        .unwrap();
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let settings = fs::read_to_string(desk.project().join(".claude/settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let hook = settings["hooks"]["PreToolUse"][0]["hooks"][0].clone();
    assert!(hook["timeout"].as_u64().unwrap() > 10, "{hook}");
    let command = hook["command"].as_str().unwrap();
    let shell = |command: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env_clear().current_dir("/");
        say(&mut shell, bash("cargo check").as_bytes())
    };
    check(told(&shell(command).stdout), "allow", "(rule_allow)");
    for gone in [
        command.replace(BINARY, "/nowhere/policyguard"),
        // As when the system takes its memory back.
        command.replace(BINARY, "sh -c 'kill -9 $$'"),
    ] {
        assert_ne!(gone, command);
        let said = shell(&gone);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{gone}");
    }
}
