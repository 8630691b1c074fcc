//! What arguments must be: `parameter_constraints`, and `require.arguments` of rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::check_run_name;
use crate::policy::bundle::{Additional, ToolConstraints};
use crate::policy::document::{PARAMETER, PARAMETER_KEYS, PARAMETER_TYPES};
use crate::policy::parameter::{Format, Parameter, ParameterType, WholeRegex};
use crate::policy::text::{Data, Entry, Fields, Node, Report, Span};

use super::sections::Documents;
use super::tools::Groups;

/// `parameter_constraints`.
pub(super) fn read(
    report: &mut Report<'_>,
    documents: &Documents<'_>,
    groups: &Groups,
) -> Vec<ToolConstraints> {
    let entries = documents.joined(report, "parameter_constraints");
    entries
        .into_iter()
        .filter_map(|entry| tool(report, entry, groups))
        .collect()
}

fn tool(report: &mut Report<'_>, entry: &Entry, groups: &Groups) -> Option<ToolConstraints> {
    let tools = groups.key(report, entry);
    let mut additional = Additional::default();
    let mut parameters = BTreeMap::new();
    for line in report.map(&entry.value, "a tool's constraints")? {
        // A parameter may be called `additional` too: a constraint is a map, the setting is a word.
        if line.key == "additional" && !matches!(line.value.data, Data::Map(_)) {
            let words = [("deny", Additional::Deny), ("allow", Additional::Allow)];
            additional = report
                .word(&line.value, "additional", &words)
                .unwrap_or_default();
        } else if let Some(parameter) = parameter(report, line.key_at, &line.value) {
            parameters.insert(line.key.clone(), parameter);
        }
    }
    Some(ToolConstraints {
        tools,
        parameters,
        additional,
        at: report.place(entry.key_at),
    })
}

/// Constraints by argument name.
pub(super) fn parameters(report: &mut Report<'_>, node: &Node) -> BTreeMap<String, Parameter> {
    let mut found = BTreeMap::new();
    for line in report.map(node, "arguments").unwrap_or_default() {
        if let Some(parameter) = parameter(report, line.key_at, &line.value) {
            found.insert(line.key.clone(), parameter);
        }
    }
    found
}

fn parameter(report: &mut Report<'_>, key_at: Span, node: &Node) -> Option<Parameter> {
    let fields = report.fields(node, &PARAMETER)?;
    let kind = kind(report, key_at, fields)?;
    let required = fields
        .get("required")
        .is_none_or(|node| report.flag(node, "required").unwrap_or(true));
    let default = fields.get("default").and_then(|node| {
        if node.data == Data::Null {
            report
                .syntax(node.at, "a default must be a value")
                .hint("take it out, or write a value");
        }
        Some(node.to_value()).filter(|value| *value != Value::Null)
    });
    let allowlist_source = fields.get("allowlist_source").and_then(|node| {
        let text = report.text(node, "allowlist_source")?;
        if let Err(fault) = check_run_name(text) {
            report
                .syntax(node.at, &format!("`{text}` is not a tool: {fault}"))
                .hint("name the read-only tool that lists the values");
            return None;
        }
        Some(Arc::from(text))
    });
    Some(Parameter {
        kind,
        required,
        default,
        allowlist_source,
    })
}

/// `type`, and the bounds that belong to it.
fn kind(report: &mut Report<'_>, key_at: Span, fields: Fields<'_>) -> Option<ParameterType> {
    let all: Vec<(&str, &str)> = PARAMETER_TYPES
        .iter()
        .map(|&(name, _)| (name, name))
        .collect();
    let Some(node) = fields.get("type") else {
        let names: Vec<&str> = all.iter().map(|&(name, _)| name).collect();
        report
            .syntax(key_at, "the constraint has no type")
            .hint(&format!("type is one of: {}", names.join(", ")));
        return None;
    };
    let name = report.word(node, "type", &all)?;
    check_keys(report, fields, name);
    let kind = match name {
        "string" => string(report, fields),
        "int" => ParameterType::Int {
            min: optional(report, fields, "min", Report::integer),
            max: optional(report, fields, "max", Report::integer),
            allowed_values: fields.get("allowed_values").map(|node| {
                let items = report.list(node, "allowed_values").unwrap_or_default();
                items
                    .iter()
                    .filter_map(|item| report.integer(item, "an allowed value"))
                    .collect()
            }),
        },
        "number" => ParameterType::Number {
            min: optional(report, fields, "min", Report::number),
            max: optional(report, fields, "max", Report::number),
        },
        "bool" => ParameterType::Bool,
        "list" => ParameterType::List {
            max_items: optional(report, fields, "max_items", Report::count_of),
            items: fields
                .get("items")
                .and_then(|node| items(report, node))
                .map(Box::new),
        },
        "object" => ParameterType::Object {
            max_keys: optional(report, fields, "max_keys", Report::count_of),
        },
        "path" => path(report, fields, key_at),
        "port" => ParameterType::Port,
        _ => ParameterType::Duration,
    };
    Some(kind)
}

/// Notes keys that belong to another type.
fn check_keys(report: &mut Report<'_>, fields: Fields<'_>, name: &str) {
    let own = PARAMETER_TYPES
        .iter()
        .find(|&&(kind, _)| kind == name)
        .map_or(&[][..], |&(_, keys)| keys);
    for entry in fields.entries() {
        let key = entry.key.as_str();
        let known = PARAMETER.keys.iter().any(|&(known, _)| known == key);
        if known && !own.contains(&key) && !PARAMETER_KEYS.contains(&key) {
            let message = format!("`{key}` does not belong to type {name}");
            let hint = if own.is_empty() {
                format!("type {name} has no bounds")
            } else {
                format!("type {name} has: {}", own.join(", "))
            };
            report.syntax(entry.key_at, &message).hint(&hint);
        }
    }
}

fn optional<'s, T>(
    report: &mut Report<'s>,
    fields: Fields<'_>,
    key: &str,
    read: impl Fn(&mut Report<'s>, &Node, &str) -> Option<T>,
) -> Option<T> {
    fields.get(key).and_then(|node| read(report, node, key))
}

fn string(report: &mut Report<'_>, fields: Fields<'_>) -> ParameterType {
    let formats = [
        ("hostname", Format::Hostname),
        ("ipv4", Format::Ipv4),
        ("email", Format::Email),
        ("uuid", Format::Uuid),
        ("safe_filename", Format::SafeFilename),
        ("url", Format::Url),
    ];
    ParameterType::String {
        min_length: optional(report, fields, "min_length", Report::count_of),
        max_length: optional(report, fields, "max_length", Report::count_of),
        pattern: fields.get("pattern").and_then(|node| {
            let text = report.text(node, "pattern")?;
            regex(report, node.at, text)
        }),
        allowed_values: fields.get("allowed_values").map(|node| {
            let items = report.list(node, "allowed_values").unwrap_or_default();
            let text = |item| report.text(item, "an allowed value").map(str::to_owned);
            items.iter().filter_map(text).collect()
        }),
        format: fields
            .get("format")
            .and_then(|node| report.word(node, "format", &formats)),
    }
}

/// A regex over a whole value.
pub(super) fn regex(report: &mut Report<'_>, at: Span, text: &str) -> Option<WholeRegex> {
    if !report.may_compile(at) {
        return None;
    }
    match WholeRegex::parse(text) {
        Ok(regex) => Some(regex),
        Err(fault) => {
            report.syntax(at, &format!("not a regex: {fault}")).hint(
                "regexes here take linear time, cover the whole value and compile to at most 64 KiB; no look-around, no back-references",
            );
            None
        }
    }
}

/// `items` of a list: a constraint that says nothing about being there.
fn items(report: &mut Report<'_>, node: &Node) -> Option<Parameter> {
    for entry in node.entries() {
        if matches!(
            entry.key.as_str(),
            "required" | "default" | "allowlist_source"
        ) {
            report
                .syntax(
                    entry.key_at,
                    &format!("`{}` means nothing for an item", entry.key),
                )
                .hint("take it out");
        }
    }
    parameter(report, node.at, node)
}

fn path(report: &mut Report<'_>, fields: Fields<'_>, key_at: Span) -> ParameterType {
    let mut under = Vec::new();
    let Some(node) = fields.get("under") else {
        report
            .syntax(key_at, "a path constraint has no `under`")
            .hint("list the folders in which it must lie: `under: [/srv/app]`");
        return ParameterType::Path {
            under,
            max_length: None,
        };
    };
    for item in report.one_or_more(node, "under").unwrap_or_default() {
        let Some(text) = report.text(item, "a folder") else {
            continue;
        };
        let clean = text.starts_with('/')
            && !text.contains(['\\', '%', '\0'])
            && text.split('/').all(|part| part != ".." && part != ".");
        if clean {
            let trimmed = text.trim_end_matches('/');
            under.push(if trimmed.is_empty() {
                "/".to_owned()
            } else {
                trimmed.to_owned()
            });
        } else {
            report
                .syntax(item.at, &format!("`{text}` is not a folder to stay in"))
                .hint("write an absolute path without `.`, `..`, `%` and `\\`");
        }
    }
    ParameterType::Path {
        under,
        max_length: optional(report, fields, "max_length", Report::count_of),
    }
}
