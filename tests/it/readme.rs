//! The README's own commands: whoever follows it sees what it shows.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::console::{BINARY, Console, Ran, Step, agrees, need, steps};

/// The port that the README shows.
const PORT: &str = "8000";

/// A folder as a clone is after `cargo build --release`.
fn clone() -> Console {
    let console = Console::new();
    let folder = console.folder();
    let built = folder.join("target/release");
    fs::create_dir_all(&built).unwrap();
    symlink(BINARY, built.join("policyguard")).unwrap();
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    symlink(policies, folder.join("policies")).unwrap();
    console
}

/// Runs a step; `None` for what is left out.
fn run(console: &mut Console, step: &Step) -> Option<Ran> {
    match step.command.as_str() {
        // This is how these tests came to run.
        "cargo test" => None,
        // What it builds is there. The system chooses a port that is free; a restart keeps it.
        "cargo run --release" => {
            let port = console.port().unwrap_or("0").to_owned();
            Some(console.run(&format!("PORT={port} target/release/policyguard")))
        }
        command => {
            let port = console.port().unwrap_or(PORT).to_owned();
            Some(console.run(&command.replace(PORT, &port)))
        }
    }
}

#[test]
fn every_command_of_the_readme_prints_what_it_shows() {
    need("curl");
    need("python3");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let steps = steps(&fs::read_to_string(file).unwrap());
    assert!(steps.len() > 20, "the commands were not found");
    let mut console = clone();
    let mut gateways = 0;
    for step in steps {
        let Some(ran) = run(&mut console, &step) else {
            continue;
        };
        gateways += usize::from(step.command.starts_with("cargo run"));
        let port = console.port().unwrap_or(PORT);
        let printed = (ran.stdout + &ran.stderr).replace(&format!(":{port}"), &format!(":{PORT}"));
        let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
        let mut expected = step.expected.clone();
        // An empty line before the next command belongs to the text, not to the output.
        while expected.last().is_some_and(String::is_empty) {
            expected.pop();
        }
        assert!(
            agrees(&expected, &lines),
            "README.md:{}: $ {}\n--- shown\n{}\n--- printed\n{printed}",
            step.line,
            step.command,
            expected.join("\n")
        );
    }
    assert_eq!(gateways, 2, "the gateway is started, and started again");
}
