//! The clients: where each keeps its configuration, and how it writes down a server and the place of a key.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::language::Language;
use super::place::{Piece, Slot};

/// The variable in which a client finds the key of its gateway.
const KEY: &str = "POLICYGUARD_API_KEY";
/// Under which name VS Code asks for the key, once, and keeps it.
const INPUT: &str = "policyguard-key";
/// What an entry of ours may hold; one with more was changed by hand.
const MEMBERS: [&str; 9] = [
    "type",
    "url",
    "httpUrl",
    "headers",
    "bearer_token_env_var",
    "command",
    "args",
    "env",
    "env_vars",
];

/// A client of MCP servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ClientKind {
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    Vscode,
    /// Codex CLI
    Codex,
    /// Gemini CLI
    Gemini,
}

/// For whom a file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scope {
    /// Whoever works in this directory
    Project,
    /// You, in every directory
    User,
}

/// How a client reaches the gateway.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// At this address.
    Http(String),
    /// Through this program, started with these arguments.
    Stdio(String, Vec<String>),
}

impl ClientKind {
    /// The name under which people know it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::Vscode => "VS Code",
            Self::Codex => "Codex CLI",
            Self::Gemini => "Gemini CLI",
        }
    }

    /// What its file is written in.
    pub(super) const fn language(self) -> Language {
        match self {
            Self::Codex => Language::Toml,
            Self::ClaudeCode | Self::ClaudeDesktop | Self::Cursor | Self::Vscode | Self::Gemini => {
                Language::Json
            }
        }
    }

    /// Whether it reaches servers over HTTP by itself.
    pub(super) const fn speaks_http(self) -> bool {
        !matches!(self, Self::ClaudeDesktop)
    }

    /// The scope with which its own documentation begins.
    pub(super) const fn default_scope(self) -> Scope {
        match self {
            Self::ClaudeCode | Self::Vscode => Scope::Project,
            Self::ClaudeDesktop | Self::Cursor | Self::Codex | Self::Gemini => Scope::User,
        }
    }

    /// Its file below the directory of the project, or below the home; `None` when it has none of that scope.
    pub(super) fn file(self, scope: Scope) -> Option<PathBuf> {
        let path = match (self, scope) {
            (Self::ClaudeCode, Scope::Project) => ".mcp.json",
            (Self::ClaudeCode, Scope::User) => ".claude.json",
            (Self::ClaudeDesktop, Scope::Project) => return None,
            (Self::ClaudeDesktop, Scope::User) => {
                return Some(of_application("Claude/claude_desktop_config.json"));
            }
            (Self::Cursor, Scope::Project | Scope::User) => ".cursor/mcp.json",
            (Self::Vscode, Scope::Project) => ".vscode/mcp.json",
            (Self::Vscode, Scope::User) => return Some(of_application("Code/User/mcp.json")),
            (Self::Codex, Scope::Project | Scope::User) => ".codex/config.toml",
            (Self::Gemini, Scope::Project | Scope::User) => ".gemini/settings.json",
        };
        Some(PathBuf::from(path))
    }

    /// What to do once the file is written.
    pub(super) const fn afterwards(self) -> &'static str {
        match self {
            Self::ClaudeCode => "start a session, agree to the server, and see it with /mcp",
            Self::ClaudeDesktop => "quit Claude Desktop and start it again",
            Self::Cursor => "see it in the settings of Cursor, under MCP",
            Self::Vscode => "run `MCP: List Servers` from the command palette and start it",
            Self::Codex => "start a session, and see it with /mcp",
            Self::Gemini => "start Gemini CLI again, and see it with /mcp",
        }
    }

    /// The entry of a server, with whatever else it needs in the file.
    pub(super) fn pieces(self, name: &str, way: &Way, with_key: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self == Self::Vscode && with_key {
            pieces.push(input());
        }
        pieces.push(Piece {
            path: self.path(),
            slot: Slot::Member(name.to_owned()),
            value: Value::Object(self.entry(way, with_key)),
            kept: false,
        });
        pieces
    }

    const fn path(self) -> &'static [&'static str] {
        match self {
            Self::Codex => &["mcp_servers"],
            Self::Vscode => &["servers"],
            Self::ClaudeCode | Self::ClaudeDesktop | Self::Cursor | Self::Gemini => &["mcpServers"],
        }
    }

    /// The entry of a server in what its file says.
    pub(super) fn entry_in<'v>(self, document: &'v Value, name: &str) -> Option<&'v Value> {
        let mut inner = document;
        for key in self.path() {
            inner = inner.get(key)?;
        }
        inner.get(name)
    }

    fn entry(self, way: &Way, with_key: bool) -> Map<String, Value> {
        let mut entry = Map::new();
        let mut set = |name: &str, value: Value| drop(entry.insert(name.to_owned(), value));
        match way {
            Way::Http(url) => {
                if matches!(self, Self::ClaudeCode | Self::Vscode) {
                    set("type", json!("http"));
                }
                let address = if self == Self::Gemini {
                    "httpUrl"
                } else {
                    "url"
                };
                set(address, json!(url));
                match self.reference() {
                    Some(key) if with_key => {
                        let bearer = format!("Bearer {key}");
                        set("headers", json!({ "Authorization": bearer }));
                    }
                    None if with_key => set("bearer_token_env_var", json!(KEY)),
                    Some(_) | None => {}
                }
            }
            Way::Stdio(command, arguments) => {
                if matches!(self, Self::ClaudeCode | Self::Cursor | Self::Vscode) {
                    set("type", json!("stdio"));
                }
                set("command", json!(command));
                set("args", json!(arguments));
                match self.reference() {
                    Some(key) if with_key => set("env", json!({ KEY: key })),
                    None if with_key => set("env_vars", json!([KEY])),
                    Some(_) | None => {}
                }
            }
        }
        entry
    }

    /// How the client writes that a value stands elsewhere; `None` where it names variables in members of their own.
    pub(super) fn reference(self) -> Option<String> {
        match self {
            Self::ClaudeCode | Self::Gemini => Some(format!("${{{KEY}}}")),
            Self::Cursor => Some(format!("${{env:{KEY}}}")),
            Self::Vscode => Some(format!("${{input:{INPUT}}}")),
            Self::ClaudeDesktop | Self::Codex => None,
        }
    }
}

/// The question that VS Code asks for the key.
fn input() -> Piece {
    Piece {
        path: &["inputs"],
        slot: Slot::Item(|item| item.get("id").and_then(Value::as_str) == Some(INPUT)),
        value: json!({
            "type": "promptString",
            "id": INPUT,
            "description": "Key for the policyguard gateway",
            "password": true,
        }),
        kept: true,
    }
}

/// A file of an application with windows, below the home.
fn of_application(file: &str) -> PathBuf {
    let folder = if cfg!(target_os = "macos") {
        "Library/Application Support"
    } else {
        ".config"
    };
    Path::new(folder).join(file)
}

/// Whether an entry has the form of what `connect` writes: nothing that a person would miss.
pub(super) fn has_our_form(entry: &Value) -> bool {
    let Value::Object(members) = entry else {
        return false;
    };
    if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return false;
    }
    let ours = |reference: &Value| {
        let text = reference.as_str().unwrap_or_default();
        text.contains(KEY) || text.contains(INPUT)
    };
    let alone = |name: &str, member: &str| match members.get(name) {
        None => true,
        Some(Value::Object(inner)) => inner.len() == 1 && inner.get(member).is_some_and(ours),
        Some(_) => false,
    };
    let keys = alone("headers", "Authorization") && alone("env", KEY);
    keys && if members.contains_key("command") {
        starts_us(members)
    } else {
        address(entry).is_some_and(|url| url.ends_with("/mcp"))
    }
}

/// Whether an entry of our form leads to a gateway of ours: through our program, with our key, to the address that is
/// meant now, or to this machine under our name.
pub(super) fn is_ours(entry: &Value, name: &str, way: &Way) -> bool {
    let Value::Object(members) = entry else {
        return false;
    };
    let shows_key = ["headers", "bearer_token_env_var"]
        .iter()
        .any(|member| members.contains_key(*member));
    let same = match way {
        Way::Http(url) => address(entry) == Some(url),
        Way::Stdio(..) => false,
    };
    let here = [
        "http://127.0.0.1:",
        "http://localhost:",
        "https://localhost:",
    ];
    let near = address(entry).is_some_and(|url| here.iter().any(|here| url.starts_with(here)));
    has_our_form(entry)
        && (members.contains_key("command") || shows_key || same || (near && name == super::NAME))
}

/// The address to which an entry leads.
pub(super) fn address(entry: &Value) -> Option<&str> {
    entry.get("url").or_else(|| entry.get("httpUrl"))?.as_str()
}

/// Whether an entry starts `policyguard stdio`.
fn starts_us(members: &Map<String, Value>) -> bool {
    let command = members.get("command").and_then(Value::as_str);
    let program = command.map(Path::new).and_then(Path::file_name);
    let first = members.get("args").and_then(|arguments| arguments.get(0));
    program.is_some_and(|program| program == "policyguard")
        && first.and_then(Value::as_str) == Some("stdio")
}

#[cfg(test)]
#[path = "tests/clients.rs"]
mod tests;
