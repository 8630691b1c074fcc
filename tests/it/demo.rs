//! The first minute of a new user: `policyguard demo`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::console::{BINARY, need};

/// The titles of the steps, in order.
const TITLES: [&str; 10] = [
    "1  You give an agent a name",
    "2  It may look",
    "3  It may not touch",
    "4  Something breaks",
    "5  You declare an emergency",
    "6  Now the same call repairs",
    "7  Even now nothing is destroyed",
    "8  All of it is on record",
    "9  The record proves itself",
    "10 Nobody rewrites it quietly",
];

/// What each step comes to.
const VERDICTS: [&str; 10] = [
    "DONE     Agent",
    "ALLOWED  get_service_status",
    "DENIED   restart_service",
    "DONE     Simulated incident",
    "DONE     EMERGENCY mode until",
    "ALLOWED  restart_service",
    "DENIED   delete_database",
    "DONE     4 decisions",
    "INTACT   the chain is intact",
    "BROKEN   the chain is BROKEN",
];

/// A policy under which the story goes otherwise: nothing is refused in NORMAL mode.
const OPEN: &str = "policy_name: Open\ndefault_mode: NORMAL\ndefault_decision: allow\nmodes:\n  \
                    NORMAL: { reachable_tools: ['*'] }\n  EMERGENCY: { reachable_tools: ['*'] }\n";

/// A folder with a configuration that no gateway would start with, and a place for what is temporary.
struct Folder {
    work: TempDir,
    temporary: TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = Self {
            work: TempDir::new().unwrap(),
            temporary: TempDir::new().unwrap(),
        };
        fs::write(folder.work.path().join("policyguard.yaml"), "server: [").unwrap();
        fs::create_dir(folder.work.path().join("policies")).unwrap();
        fs::write(folder.work.path().join("policies/default.yaml"), OPEN).unwrap();
        folder
    }

    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .arg("demo")
            .args(arguments)
            .current_dir(self.work.path())
            .env("TMPDIR", self.temporary.path())
            .env("PORT", "none")
            .env("HOST", "0.0.0.0")
            .env("POLICY_PATH", "nowhere")
            .stdin(Stdio::null());
        command
    }

    /// Fails if the demo left anything.
    #[track_caller]
    fn assert_as_before(&self) {
        let names = |path: &Path| -> Vec<String> {
            let entries = fs::read_dir(path).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(self.temporary.path()), [""; 0]);
        assert_eq!(names(self.work.path()), ["policies", "policyguard.yaml"]);
        assert_eq!(names(&self.work.path().join("policies")), ["default.yaml"]);
    }
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Fails unless the parts stand in the text in this order.
#[track_caller]
fn assert_in_order(text: &str, parts: impl IntoIterator<Item = &'static str>) {
    let mut rest = text;
    for part in parts {
        let (_, behind) = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("no `{part}` in its place:\n{text}"));
        rest = behind;
    }
}

#[test]
fn the_demo_tells_each_step_in_order_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let output = folder.demo(&[]).output().unwrap();
    let (stdout, stderr) = text(&output);
    assert_eq!(
        (output.status.code(), stderr.as_str()),
        (Some(0), ""),
        "{stdout}"
    );
    let story = TITLES.into_iter().zip(VERDICTS);
    assert_in_order(
        &stdout,
        story
            .flat_map(|(title, verdict)| [title, verdict])
            .chain(["All 10 steps came out as told"]),
    );
    for line in stdout.lines() {
        assert!(line.chars().count() <= 80, "longer than a terminal: {line}");
        assert!(
            !line.contains('\x1b'),
            "colour where nobody sees it: {line}"
        );
    }
    folder.assert_as_before();
}

#[test]
fn a_step_that_does_not_come_out_ends_the_demo_and_is_named() {
    let folder = Folder::new();
    let output = folder.demo(&["--policies", "policies"]).output().unwrap();
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert_in_order(&stdout, [TITLES[1], VERDICTS[1], TITLES[2], "FAILED   "]);
    assert!(!stdout.contains(TITLES[3]), "{stdout}");
    assert_eq!(
        stderr,
        "error: step 3 of 10 did not come out as told: `restart_service` was to be denied with `mode_blocked`, and \
         was allowed\n  hint: the story is that of the policy that is built in; leave --policies out to see it\n"
    );
    folder.assert_as_before();
}

#[test]
fn what_the_demo_does_not_heed_is_refused_and_a_fault_leaves_nothing_behind() {
    let folder = Folder::new();
    for (arguments, code, part) in [
        (
            ["--data-dir", "here"],
            2,
            "`--data-dir` changes nothing here",
        ),
        (["--auth", "local"], 2, "`--auth` changes nothing here"),
        (["--policies", "nowhere"], 3, "cannot read policy `nowhere`"),
        (["--port", "65536"], 3, "`server.port` must be a port"),
        (["--log-level", "loud"], 3, "`loud` is no level"),
    ] {
        let output = folder.demo(&arguments).output().unwrap();
        let (stdout, stderr) = text(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {stdout}{stderr}"
        );
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
        folder.assert_as_before();
    }
}

/// A demo that is kept running, and what it printed until it was.
fn kept(folder: &Folder) -> (Child, String) {
    let mut child = folder
        .demo(&["--serve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut page = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    while !page.contains("ctrl-c ends it") {
        assert_ne!(stdout.read_line(&mut page).unwrap(), 0, "it ended:\n{page}");
    }
    // It may go on printing; nobody reads that.
    child.stdout = Some(stdout.into_inner());
    (child, page)
}

/// Sends the signal, and returns the exit code and what was complained about.
fn end(mut child: Child, signal: &str) -> (Option<i32>, String) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    let mut stderr = String::new();
    drop(child.stdout.take());
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    (child.wait().unwrap().code(), stderr)
}

/// The commands of the page that begin so, with what is set at its top.
fn commands(page: &str, begin: &str) -> Vec<String> {
    let set: Vec<&str> = page
        .lines()
        .map(str::trim_start)
        .map(|line| line.trim_start_matches("$ "))
        .filter(|line| {
            ["PG=", "JSON=", "DATA="]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect();
    assert_eq!(set.len(), 3, "{page}");
    let mut commands = Vec::new();
    for block in page
        .split("\n\n")
        .filter(|block| block.contains(&format!("$ {begin}")))
    {
        let (_, command) = block.split_once("$ ").unwrap();
        commands.push(format!("{}\n{command}", set.join("\n")));
    }
    commands
}

#[test]
fn every_request_that_is_shown_can_be_repeated_with_curl() {
    need("curl");
    let folder = Folder::new();
    let (child, page) = kept(&folder);
    let shown = commands(&page, "curl");
    assert!(shown.len() >= 9, "{page}");
    for command in &shown[..9] {
        let output = Command::new("bash").args(["-c", command]).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).expect(command);
        assert!(
            answer
                .get("status")
                .is_none_or(|status| !status.is_number()),
            "{command}\n{answer}"
        );
        let says = ["success", "entries", "intact"];
        assert!(
            says.iter().any(|name| answer.get(name).is_some()),
            "{command}\n{answer}"
        );
    }
    let tampering = &commands(&page, "cp -r")[0];
    let binaries = Path::new(BINARY).parent().unwrap().display();
    let script = tampering.replace("$ ", "").replace("\n   sed", "\nsed");
    let output = Command::new("bash")
        .args(["-c", &format!("PATH={binaries}:$PATH\n{script}")])
        .current_dir(folder.temporary.path())
        .output()
        .unwrap();
    let (stdout, stderr) = text(&output);
    assert!(
        stdout.starts_with("the chain is BROKEN"),
        "{script}\n{stdout}{stderr}"
    );
    fs::remove_dir_all(folder.temporary.path().join("copy")).unwrap();
    assert_eq!(end(child, "-INT"), (Some(0), String::new()));
    folder.assert_as_before();
}

#[test]
fn agents_go_on_working_until_somebody_interrupts_whatever_is_done_to_them() {
    let folder = Folder::new();
    let (child, page) = kept(&folder);
    let data = page
        .split("DATA=")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let command = |arguments: &[&str]| -> Vec<u8> {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .args(["--output", "json", "--data-dir", &data]);
        command.output().unwrap().stdout
    };
    let decided = |status: &str| -> u64 {
        let page = command(&["audit", "query", "--kind", "decision", "--status", status]);
        let page: Value = serde_json::from_slice(&page).unwrap();
        page["total"].as_u64().unwrap()
    };
    let soon = |what: &dyn Fn() -> bool| {
        let begun = std::time::Instant::now();
        while !what() {
            assert!(begun.elapsed().as_secs() < 30, "the agents stand still");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    };
    let (allowed, denied) = (decided("allowed"), decided("denied"));
    soon(&|| decided("allowed") > allowed + 3 && decided("denied") > denied);
    assert!(!command(&["lockdown", "on", "--reason", "to see what they do"]).is_empty());
    let denied = decided("denied");
    soon(&|| decided("denied") > denied + 3);
    assert_eq!(end(child, "-TERM"), (Some(0), String::new()));
    folder.assert_as_before();
}

#[test]
fn a_terminal_that_is_closed_leaves_nothing_behind() {
    let folder = Folder::new();
    let (child, _) = kept(&folder);
    assert_eq!(end(child, "-HUP"), (Some(0), String::new()));
    folder.assert_as_before();
}
