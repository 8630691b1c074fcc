//! The configuration file: YAML becomes values by key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde_json::Value;

use super::near::suggestion;
use super::settings::SETTINGS;

/// The longest file; every setting there is, with a page of comment for each, is far below it.
const MOST: u64 = 1024 * 1024;
/// Settings that are lists.
const LISTS: [&str; 7] = [
    "jwt.issuers",
    "jwt.keys",
    "jwt.algorithms",
    "jwt.roles",
    "server.allowed_hosts",
    "server.allowed_origins",
    "server.trusted_proxies",
];

/// Reads the file into values by key; what does not fit becomes a problem.
pub(super) fn read(
    file: &Path,
    must_exist: bool,
    problems: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut reading = Reading {
        file,
        values: BTreeMap::new(),
        problems,
    };
    match text(file) {
        Ok(text) => reading.yaml(&text),
        Err(missing) if missing.kind() == ErrorKind::NotFound && !must_exist => {}
        Err(fault) if must_exist => reading.problem(&format!(
            "cannot be read: {fault}; --config or POLICYGUARD_CONFIG names it"
        )),
        Err(fault) => reading.problem(&format!("cannot be read: {fault}")),
    }
    reading.values
}

/// The text of the file, never more of it than a configuration has.
fn text(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(file)?.take(MOST + 1).read_to_string(&mut text);
    if matches!(&read, Ok(length) if u64::try_from(*length).unwrap_or(u64::MAX) > MOST) {
        return Err(std::io::Error::other("it is longer than 1 MiB"));
    }
    read.map(|_| text)
}

/// What was read so far.
struct Reading<'a> {
    file: &'a Path,
    values: BTreeMap<String, String>,
    problems: &'a mut Vec<String>,
}

impl Reading<'_> {
    fn problem(&mut self, what: &str) {
        self.problems
            .push(format!("{}: {what}", self.file.display()));
    }

    fn yaml(&mut self, text: &str) {
        let says_nothing = text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if says_nothing {
            return;
        }
        match serde_yaml::from_str::<Value>(text) {
            Ok(Value::Object(map)) => self.value("", &Value::Object(map)),
            Ok(_) => self.problem("must be a map of settings, as `server: { port: 8000 }`"),
            Err(fault) => {
                let line = unreadable(self.file, &fault);
                self.problems.push(line);
            }
        }
    }

    fn value(&mut self, key: &str, value: &Value) {
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        match (setting, value) {
            (None, Value::Object(map)) => {
                for (name, inner) in map {
                    let key = if key.is_empty() {
                        name.clone()
                    } else {
                        format!("{key}.{name}")
                    };
                    self.value(&key, inner);
                }
            }
            // A section whose settings are all left out.
            (None, Value::Null) if below(key).next().is_some() => {}
            (None, _) => self.unknown(key),
            (Some(_), Value::String(text)) => self.set(key, text.clone()),
            (Some(_), Value::Number(number)) => self.set(key, number.to_string()),
            (Some(_), Value::Bool(flag)) => self.set(key, flag.to_string()),
            (Some(_), Value::Array(items)) if LISTS.contains(&key) => match texts(items) {
                Some(text) => self.set(key, text),
                None => self.problem(&format!("`{key}` must be a list of texts, not `{value}`")),
            },
            (Some(_), Value::Null) => self.problem(&format!(
                "`{key}` has no value; write one, or leave the line out"
            )),
            (Some(_), Value::Array(_) | Value::Object(_)) => {
                self.problem(&format!("`{key}` must be a single value, not `{value}`"));
            }
        }
    }

    fn set(&mut self, key: &str, text: String) {
        self.values.insert(key.to_owned(), text);
    }

    fn unknown(&mut self, key: &str) {
        let hint = below(key).next().map_or_else(
            || suggestion(key, SETTINGS.iter().map(|setting| setting.key)),
            |first| format!("; it is a section, with `{first}` and others in it"),
        );
        self.problem(&format!("unknown setting `{key}`{hint}"));
    }
}

/// The settings of a section.
fn below(section: &str) -> impl Iterator<Item = &'static str> {
    let keys = SETTINGS.iter().map(|setting| setting.key);
    keys.filter(move |key| {
        key.strip_prefix(section)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The texts of a list, joined by commas.
fn texts(items: &[Value]) -> Option<String> {
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    texts.map(|texts| texts.join(","))
}

/// What is wrong with YAML that cannot be read, in one line with its place.
fn unreadable(file: &Path, fault: &serde_yaml::Error) -> String {
    let fault = fault.without_snippet();
    let place = fault.location().map_or_else(String::new, |place| {
        format!(":{}:{}", place.line(), place.column())
    });
    if let serde_yaml::Error::DuplicateMappingKey { key: Some(key), .. } = fault {
        return format!(
            "{}{place}: `{key}` is set twice; keep one of them",
            file.display()
        );
    }
    let text = fault.to_string();
    let first = text.lines().next().unwrap_or_default();
    // The place is said already.
    let said = first
        .split_once(": ")
        .filter(|(place, _)| place.contains("line "));
    let what = said.map_or(first, |(_, what)| what);
    format!("{}{place}: {what}", file.display())
}
