//! `connect claude-code --hook`: the line in Claude Code's settings that asks the gateway before every tool.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::client::Find;

use super::Wanted;
use super::clients::ClientKind;
use super::place::{Piece, Slot};
use super::way::{gateway_address, local_flags, program};

/// Seconds after which Claude Code gives the hook up, and runs the tool: the hook answers long before.
const TIMEOUT: u64 = 60;
/// What every command of ours has in it.
const COMMAND: &str = " hook claude-code ";
/// What it ends with: a program that is gone or was killed leaves an exit code that Claude Code takes for leave to go
/// on; 2 is a no.
const FENCE: &str = " || exit 2";

/// The flags that are written; with another one somebody changed the command.
const FLAGS: [&str; 4] = ["--config", "--data-dir", "--policies", "--url"];

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
        Some(url) => vec!["--url".to_owned(), gateway_address(url)?],
        None => local_flags(find.config)?,
    };
    let words: Vec<String> = flags.iter().map(|flag| quoted(flag)).collect();
    let command = format!("{}{COMMAND}{}{FENCE}", quoted(&program()?), words.join(" "));
    Ok(Wanted {
        pieces: vec![Piece {
            path: &["hooks", "PreToolUse"],
            slot: Slot::Item(is_hook),
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

/// The command of a hook that asks us, and is alone with its matcher.
fn command(item: &Value) -> Option<&str> {
    let [only] = item.get("hooks")?.as_array()?.as_slice() else {
        return None;
    };
    let command = only.get("command")?.as_str()?;
    command.contains(COMMAND).then_some(command)
}

fn is_hook(item: &Value) -> bool {
    command(item).is_some()
}

/// Whether a hook has the form of what is written here: one for every tool, without flags that somebody gave it.
fn is_ours(item: &Value) -> bool {
    let written = command(item).is_some_and(|command| {
        let flags = command.split_once(COMMAND).map(|(_, flags)| flags);
        let flags = flags.and_then(|flags| flags.strip_suffix(FENCE));
        let ours = |word: &str| !word.starts_with('-') || FLAGS.contains(&word);
        flags.is_some_and(|flags| flags.split_whitespace().all(ours))
    });
    written && item.get("matcher").and_then(Value::as_str) == Some("*")
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
