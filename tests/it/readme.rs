//! Commands of the README and of what it leads to: whoever follows them sees what is shown.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::console::{BINARY, Console, Ran, Step, agrees, need, steps};

/// The port that the documents show.
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
        // Whether the port that is shown is free just now is not for a document to say.
        "policyguard" | "policyguard doctor" => {
            Some(console.run(&format!("PORT=0 {}", step.command)))
        }
        command => {
            let port = console.port().unwrap_or(PORT).to_owned();
            Some(console.run(&command.replace(PORT, &port)))
        }
    }
}

/// Runs every command of a document in this session; each is to print what stands below it.
fn follow(document: &str, console: &mut Console) -> Vec<Step> {
    need("curl");
    need("python3");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let steps = steps(&fs::read_to_string(file).unwrap());
    for step in &steps {
        let Some(ran) = run(console, step) else {
            continue;
        };
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
            "{document}:{}: $ {}\n--- shown\n{}\n--- printed\n{printed}",
            step.line,
            step.command,
            expected.join("\n")
        );
    }
    steps
}

/// How many commands of a document begin so.
fn count(steps: &[Step], beginning: &str) -> usize {
    let begin = |step: &&Step| step.command.starts_with(beginning);
    steps.iter().filter(begin).count()
}

#[test]
fn every_command_of_the_readme_prints_what_it_shows() {
    let steps = follow("README.md", &mut clone());
    assert!(steps.len() > 20, "the commands were not found");
    let gateways = count(&steps, "cargo run");
    assert_eq!(gateways, 2, "the gateway is started, and started again");
}

#[test]
fn every_command_of_the_tutorial_prints_what_it_shows() {
    let mut console = Console::new();
    // The doctor looks at the clients of whoever runs this.
    console.run("HOME=$PWD");
    let steps = follow("docs/tutorial/first-ten-minutes.md", &mut console);
    assert!(steps.len() > 15, "the commands were not found");
    assert_eq!(count(&steps, "^C"), 1, "the gateway is stopped");
}

#[test]
fn every_command_of_the_explanations_prints_what_it_shows() {
    for document in ["evaluation-order", "modes"] {
        let steps = follow(&format!("docs/explanation/{document}.md"), &mut clone());
        assert!(!steps.is_empty(), "the commands were not found");
    }
}
