//! `connect claude-code --hook`: the line in Claude Code's settings that asks the gateway before every tool.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::client::Find;

use super::clients::ClientKind;
use super::place::{Piece, Slot};
use super::{Wanted, local_flags, program};

/// Seconds after which Claude Code gives the hook up, and runs the tool: the hook answers long before.
const TIMEOUT: u64 = 60;
/// What every command of ours has in it.
const COMMAND: &str = " hook claude-code ";

/// The settings below the directory of the project, or below the home.
pub(super) fn file() -> PathBuf {
    Path::new(".claude").join("settings.json")
}

/// The hook that is to stand in the settings.
pub(super) fn wanted(find: &Find<'_>, client: ClientKind) -> Result<Wanted, CliError> {
    if client != ClientKind::ClaudeCode {
        return Err(CliError::Usage(format!(
            "{} has no hook for this: --hook is for claude-code",
            client.title()
        )));
    }
    let flags = match &find.url {
        Some(url) => vec!["--url".to_owned(), crate::cli::stdio::address(url)?],
        None => local_flags(find.config)?,
    };
    let words: Vec<String> = flags.iter().map(|flag| quoted(flag)).collect();
    // A program that is gone or was killed leaves an exit code that Claude Code takes for leave to go on; 2 is a no.
    let command = format!(
        "{}{COMMAND}{} || exit 2",
        quoted(&program()?),
        words.join(" ")
    );
    Ok(Wanted {
        pieces: vec![Piece {
            path: &["hooks", "PreToolUse"],
            slot: Slot::Item(is_ours),
            value: json!({
                "matcher": "*",
                "hooks": [{ "type": "command", "command": command, "timeout": TIMEOUT }],
            }),
            kept: false,
        }],
        is_ours: Box::new(is_ours),
        has_our_form: is_ours,
    })
}

/// Whether hooks of a tool are one of ours alone.
fn is_ours(item: &Value) -> bool {
    let hooks = item.get("hooks").and_then(Value::as_array);
    match hooks.map(Vec::as_slice) {
        Some([only]) => {
            let command = only.get("command").and_then(Value::as_str);
            command
                .is_some_and(|command| command.contains("policyguard") && command.contains(COMMAND))
        }
        Some(_) | None => false,
    }
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
