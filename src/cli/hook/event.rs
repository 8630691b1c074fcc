//! What Claude Code asks: a `PreToolUse` event on standard input.

use std::io::Read as _;

use serde_json::{Map, Value};

use crate::wire::read_object;

use super::Fault;

/// The longest event that is kept; no gateway takes a longer question (`spec/limits.md`).
const MOST: usize = 4 * 1024 * 1024;
/// The event that is answered.
const NAME: &str = "PreToolUse";
/// What else of an event is told to the gateway, as what somebody says.
const STATED: [&str; 4] = ["session_id", "cwd", "permission_mode", "tool_use_id"];

/// A tool that Claude Code is about to use.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    /// The tool, by the name that Claude Code has for it.
    pub(super) tool: String,
    /// With which arguments.
    pub(super) input: Map<String, Value>,
    /// What Claude Code says besides.
    pub(super) stated: Map<String, Value>,
}

/// Reads standard input to its end, and keeps as much of it as an event may have.
pub(super) fn read() -> Result<Vec<u8>, Fault> {
    let unread = |fault: std::io::Error| format!("the event cannot be read: {fault}");
    let mut input = std::io::stdin().lock();
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
    input
        .by_ref()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    std::io::copy(&mut input, &mut std::io::sink()).map_err(unread)?;
    Ok(bytes)
}

impl Event {
    /// The event that these bytes are, unless they are longer than the limit.
    pub(super) fn of(bytes: &[u8], limit: usize) -> Result<Self, Fault> {
        let limit = limit.min(MOST);
        if bytes.len() > limit {
            return Err(format!(
                "the event is longer than {limit} bytes (`limits.body`)"
            ));
        }
        let mut members =
            read_object(bytes).map_err(|fault| format!("the event is not understood: {fault}"))?;
        match members.get("hook_event_name").and_then(Value::as_str) {
            Some(NAME) => {}
            Some(other) => {
                let other = other.escape_debug();
                return Err(format!(
                    "the event is `{other}`, not `{NAME}`: mend the settings"
                ));
            }
            None => return Err("the event has no text `hook_event_name`".to_owned()),
        }
        let Some(Value::String(tool)) = members.shift_remove("tool_name") else {
            return Err("the event has no text `tool_name`".to_owned());
        };
        let Some(Value::Object(input)) = members.shift_remove("tool_input") else {
            return Err("the event has no object `tool_input`".to_owned());
        };
        let stated = STATED
            .iter()
            .filter_map(|name| members.shift_remove_entry(*name));
        Ok(Self {
            tool,
            input,
            stated: stated.filter(|(_, value)| value.is_string()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMIT: usize = 256 * 1024;

    fn check(event: &Value, why: &str) {
        let fault = Event::of(event.to_string().as_bytes(), LIMIT).expect_err(why);
        assert!(fault.contains(why), "{fault}");
    }

    #[test]
    fn an_event_is_a_tool_with_its_input() {
        let event = json!({
            "session_id": "s", "transcript_path": "/t", "cwd": "/w", "permission_mode": "default", "tool_use_id": 7,
            "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": { "command": "ls" }, "new_member": [1],
        });
        let event = Event::of(event.to_string().as_bytes(), LIMIT).expect("an event");
        assert_eq!(event.tool, "Bash");
        assert_eq!(Value::Object(event.input), json!({ "command": "ls" }));
        let stated = json!({ "session_id": "s", "cwd": "/w", "permission_mode": "default" });
        assert_eq!(Value::Object(event.stated), stated);
    }

    #[test]
    fn what_is_no_such_event_is_refused() {
        let (name, input) = ("PreToolUse", json!({}));
        check(&json!([]), "not understood");
        check(
            &json!({ "tool_name": "Bash", "tool_input": input }),
            "`hook_event_name`",
        );
        check(
            &json!({ "hook_event_name": "PostToolUse" }),
            "mend the settings",
        );
        check(
            &json!({ "hook_event_name": name, "tool_input": input }),
            "`tool_name`",
        );
        check(
            &json!({ "hook_event_name": name, "tool_name": 1, "tool_input": input }),
            "`tool_name`",
        );
        check(
            &json!({ "hook_event_name": name, "tool_name": "Bash" }),
            "`tool_input`",
        );
        check(
            &json!({ "hook_event_name": name, "tool_name": "Bash", "tool_input": "ls" }),
            "`tool_input`",
        );
        let twice = br#"{"hook_event_name":"PreToolUse","tool_name":"Read","tool_name":"Bash","tool_input":{}}"#;
        let fault = Event::of(twice, LIMIT).expect_err("which of them?");
        assert!(fault.contains("stands twice"), "{fault}");
        let long = Event::of(&vec![b' '; LIMIT + 1], LIMIT).expect_err("too long");
        assert!(long.contains("longer than 262144"), "{long}");
    }
}
