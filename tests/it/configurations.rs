//! Configurations that are refused at start: `tests/cases/configurations.json` holds each with its exit code and message.
//!
//! `UPDATE_CASES=1` writes what is printed now into the file: read the diff.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::support::assert_golden;
use crate::support::console::BINARY;

const FILE: &str = "tests/cases/configurations.json";
/// How long a start that is refused may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration and what is said of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The lines of `policyguard.yaml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    file: Vec<String>,
    arguments: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<String, String>,
    /// What lies in the folder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, Given>,
    /// Whether the data directory belongs to another process, of number 4711.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    owned: bool,
    exit: i32,
    stderr: Vec<String>,
}

/// A file with its permissions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    text: String,
    mode: String,
}

impl Case {
    /// Prepares the folder; what is returned owns the data directory.
    fn prepare(&self, folder: &Path) -> Option<fs::File> {
        if !self.file.is_empty() {
            let text = self.file.join("\n") + "\n";
            fs::write(folder.join("policyguard.yaml"), text).unwrap();
        }
        for (name, given) in &self.files {
            let path = folder.join(name);
            directory(path.parent().unwrap());
            fs::write(&path, &given.text).unwrap();
            let mode = u32::from_str_radix(&given.mode, 8).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        self.owned.then(|| {
            directory(&folder.join("data"));
            let mut lock = fs::File::create(folder.join("data/lock")).unwrap();
            lock.lock().unwrap();
            writeln!(lock, "4711").unwrap();
            lock
        })
    }

    /// Starts the binary; its exit code and what it complained about.
    fn run(&self) -> (i32, Vec<String>) {
        let folder = TempDir::new().unwrap();
        let _owner = self.prepare(folder.path());
        let mut child = Command::new(BINARY)
            .args(&self.arguments)
            .current_dir(folder.path())
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
        // One that still runs was not refused.
        drop(child.kill());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        let code = child.wait().unwrap().code().unwrap_or(-1);
        (
            code,
            stderr
                .lines()
                .map(|line| line.trim_end().to_owned())
                .collect(),
        )
    }
}

fn directory(path: &Path) {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.unwrap();
}

#[test]
fn unsafe_and_impossible_configurations_are_refused_with_what_to_do() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 30, "cases were lost");
    let ran: Vec<Case> = cases
        .iter()
        .map(|case| {
            let (exit, stderr) = case.run();
            assert_eq!(exit, case.exit, "{}: {stderr:#?}", case.name);
            Case {
                stderr,
                ..case.clone()
            }
        })
        .collect();
    assert_golden(FILE, &(serde_json::to_string_pretty(&ran).unwrap() + "\n"));
    for case in &ran {
        let first = case
            .stderr
            .first()
            .unwrap_or_else(|| panic!("{}: nothing is said", case.name));
        let said = first.strip_prefix("error: ");
        let said = said.unwrap_or_else(|| panic!("{}: {first}", case.name));
        assert!(
            !said.ends_with('.'),
            "{}: a final period: {said}",
            case.name
        );
        let begins = said.chars().next().unwrap();
        assert!(!begins.is_uppercase(), "{}: a capital: {said}", case.name);
        let input = said.contains('`')
            || said.contains("--config")
            || said.contains(".yaml")
            || case.exit == 2;
        assert!(
            input || said.starts_with("the policy does not load"),
            "{}: what is meant? {said}",
            case.name
        );
    }
}

#[test]
fn what_is_refused_leaves_no_store_behind() {
    let case = Case {
        name: String::new(),
        file: vec!["limits: { body: 0 }".to_owned()],
        arguments: vec!["serve".to_owned()],
        environment: BTreeMap::new(),
        files: BTreeMap::new(),
        owned: false,
        exit: 3,
        stderr: Vec::new(),
    };
    let folder = TempDir::new().unwrap();
    assert!(case.prepare(folder.path()).is_none());
    let status = Command::new(BINARY)
        .args(&case.arguments)
        .current_dir(folder.path())
        .env_clear()
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(!folder.path().join("data").exists());
}
