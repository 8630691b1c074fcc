//! Every command as people meet it: `tests/cases/cli/*.md` hold commands with exit code, stdout and stderr.
//!
//! A line `? 3` is an exit code other than 0, lines `2> …` are stderr. What differs from run to run is written in
//! capitals: `[TIME]`, `[HASH]`; in a command `[PORT]` is the port of the last gateway. `UPDATE_CASES=1` writes what
//! is printed now into the files: read the diff.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::console::{Console, Ran, agrees, steps};

/// What differs from run to run, and what is written instead.
const VARYING: [(&str, &str); 16] = [
    (r"\bpg_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}\b", "[KEY]"),
    (r"\bkey [`]?[0-9A-Za-z]{8}[`]? ", "key [KEY_ID] "),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
    (r"\b(act|aud|inc)_[0-9a-f]{12}\b", "${1}_[ID]"),
    (r"\b[0-9a-f]{64}\b", "[HASH]"),
    (r"\bc-[0-9a-f]{16}\b", "c-[CHAIN]"),
    (r"\b[0-9a-f]+-[0-9a-f]{16}\b", "[CURSOR]"),
    (r"\b[0-9a-f]{16}\.[\w.:@-]+", "[CURSOR]"),
    (r"(?m) [0-9a-f]{12}$", " [DIGEST]"),
    (r"\bprocess \d+", "process [PID]"),
    (r#""pid":( ?)\d+"#, "\"pid\":$1[PID]"),
    (r#""monotonic": \d+"#, "\"monotonic\": [MS]"),
    (r"\d+\.\d ms", "[MS] ms"),
    (r#"(duration_ms"?: ?)[\d.]+"#, "$1[MS]"),
    (r"\b\d+ s left", "[SECONDS] s left"),
    (r#"(remaining_seconds"?: ?)\d+"#, "$1[SECONDS]"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cli")
}

/// The lines that a case shows of a command.
fn shown(ran: &Ran, console: &Console) -> Vec<String> {
    let code = Some(format!("? {}", ran.status)).filter(|_| ran.status != 0);
    let stdout = ran.stdout.lines().map(str::to_owned);
    let stderr = ran.stderr.lines().map(|line| format!("2> {line}"));
    let text: Vec<String> = code.into_iter().chain(stdout).chain(stderr).collect();
    let mut text = text.join("\n");
    text = text.replace(console.folder().to_str().unwrap(), "[DIR]");
    if let Some(port) = console.port() {
        text = text.replace(&format!(":{port}"), ":[PORT]");
    }
    for (pattern, instead) in VARYING {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, instead).into_owned();
    }
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Runs the commands of a case in order; all that differ are reported together.
fn check(name: &str) {
    let file = folder().join(name).with_extension("md");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let update = std::env::var("UPDATE_CASES").is_ok();
    let mut console = Console::new();
    let mut differences = Vec::new();
    let mut rewritten = Vec::new();
    let mut copied = 0;
    let steps = steps(&text);
    assert!(!steps.is_empty(), "{}: no commands", file.display());
    for step in steps {
        let port = console.port().unwrap_or_default().to_owned();
        let ran = console.run(&step.command.replace("[PORT]", &port));
        let actual = shown(&ran, &console);
        let agreed = agrees(&step.expected, &actual);
        rewritten.extend_from_slice(&lines[copied..step.from]);
        rewritten.extend_from_slice(if agreed { &step.expected } else { &actual });
        copied = step.to;
        if !agreed {
            differences.push(format!(
                "{}:{}: $ {}\n--- expected\n{}\n--- printed\n{}\n",
                file.display(),
                step.line,
                step.command,
                step.expected.join("\n"),
                actual.join("\n")
            ));
        }
    }
    rewritten.extend_from_slice(&lines[copied..]);
    if update {
        fs::write(&file, rewritten.join("\n") + "\n").unwrap();
        return;
    }
    assert!(
        differences.is_empty(),
        "{}\nif this is as it should be: UPDATE_CASES=1 cargo test --test it cli::, then read the diff",
        differences.join("\n")
    );
}

macro_rules! cases {
    ($($name:ident: $file:literal,)*) => {
        $(#[test]
        fn $name() {
            check($file);
        })*

        #[test]
        fn every_file_of_commands_is_run() {
            let mut files: Vec<String> = fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            files.sort();
            let mut run = vec![$($file),*];
            run.sort_unstable();
            assert_eq!(files, run);
        }
    };
}

cases! {
    help_says_what_there_is: "help",
    mistyped_commands_get_a_suggestion: "usage",
    the_configuration_is_shown_with_its_origins: "config",
    clients_are_pointed_at_the_gateway: "connect",
    bad_configurations_are_refused_with_every_problem: "bad_configuration",
    modes_are_shown_and_switched: "mode",
    lockdown_is_switched_and_drilled: "lockdown",
    agents_are_registered_and_suspended: "agent",
    keys_are_made_and_revoked: "keys",
    policies_are_checked_and_asked_without_a_gateway: "policy",
    versions_of_the_policy_are_listed_and_brought_back: "policy_versions",
    commands_act_on_the_gateway_that_runs: "running",
    incidents_are_seen_and_settled: "incidents",
    the_trail_is_read_and_verified: "audit",
    changed_records_are_named: "tampering",
    starts_that_cannot_be_served_are_refused: "start",
    a_folder_to_begin_with_is_written_and_never_over: "init",
    what_a_start_depends_on_is_looked_at: "doctor",
    everything_is_backed_up_and_brought_back: "backup",
}
