//! What is asked, and how a reader would ask it with curl.

use serde_json::Value;

use super::page::WIDTH;

/// How far the members of a body stand in.
const INDENT: &str = "    ";

/// One request of the story.
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<Value>,
}

impl Request {
    /// A read.
    pub(super) const fn get(path: &'static str) -> Self {
        Self {
            method: "GET",
            path,
            body: None,
        }
    }

    /// Something that is sent.
    pub(super) const fn post(path: &'static str, body: Value) -> Self {
        Self {
            method: "POST",
            path,
            body: Some(body),
        }
    }

    /// The command that sends it, in lines for a page that stand in by three.
    ///
    /// `$PG` is the gateway and `$JSON` a header; both are set where the page begins.
    pub(super) fn curl(&self) -> Vec<String> {
        let method = match self.method {
            "GET" | "POST" => String::new(),
            other => format!("-X {other} "),
        };
        let Some(body) = &self.body else {
            return vec![format!("curl -s {method}\"$PG{}\"", self.path)];
        };
        let mut lines = vec![format!(
            "curl -s {method}$PG{} -H \"$JSON\" -d '{{",
            self.path
        )];
        let members = body.as_object().into_iter().flatten();
        let mut line = INDENT.to_owned();
        for (index, (name, value)) in members.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let member = format!("\"{name}\": {}", inline(value));
            line.push_str(comma);
            // Three for the page's own margin, one for the comma, two for the end.
            if line.len() + 1 + member.len() + 6 > WIDTH && line != INDENT {
                lines.push(std::mem::replace(&mut line, INDENT.to_owned()));
            } else if index > 0 {
                line.push(' ');
            }
            line.push_str(&member);
        }
        lines.push(format!("{line}}}'"));
        lines
    }
}

/// JSON in one line as people write it, with a space behind each colon and comma.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("\"{name}\": {}", inline(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_command_holds_the_whole_body_in_lines_of_a_terminal() {
        let body = json!({
            "tool_name": "restart_service",
            "arguments": {"service_name": "cache", "zones": ["a", "b"]},
            "agent_id": "sre-1",
            "reason": "a reason that is long enough to need a line",
        });
        let lines = Request::post("/tools/execute", body.clone()).curl();
        assert!(
            lines.iter().all(|line| line.len() + 3 <= WIDTH),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 5);
        let text = lines.join("\n");
        let sent = text.split('\'').nth(1).expect("quoted");
        assert_eq!(serde_json::from_str::<Value>(sent).expect("JSON"), body);
        assert!(text.starts_with("curl -s $PG/tools/execute -H \"$JSON\" -d '{\n"));
    }

    #[test]
    fn a_method_that_curl_would_not_choose_is_named() {
        let put = Request {
            method: "PUT",
            path: "/x",
            body: Some(json!({"a": 1})),
        };
        assert_eq!(
            put.curl().join(" "),
            "curl -s -X PUT $PG/x -H \"$JSON\" -d '{     \"a\": 1}'"
        );
        assert_eq!(Request::get("/a?b=c&d").curl(), ["curl -s \"$PG/a?b=c&d\""]);
    }
}
