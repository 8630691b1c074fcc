//! What docs/how-to/clients.md tells people to write: read as each client reads it, and tried.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::House;
use crate::support::mcp::{Client, greeted};

/// The first block of this language below the heading.
fn block(heading: &str, language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to/clients.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

fn json_block(heading: &str) -> Value {
    serde_json::from_str(&block(heading, "json")).unwrap()
}

/// Where a gateway serves MCP when nobody says otherwise.
fn default_url() -> String {
    let port = policyguard::config::SETTINGS
        .iter()
        .find(|setting| setting.key == "server.port");
    format!("http://127.0.0.1:{}/mcp", port.unwrap().default)
}

/// Starts the program as a client would, in a directory of the test, and greets it.
fn try_command(command: &Value, arguments: &Value) {
    assert_eq!(command, &json!("policyguard"));
    let dir = tempfile::tempdir().unwrap();
    let arguments: Vec<String> = arguments
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| match argument.as_str().unwrap() {
            path if path.starts_with('/') => dir.path().join("data").to_str().unwrap().to_owned(),
            other => other.to_owned(),
        })
        .collect();
    let output = greeted(
        Command::new(env!("CARGO_BIN_EXE_policyguard"))
            .args(arguments)
            .current_dir(dir.path()),
    );
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "{text}");
    let said: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(said["result"]["serverInfo"]["name"], json!("policyguard"));
}

#[test]
fn clients_that_connect_find_the_address_where_they_read_it() {
    let url = json!(default_url());
    let code = json_block("Claude Code");
    assert_eq!(
        code.pointer("/mcpServers/policyguard/type"),
        Some(&json!("http"))
    );
    assert_eq!(code.pointer("/mcpServers/policyguard/url"), Some(&url));
    let command = block("Claude Code", "sh");
    assert_eq!(
        command.trim(),
        format!(
            "claude mcp add --transport http policyguard {}",
            default_url()
        )
    );
    let cursor = json_block("Cursor");
    assert_eq!(cursor.pointer("/mcpServers/policyguard/url"), Some(&url));
    let vscode = json_block("VS Code");
    assert_eq!(
        vscode.pointer("/servers/policyguard/type"),
        Some(&json!("http"))
    );
    assert_eq!(vscode.pointer("/servers/policyguard/url"), Some(&url));
    let gemini = json_block("Gemini CLI");
    assert_eq!(
        gemini.pointer("/mcpServers/policyguard/httpUrl"),
        Some(&url)
    );
}

#[test]
fn clients_that_start_a_program_start_one_that_speaks() {
    let desktop = json_block("Claude Desktop");
    let server = &desktop["mcpServers"]["policyguard"];
    try_command(&server["command"], &server["args"]);
    let codex = block("Codex CLI", "toml");
    let mut lines = codex.lines();
    assert_eq!(lines.next(), Some("[mcp_servers.policyguard]"));
    // These values are written alike in TOML and in JSON.
    let mut value = |key: &str| {
        let line = lines.next().unwrap();
        let value = line.strip_prefix(&format!("{key} = ")).unwrap();
        serde_json::from_str::<Value>(value).unwrap()
    };
    let (command, arguments) = (value("command"), value("args"));
    try_command(&command, &arguments);
}

#[tokio::test]
async fn curl_is_answered_as_written() {
    let command = block("curl", "sh");
    assert!(
        command.starts_with(&format!("curl {} ", default_url())),
        "{command}"
    );
    let (_, body) = command.split_once("-d '").unwrap();
    let body = body.trim().trim_end_matches('\'').to_owned();
    let house = House::new().await;
    let client = Client::of(house.app.public_service()).with("accept", "*/*");
    let said = client.send("POST", Some(body)).await;
    assert_eq!(
        said.result()["structuredContent"]["count"],
        json!(5),
        "{said:?}"
    );
}
