//! Modes, and what holds in every one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::ModeName;
use crate::policy::bundle::{ModeRules, NamePatterns, Place};
use crate::policy::document::{GLOBAL_RULES, MODE, SERVICE_RESTRICTIONS};
use crate::policy::text::{Data, Entry, Fields, Report};

use super::sections::{Documents, agree};
use super::tools::Groups;

/// How long a mode lasts when the file does not say.
const DEFAULT_DURATION: Duration = Duration::from_hours(1);

/// `default_mode`: NORMAL if absent.
pub(super) fn default_mode(report: &mut Report<'_>, documents: &Documents<'_>) -> ModeName {
    let node = documents.single(report, "default_mode");
    let name = node.and_then(|node| {
        let text = report.text(node, "default_mode")?;
        match ModeName::parse(text) {
            Ok(name) => Some(name),
            Err(fault) => {
                report
                    .syntax(node.at, &fault.to_string())
                    .hint("name one of the modes");
                None
            }
        }
    });
    name.unwrap_or_else(ModeName::normal)
}

/// `modes`: NORMAL and EMERGENCY without ceilings if absent.
pub(super) fn read(
    report: &mut Report<'_>,
    documents: &Documents<'_>,
    groups: &Groups,
    default_mode: &ModeName,
) -> BTreeMap<ModeName, ModeRules> {
    let entries = documents.joined(report, "modes");
    let mut modes = BTreeMap::new();
    for entry in &entries {
        match ModeName::parse(&entry.key) {
            Ok(name) => {
                let lasting = name == *default_mode;
                if let Some(rules) = mode(report, entry, groups, lasting) {
                    modes.insert(name, rules);
                }
            }
            Err(fault) => report
                .syntax(entry.key_at, &fault.to_string())
                .hint("rename the mode"),
        }
    }
    if entries.is_empty() {
        for name in [ModeName::normal(), ModeName::emergency()] {
            let max_duration = (name != *default_mode).then_some(DEFAULT_DURATION);
            modes.insert(
                name,
                ModeRules {
                    max_duration,
                    ..ModeRules::default()
                },
            );
        }
    }
    let named = documents.values("default_mode").first().map(|node| node.at);
    if !modes.contains_key(default_mode)
        && !entries
            .iter()
            .any(|entry| entry.key == default_mode.as_str())
    {
        let known: Vec<&str> = modes.keys().map(ModeName::as_str).collect();
        let message = format!("the default mode `{default_mode}` is not one of the modes");
        let at = named
            .or_else(|| entries.first().map(|entry| entry.key_at))
            .unwrap_or(documents.start());
        report
            .syntax(at, &message)
            .hint(&format!("set default_mode to one of: {}", known.join(", ")));
    }
    modes
}

fn mode(
    report: &mut Report<'_>,
    entry: &Entry,
    groups: &Groups,
    lasting: bool,
) -> Option<ModeRules> {
    let fields = report.fields(&entry.value, &MODE)?;
    let mut list = |key: &str| fields.get(key).map(|node| groups.list(report, node, key));
    let (allowed_tools, blocked_tools, reachable_tools) = (
        list("allowed_tools"),
        list("blocked_tools"),
        list("reachable_tools"),
    );
    let mut text = |key: &str| {
        let text = fields.get(key).and_then(|node| report.text(node, key));
        text.unwrap_or_default().to_owned()
    };
    let (description, rationale) = (text("description"), text("rationale"));
    Some(ModeRules {
        at: report.place(entry.key_at),
        description,
        rationale,
        allowed_tools,
        blocked_tools,
        reachable_tools,
        max_duration: max_duration(report, fields, lasting),
        service_restrictions: service_restrictions(report, fields),
        requires_totp: requires_totp(report, fields, lasting),
    })
}

/// `max_duration`; the default mode lasts until somebody changes it.
fn max_duration(report: &mut Report<'_>, fields: Fields<'_>, lasting: bool) -> Option<Duration> {
    let Some(node) = fields.get("max_duration") else {
        return (!lasting).then_some(DEFAULT_DURATION);
    };
    if node.data == Data::Text("none".to_owned()) {
        return None;
    }
    let duration = report.duration(node, "max_duration");
    if lasting && duration.is_some() {
        let message = "the default mode does not expire: the others return to it";
        report
            .syntax(node.at, message)
            .hint("take max_duration out");
    }
    duration
}

/// `requires_totp`; the way back to the default mode takes no code, for every other mode ends there by itself.
fn requires_totp(report: &mut Report<'_>, fields: Fields<'_>, lasting: bool) -> bool {
    let Some(node) = fields.get("requires_totp") else {
        return false;
    };
    let asked = report.flag(node, "requires_totp").unwrap_or_default();
    if lasting && asked {
        let message = "the way back to the default mode takes no code";
        report
            .syntax(node.at, message)
            .hint("take requires_totp out");
    }
    asked
}

fn service_restrictions(report: &mut Report<'_>, fields: Fields<'_>) -> bool {
    let inner = fields
        .get("service_restrictions")
        .and_then(|node| report.fields(node, &SERVICE_RESTRICTIONS));
    let enabled = inner.and_then(|inner| inner.get("enabled"));
    enabled.is_some_and(|node| report.flag(node, "enabled").unwrap_or_default())
}

/// `global_rules`.
#[derive(Default)]
pub(super) struct GlobalRules {
    pub(super) always_blocked: NamePatterns,
    pub(super) description: String,
    pub(super) at: Place,
}

/// `global_rules` of every file: lists are joined, descriptions must agree.
pub(super) fn global_rules(
    report: &mut Report<'_>,
    documents: &Documents<'_>,
    groups: &Groups,
) -> GlobalRules {
    let mut found = GlobalRules::default();
    let mut first: Option<&Entry> = None;
    if let Some(node) = documents.values("global_rules").first() {
        found.at = report.place(node.at);
    }
    for node in documents.values("global_rules") {
        let Some(fields) = report.fields(node, &GLOBAL_RULES) else {
            continue;
        };
        if let Some(node) = fields.get("always_blocked") {
            let list = groups.list(report, node, "always_blocked");
            check_joined(report, &found.always_blocked, &list, node.at);
            found.always_blocked.include.extend(list.include);
            found.always_blocked.exclude.extend(list.exclude);
        }
        if let Some(entry) = fields.entry("description") {
            if let Some(first) = first {
                agree(report, first, std::iter::once(entry));
            } else if let Some(text) = report.text(&entry.value, "description") {
                first = Some(entry);
                text.clone_into(&mut found.description);
            }
        }
    }
    found
}

/// Notes `!` entries in lists that several files share: they would take away what another file blocks.
fn check_joined(
    report: &mut Report<'_>,
    before: &NamePatterns,
    list: &NamePatterns,
    at: crate::policy::text::Span,
) {
    let shared = !before.is_empty() && !list.is_empty();
    if shared && !(before.exclude.is_empty() && list.exclude.is_empty()) {
        let message = "`!` entries in always_blocked would unblock what another file blocks";
        report
            .syntax(at, message)
            .hint("let one file hold always_blocked, or leave `!` out");
    }
}
