//! Results on stdout: tables and sentences for people, JSON or YAML for machines.

use std::io::Write as _;

use serde_json::Value;

use super::CliError;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON value.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Prints the value as JSON or YAML, or the text that people read.
///
/// # Errors
/// When stdout is closed.
pub(super) fn print(
    format: Format,
    value: &Value,
    text: impl FnOnce() -> String,
) -> Result<(), CliError> {
    let shown = match format {
        Format::Table => plain(&text()),
        Format::Json => serde_json::to_string_pretty(value)
            .map_err(|fault| CliError::Unexpected(fault.to_string()))?,
        Format::Yaml => {
            serde_yaml::to_string(value).map_err(|fault| CliError::Unexpected(fault.to_string()))?
        }
    };
    writeln!(std::io::stdout(), "{}", shown.trim_end())?;
    Ok(())
}

/// A table without borders.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_header(header.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// The text without what a terminal would obey: what agents wrote is shown, not carried out.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c == '\n' || !c.is_control() {
                vec![c]
            } else {
                c.escape_default().collect()
            }
        })
        .collect()
}

/// The member as text; empty when it is missing or null.
pub(super) fn member(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The texts in a list; none when it is missing.
pub(super) fn texts<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    let items = value.get(name).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The path with a query of those parameters that are given.
pub(super) fn query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given: Vec<(&str, &str)> = parameters
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)))
        .collect();
    let query = serde_urlencoded::to_string(given).unwrap_or_default();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// The text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
