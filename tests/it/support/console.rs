//! Consoles in Markdown: their commands are run, and what they print is compared.
//!
//! In a fenced `console` block a line `$ …` is a command for bash, continued by lines `> …`; the lines below are
//! what it prints. `[..]` stands for anything within a line, a line `...` for any lines. All blocks of a document
//! are one session: folder, variables, functions and `$?` go on from command to command.
//!
//! A command that has said where its doors are is a gateway: it goes on running beside the commands after it until
//! a line `^C` interrupts it.

use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use regex::Regex;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_policyguard");
/// How long a command may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(1);
/// The last words of the banner.
const OPEN: &str = "\n  auth    ";
/// Variables of the caller that would change what is printed.
const FOREIGN: [&str; 6] = [
    "HOST",
    "PORT",
    "POLICY_PATH",
    "LOG_LEVEL",
    "MCP_TRANSPORT_MODE",
    "ALLOWED_HOSTS",
];

/// One command of a document and what it is to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The line of the command, from 1.
    pub(crate) line: usize,
    /// The command; `^C` interrupts the gateway.
    pub(crate) command: String,
    /// Where in the document its output stands: the lines from here …
    pub(crate) from: usize,
    /// … to before here.
    pub(crate) to: usize,
    /// The lines that it is to print.
    pub(crate) expected: Vec<String>,
}

/// The commands of all `console` blocks.
pub(crate) fn steps(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, line) in markdown.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
            continue;
        }
        if !inside {
            continue;
        }
        let interrupt = (line == "^C").then_some(line);
        if let Some(command) = line.strip_prefix("$ ").or(interrupt) {
            steps.push(Step {
                line: index + 1,
                command: command.to_owned(),
                from: index + 1,
                to: index + 1,
                expected: Vec::new(),
            });
            continue;
        }
        let step = steps.last_mut().expect("a block begins with a command");
        match line.strip_prefix("> ") {
            Some(more) if step.expected.is_empty() => {
                write!(step.command, "\n{more}").unwrap();
                step.from = index + 1;
            }
            _ => step.expected.push(line.to_owned()),
        }
        step.to = index + 1;
    }
    steps
}

/// Whether the lines are as expected, wildcards included.
pub(crate) fn agrees(expected: &[String], actual: &[String]) -> bool {
    match (expected.split_first(), actual.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => {
            (0..=actual.len()).any(|skipped| agrees(rest, &actual[skipped..]))
        }
        (Some((first, rest)), Some((line, others))) => {
            let parts: Vec<String> = first.split("[..]").map(regex::escape).collect();
            let pattern = Regex::new(&format!("^{}$", parts.join(".*"))).unwrap();
            pattern.is_match(line) && agrees(rest, others)
        }
        _ => false,
    }
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; 0 as long as it runs, 128 and the signal that ended it.
    pub(crate) status: i32,
    /// Its standard output so far.
    pub(crate) stdout: String,
    /// Its standard error so far.
    pub(crate) stderr: String,
}

/// One session of bash in a folder of its own.
pub(crate) struct Console {
    dir: TempDir,
    gateway: Option<Running>,
    port: Option<String>,
    last: i32,
    /// Commands so far, and the one that left the session as it is: a gateway that ends later leaves nothing.
    commands: usize,
    current: usize,
}

/// A command that was started.
struct Running {
    child: Child,
    stdout: Drain,
    stderr: Drain,
}

/// What was read from a pipe so far.
struct Drain {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            bytes,
            thread: Some(thread),
        }
    }

    /// Whether a whole line has this in it.
    fn has_line(&self, part: &str) -> bool {
        let bytes = self.bytes.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let found = text.split_once(part);
        found.is_some_and(|(_, rest)| rest.contains('\n'))
    }

    /// What came since the last time.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.bytes.lock().unwrap())).unwrap()
    }

    /// Waits for the end of the pipe.
    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("bash starts");
        let stdout = Drain::of(child.stdout.take().unwrap());
        let stderr = Drain::of(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// The exit code, or `None` once the command has said that its doors are open.
    fn wait(&mut self, until_open: bool) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.stdout.end();
                self.stderr.end();
                let killed = status.signal().map(|signal| 128 + signal);
                return status.code().or(killed);
            }
            if until_open && self.stderr.has_line(OPEN) {
                return None;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "no end after {PATIENCE:?}:\n{}{}",
                self.stdout.take(),
                self.stderr.take()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the command and everything that it started.
    fn signal(&self, signal: &str) -> bool {
        let group = format!("-{}", self.child.id());
        let sent = Command::new("kill").args([signal, "--", &group]).status();
        sent.is_ok_and(|status| status.success())
    }

    fn ran(&self, status: i32) -> Ran {
        Ran {
            status,
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
        }
    }
}

impl Console {
    /// A session in a new folder, in which `policyguard` is the binary under test.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("session")).unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        Self {
            dir,
            gateway: None,
            port: None,
            last: 0,
            commands: 0,
            current: 0,
        }
    }

    /// The folder in which the commands run.
    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// The port on which the last gateway of the session listens.
    pub(crate) fn port(&self) -> Option<&str> {
        self.port.as_deref()
    }

    /// Runs a command to its end, or a gateway to its open doors.
    pub(crate) fn run(&mut self, command: &str) -> Ran {
        if command == "^C" {
            let mut gateway = self.gateway.take().expect("a gateway to interrupt");
            assert!(gateway.signal("-INT"), "the gateway is there no more");
            self.last = gateway.wait(false).unwrap();
            return gateway.ran(self.last);
        }
        self.commands += 1;
        let mut running = Running::start(&mut self.bash(command));
        let status = running.wait(self.gateway.is_none());
        self.last = status.unwrap_or(0);
        let ran = running.ran(self.last);
        if status.is_none() {
            let port = Regex::new(r"http://127\.0\.0\.1:(\d+)").unwrap();
            let found = port.captures(&ran.stderr).expect("the banner names a port");
            self.port = Some(found[1].to_owned());
            self.gateway = Some(running);
        } else {
            self.current = self.commands;
        }
        ran
    }

    fn bash(&self, command: &str) -> Command {
        let session = self.dir.path().join("session").display().to_string();
        let (current, next) = (self.current, self.commands);
        let script = format!(
            "set -a\n\
             [ ! -f '{session}/state-{current}' ] || . '{session}/state-{current}'\n\
             [ ! -f '{session}/folder-{current}' ] || cd \"$(cat '{session}/folder-{current}')\"\n\
             trap \"{{ export -p; declare -f; }} > '{session}/state-{next}'; pwd > '{session}/folder-{next}'\" EXIT\n\
             (exit {last})\n\
             {command}\n",
            last = self.last,
        );
        let path = std::env::var("PATH").unwrap();
        let binaries = Path::new(BINARY).parent().unwrap().display().to_string();
        let mut bash = Command::new("bash");
        bash.arg("-c")
            .arg(script)
            .current_dir(self.folder())
            .env("PATH", format!("{binaries}:{path}"))
            .env("NO_COLOR", "1");
        for (name, _) in std::env::vars() {
            if FOREIGN.contains(&name.as_str()) || name.starts_with("POLICYGUARD_") {
                bash.env_remove(name);
            }
        }
        bash
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal("-KILL");
            drop(self.child.wait());
        }
    }
}

/// Fails with what to do unless the machine has the tool.
pub(crate) fn need(tool: &str) {
    let found = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "these tests need `{tool}`: install it (apt-get install {tool}), or run `.ci/run --stage test`, which does"
    );
}

#[test]
fn wildcards_stand_for_parts_of_lines_and_for_lines() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let actual = lines("one 1\ntwo (2)\nthree 3");
    for good in [
        "one 1\ntwo (2)\nthree 3",
        "one [..]\ntwo ([..])\nthree 3",
        "...\nthree 3",
        "one 1\n...",
        "...\ntwo[..]\n...",
        "one 1\n...\ntwo (2)\nthree 3",
    ] {
        assert!(agrees(&lines(good), &actual), "{good}");
    }
    for bad in [
        "",
        "one 1",
        "one 1\ntwo (2)\nthree 3\nfour",
        "one\ntwo (2)\nthree 3",
        "one 1\ntwo .2.\nthree 3",
        "...\ntwo (2)",
        "[..]\nthree 3",
    ] {
        assert!(!agrees(&lines(bad), &actual), "{bad}");
    }
}

#[test]
fn commands_of_a_document_are_found_with_what_they_are_to_print() {
    let text = "# Title\n```console\n$ one \\\n> two\nout\n> out\n\n^C\n$ three\n```\n```sh\n$ not this\n```\n";
    let found: Vec<(usize, String, Vec<String>)> = steps(text)
        .into_iter()
        .map(|step| (step.line, step.command, step.expected))
        .collect();
    let expected = [
        (3, "one \\\ntwo", vec!["out", "> out", ""]),
        (8, "^C", vec![]),
        (9, "three", vec![]),
    ];
    let expected: Vec<(usize, String, Vec<String>)> = expected
        .into_iter()
        .map(|(line, command, output)| {
            let output = output.into_iter().map(str::to_owned).collect();
            (line, command.to_owned(), output)
        })
        .collect();
    assert_eq!(found, expected);
}
