//! `connect`: what it does to the files of people. What it prints is in tests/cases/cli/connect.md.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::console::BINARY;
use crate::support::mcp::greeted;

const CLIENTS: [&str; 6] = [
    "claude-code",
    "claude-desktop",
    "cursor",
    "vscode",
    "codex",
    "gemini",
];
const KEY: &str = "pg_notakey1_secretsecret";

/// A home, and a project to work in.
struct Desk {
    dir: TempDir,
}

struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        fs::create_dir(dir.path().join("project")).unwrap();
        Self { dir }
    }

    fn home(&self, file: &str) -> PathBuf {
        self.dir.path().join("home").join(file)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .env_clear()
            .env("HOME", self.home(""))
            .current_dir(self.dir.path().join("project"))
            .arg("connect")
            .args(arguments);
        command
    }

    fn connect(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// The file of Cursor with this text.
    fn cursor(&self, text: &str) -> PathBuf {
        let file = self.home(".cursor/mcp.json");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    /// Everything there is, but directories.
    fn files(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.dir.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    #[track_caller]
    fn fine(self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self.stdout
    }

    #[track_caller]
    fn refused(self, why: &str) {
        assert_eq!(self.status, 3, "{}", self.stdout);
        assert!(self.stderr.contains(why), "{}", self.stderr);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn backups(files: &[PathBuf]) -> Vec<&PathBuf> {
    let is_backup = |path: &&PathBuf| path.to_str().unwrap().contains(".policyguard-backup-");
    files.iter().filter(is_backup).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn printing_writes_nothing() {
    let desk = Desk::new();
    for client in CLIENTS {
        desk.connect(&[client]).fine();
        desk.connect(&[client, "--print"]).fine();
    }
    desk.connect(&["claude-code", "--hook"]).fine();
    assert_eq!(desk.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_second_write_changes_nothing_and_a_rollback_leaves_nothing() {
    for flags in [
        &[][..],
        &["--stdio"],
        &["--with-key", "--stdio", "--url", "http://gate.example"],
        &["--with-key"],
    ] {
        for client in CLIENTS {
            if client == "claude-desktop" && flags.contains(&"--url") {
                continue;
            }
            let desk = Desk::new();
            let write = [&[client, "--write"], flags].concat();
            assert!(desk.connect(&write).fine().contains("is written"));
            let files = desk.files();
            assert_eq!((files.len(), backups(&files).len()), (2, 1), "{files:?}");
            let again = desk.connect(&write).fine();
            assert!(again.contains("nothing is changed"), "{again}");
            assert_eq!(desk.files(), files);
            desk.connect(&[client, "--rollback"]).fine();
            assert_eq!(desk.files(), Vec::<PathBuf>::new(), "{client} {flags:?}");
        }
    }
}

#[test]
fn a_key_never_stands_in_a_file() {
    for client in CLIENTS {
        let desk = Desk::new();
        let mut command = desk.command(&[client, "--write"]);
        let said = ran(command.env("POLICYGUARD_API_KEY", KEY));
        let names_it = client != "claude-desktop";
        assert!(!said.fine().contains(KEY));
        let files = desk.files();
        let text = fs::read_to_string(
            files
                .iter()
                .find(|file| !backups(&files).contains(file))
                .unwrap(),
        );
        let text = text.unwrap();
        assert!(!text.contains(KEY), "{text}");
        let reference =
            text.contains("POLICYGUARD_API_KEY") || text.contains("${input:policyguard-key}");
        assert_eq!(reference, names_it, "{text}");
    }
}

#[test]
fn what_was_there_comes_back_byte_for_byte() {
    let desk = Desk::new();
    let before = "{\"a\":1,\n   \"mcpServers\": {\"x\" :{\"url\":\"u\"}} }\n\n";
    let file = desk.cursor(before);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    desk.connect(&["cursor", "--write"]).fine();
    let first = fs::read_to_string(&file).unwrap();
    desk.connect(&["cursor", "--write", "--stdio"]).fine();
    assert!(read(&file)["mcpServers"]["policyguard"]["command"].is_string());
    let files = desk.files();
    let modes: Vec<u32> = files.iter().map(|file| mode(file)).collect();
    assert_eq!(modes, [0o640; 3], "{files:?}");
    desk.connect(&["cursor", "--rollback"]).fine();
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    desk.connect(&["cursor", "--rollback"]).fine();
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(desk.files(), [file]);
    desk.connect(&["cursor", "--rollback"]).refused("no backup");
}

#[test]
fn what_others_wrote_since_is_not_undone() {
    let desk = Desk::new();
    let file = desk.cursor("{}");
    desk.connect(&["cursor", "--write"]).fine();
    let ours = fs::read_to_string(&file).unwrap();
    for theirs in [
        ours.replace("\"url\"", "\"disabled\": true, \"url\""),
        ours.replacen('{', "{ \"other\": 1,", 1),
        format!("{ours}\n"),
        "not even JSON".to_owned(),
    ] {
        fs::write(&file, &theirs).unwrap();
        desk.connect(&["cursor", "--rollback"])
            .refused("was changed since");
        assert_eq!(fs::read_to_string(&file).unwrap(), theirs);
    }
    fs::remove_file(&file).unwrap();
    desk.connect(&["cursor", "--rollback"])
        .refused("was changed since");
    assert!(!file.exists());
    fs::write(&file, ours).unwrap();
    desk.connect(&["cursor", "--rollback"]).fine();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
}

#[test]
fn an_entry_of_somebody_else_takes_force() {
    let desk = Desk::new();
    let before =
        "{\"mcpServers\": {\"policyguard\": {\"command\": \"npx\", \"args\": [\"theirs\"]}}}";
    let file = desk.cursor(before);
    desk.connect(&["cursor", "--write"]).refused("--force");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(desk.files().len(), 1, "no backup of what was not written");
    desk.connect(&["cursor", "--write", "--name", "gate"])
        .fine();
    let entries = read(&file)["mcpServers"].clone();
    assert_eq!(entries["policyguard"]["command"], json!("npx"));
    assert!(entries["gate"]["url"].is_string());
    desk.connect(&["cursor", "--write", "--force"]).fine();
    assert!(read(&file)["mcpServers"]["policyguard"]["url"].is_string());
    desk.connect(&["cursor", "--rollback"]).fine();
    desk.connect(&["cursor", "--rollback", "--name", "gate"])
        .fine();
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn empty_and_odd_files_are_filled_or_left() {
    let desk = Desk::new();
    let file = desk.cursor("");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    desk.connect(&["cursor", "--write"]).fine();
    assert!(read(&file)["mcpServers"]["policyguard"]["url"].is_string());
    assert_eq!(mode(&file), 0o600);
    desk.connect(&["cursor", "--rollback"]).fine();
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
    for odd in [
        "[]",
        "null",
        "{\"mcpServers\": 1}",
        "{\"mcpServers\": {}, \"mcpServers\": {}}",
        "{",
    ] {
        fs::write(&file, odd).unwrap();
        desk.connect(&["cursor", "--write"])
            .refused("is left as it is");
        desk.connect(&["cursor", "--write"])
            .refused("\"mcpServers\"");
        assert_eq!(fs::read_to_string(&file).unwrap(), odd);
    }
    fs::write(&file, [0xff, 0xfe]).unwrap();
    desk.connect(&["cursor", "--write"]).refused("UTF-8");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    desk.connect(&["cursor", "--write"])
        .refused("no file that a client would read");
}

#[test]
fn read_only_files_are_left() {
    let desk = Desk::new();
    let file = desk.cursor("{}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    desk.connect(&["cursor", "--write"]).refused("is read-only");
    assert_eq!(desk.files(), std::slice::from_ref(&file));
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
    // Where no directory can be made nothing can be written either.
    fs::write(desk.home(".gemini"), "in the way").unwrap();
    desk.connect(&["gemini", "--write"]).refused(".gemini");
}

#[test]
fn a_link_stays_a_link_and_what_it_leads_to_is_changed() {
    let desk = Desk::new();
    let kept = desk.home("dotfiles");
    fs::create_dir(&kept).unwrap();
    fs::create_dir(desk.home(".cursor")).unwrap();
    let (target, link) = (kept.join("cursor.json"), desk.home(".cursor/mcp.json"));
    symlink(&target, &link).unwrap();
    desk.connect(&["cursor", "--write"])
        .refused("leads nowhere");
    fs::write(&target, "{}").unwrap();
    desk.connect(&["cursor", "--write"]).fine();
    assert!(link.is_symlink());
    assert!(read(&target)["mcpServers"]["policyguard"]["url"].is_string());
    let files = desk.files();
    assert_eq!(backups(&files)[0].parent().unwrap(), kept);
    desk.connect(&["cursor", "--rollback"]).fine();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&target).unwrap(), "{}");
}

#[test]
fn without_a_home_the_file_is_named() {
    let desk = Desk::new();
    let said = ran(desk.command(&["cursor", "--write"]).env("HOME", "here"));
    assert_eq!(said.status, 2, "{}", said.stdout);
    assert!(said.stderr.contains("--file"), "{}", said.stderr);
    let file = desk.home("else.json");
    let named = ["cursor", "--write", "--file", file.to_str().unwrap()];
    ran(desk.command(&named).env("HOME", "here")).fine();
    assert!(read(&file)["mcpServers"]["policyguard"]["url"].is_string());
}

#[test]
fn a_hook_stands_beside_others_and_keeps_what_somebody_added() {
    let desk = Desk::new();
    let file = desk.dir.path().join("project/.claude/settings.json");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let theirs = json!({ "matcher": "Bash", "hooks": [{ "type": "command", "command": "lint" }] });
    let before = json!({ "model": "m", "hooks": { "PreToolUse": [theirs], "Stop": [] } });
    fs::write(&file, before.to_string()).unwrap();
    let write = ["claude-code", "--hook", "--write", "--url"];
    desk.connect(&[&write[..], &["http://127.0.0.1:8000"]].concat())
        .fine();
    desk.connect(&[&write[..], &["http://127.0.0.1:9000"]].concat())
        .fine();
    let hooks = read(&file)["hooks"]["PreToolUse"].clone();
    assert_eq!((hooks.as_array().unwrap().len(), &hooks[0]), (2, &theirs));
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains(":9000 || exit 2"), "{written}");
    for more in ["--on-error ask", "--trust high", "--agent=bob"] {
        let edited = written.replace(" || exit 2", &format!(" {more} || exit 2"));
        fs::write(&file, &edited).unwrap();
        desk.connect(&[&write[..], &["http://127.0.0.1:8000"]].concat())
            .refused("--force");
        assert_eq!(fs::read_to_string(&file).unwrap(), edited);
    }
    let edited = written.replace(" || exit 2", " --on-error ask || exit 2");
    fs::write(&file, &edited).unwrap();
    desk.connect(&[&write[..], &["http://127.0.0.1:8000"]].concat())
        .refused("--force");
    desk.connect(&["claude-code", "--hook", "--rollback"])
        .refused("was changed since");
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);
    fs::write(&file, &written).unwrap();
    desk.connect(&["claude-code", "--hook", "--rollback"])
        .fine();
    desk.connect(&["claude-code", "--hook", "--rollback"])
        .fine();
    assert_eq!(fs::read_to_string(&file).unwrap(), before.to_string());
    let with_key = desk.connect(&[&write[..], &["http://me:secret@gate.example"]].concat());
    assert_eq!(with_key.status, 2, "{}", with_key.stdout);
}

#[test]
fn a_program_that_is_started_elsewhere_finds_the_same_configuration() {
    let desk = Desk::new();
    let project = desk.dir.path().join("project");
    let settings = "data_dir: kept\npolicies: rules.yaml\n";
    fs::write(project.join("policyguard.yaml"), settings).unwrap();
    desk.connect(&["cursor", "--write", "--stdio"]).fine();
    let server = read(&desk.home(".cursor/mcp.json"))["mcpServers"]["policyguard"].clone();
    let at = |file: &str| json!(project.join(file));
    let expected = json!([
        "stdio",
        "--config",
        at("policyguard.yaml"),
        "--data-dir",
        at("kept"),
        "--policies",
        at("rules.yaml"),
    ]);
    assert_eq!(server["args"], expected);
}

#[test]
fn the_program_that_a_client_is_told_to_start_speaks() {
    let desk = Desk::new();
    desk.connect(&["claude-desktop", "--write", "--data-dir", "kept"])
        .fine();
    let files = desk.files();
    let written = files
        .iter()
        .find(|file| file.ends_with("claude_desktop_config.json"));
    let server = read(written.unwrap())["mcpServers"]["policyguard"].clone();
    let arguments = server["args"].as_array().unwrap().iter();
    // As a client does: from anywhere, knowing nothing.
    let output = greeted(
        Command::new(server["command"].as_str().unwrap())
            .args(arguments.map(|argument| argument.as_str().unwrap()))
            .env_clear()
            .current_dir("/"),
    );
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["result"]["serverInfo"]["name"], json!("policyguard"));
    assert!(desk.dir.path().join("project/kept/policyguard.db").exists());
}
