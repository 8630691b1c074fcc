//! A page of the trail: lines for people, CSV for spreadsheets.

use serde_json::Value;

use super::output::member;

/// The columns of CSV: the part of the record that holds each, and its name there.
const COLUMNS: [(&str, &str); 13] = [
    ("", "seq"),
    ("", "id"),
    ("", "at"),
    ("", "kind"),
    ("", "door"),
    ("principal", "agent_id"),
    ("principal", "acted_by"),
    ("", "action"),
    ("", "resource"),
    ("decision", "effect"),
    ("decision", "code"),
    ("decision", "reason"),
    ("outcome", "status"),
];

/// A page for people.
pub(super) fn listing(page: &Value) -> String {
    let entries = page
        .get("entries")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut lines: Vec<String> = entries.iter().map(line).collect();
    lines.push(format!(
        "{} of {} records",
        entries.len(),
        member(page, "total")
    ));
    if let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) {
        lines.push(format!("more with --cursor {cursor}"));
    }
    lines.join("\n")
}

/// One record in one line.
pub(super) fn line(entry: &Value) -> String {
    let inner = |part: &str, name: &str| inner(entry, part, name);
    let what = match member(entry, "kind").as_str() {
        "decision" => format!(
            "{} {}: {}",
            inner("decision", "effect"),
            inner("decision", "code"),
            inner("decision", "reason")
        ),
        "outcome" => format!(
            "{} {}",
            inner("outcome", "status"),
            inner("outcome", "error")
        ),
        _ => entry
            .get("arguments")
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    let subject = match member(entry, "resource") {
        none if none.is_empty() => member(entry, "action"),
        resource => resource,
    };
    let words = [
        member(entry, "seq"),
        member(entry, "at"),
        member(entry, "kind"),
        inner("principal", "agent_id"),
        subject,
        what,
    ];
    words.join("  ").trim_end().to_owned()
}

/// The member of a part of the record as text; empty when there is none.
fn inner(entry: &Value, part: &str, name: &str) -> String {
    entry
        .get(part)
        .map(|part| member(part, name))
        .unwrap_or_default()
}

/// The page as CSV (RFC 4180) with a head line.
pub(super) fn csv(page: &Value) -> String {
    let entries = page.get("entries").and_then(Value::as_array);
    let head = COLUMNS.map(|(_, name)| cell(name)).join(",");
    let rows = entries.into_iter().flatten().map(|entry| {
        let cells = COLUMNS.map(|(part, name)| match part {
            "" => cell(&member(entry, name)),
            part => cell(&inner(entry, part, name)),
        });
        cells.join(",")
    });
    let lines: Vec<String> = std::iter::once(head).chain(rows).collect();
    lines.join("\r\n")
}

/// A cell in quotes. Agents choose what stands in many of them, and spreadsheets run what looks like a formula.
fn cell(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let mark = if runs { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_only_text() {
        for (text, shown) in [
            ("restart_service", "\"restart_service\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("a=b, c\nd", "\"a=b, c\nd\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), shown);
        }
    }

    #[test]
    fn a_page_is_a_head_and_a_line_a_record() {
        let page = json!({ "entries": [
            { "seq": 7, "kind": "decision", "resource": "=x", "decision": { "code": "rule_deny", "reason": "no, \"never\"" } },
            { "seq": 8, "kind": "outcome", "outcome": { "status": "ok" } },
        ] });
        let text = csv(&page);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("\"seq\",\"id\",\"at\""));
        assert!(
            lines[1].ends_with("\"'=x\",\"\",\"rule_deny\",\"no, \"\"never\"\"\",\"\""),
            "{text}"
        );
        assert!(lines[2].ends_with("\"ok\""));
    }
}
