//! Hours, operations, resources and protected paths.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZoneDatabase;

use crate::domain::{Pattern, check_tool_name};
use crate::policy::bundle::{HourWindow, OperationMap, ResourceName, ResourcePolicy};
use crate::policy::document::{OPERATION, PROTECTED, RESOURCE_POLICY, TIME_RESTRICTION};
use crate::policy::error::FindingCode;
use crate::policy::text::{Entry, Fields, Node, Report, nearest};

use super::sections::{Documents, agree};
use super::tools::Groups;

/// `time_restrictions`.
pub(super) fn time_restrictions(
    report: &mut Report<'_>,
    documents: &Documents<'_>,
    groups: &Groups,
) -> Vec<HourWindow> {
    let entries = documents.joined(report, "time_restrictions");
    let zones: BTreeSet<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.to_string())
        .collect();
    entries
        .into_iter()
        .filter_map(|entry| time_restriction(report, entry, groups, &zones))
        .collect()
}

fn time_restriction(
    report: &mut Report<'_>,
    entry: &Entry,
    groups: &Groups,
    zones: &BTreeSet<String>,
) -> Option<HourWindow> {
    let tools = groups.key(report, entry);
    let fields = report.fields(&entry.value, &TIME_RESTRICTION)?;
    let hours = hours(report, entry, fields);
    let timezone = fields
        .get("timezone")
        .map_or(Some("UTC".to_owned()), |node| timezone(report, node, zones));
    Some(HourWindow {
        tools,
        hours: hours?,
        timezone: timezone?,
        at: report.place(entry.key_at),
    })
}

/// `allowed_hours` as bits.
fn hours(report: &mut Report<'_>, entry: &Entry, fields: Fields<'_>) -> Option<u32> {
    let Some(node) = fields.get("allowed_hours") else {
        let message = format!("`{}` has no allowed_hours", entry.key);
        let hint = "list the hours of the local wall clock: `allowed_hours: [8, 9, 10]`";
        report.syntax(entry.key_at, &message).hint(hint);
        return None;
    };
    let items = report.list(node, "allowed_hours")?;
    if items.is_empty() {
        let hint = "list hours, or put the tool under global_rules.always_blocked";
        report
            .error(FindingCode::Unreachable, node.at, "no hour is allowed")
            .hint(hint);
    }
    let mut hours = 0;
    for item in items {
        let Some(hour) = report.integer(item, "an hour") else {
            continue;
        };
        if let Some(hour) = u32::try_from(hour).ok().filter(|hour| *hour < 24) {
            hours |= 1 << hour;
        } else {
            report
                .syntax(item.at, &format!("`{hour}` is not an hour"))
                .hint("hours are 0 to 23");
        }
    }
    Some(hours)
}

/// An IANA zone in exact spelling: what only looks like one must not silently mean another.
fn timezone(report: &mut Report<'_>, node: &Node, zones: &BTreeSet<String>) -> Option<String> {
    let text = report.text(node, "timezone")?;
    if zones.contains(text) {
        return Some(text.to_owned());
    }
    if report.is_full() {
        report.skip();
        return None;
    }
    let names = || zones.iter().map(String::as_str);
    let folded = names().find(|name| name.eq_ignore_ascii_case(text));
    let guess = folded.or_else(|| nearest(text, names()));
    let suggestion = guess
        .map(|guess| format!(", did you mean `{guess}`?"))
        .unwrap_or_default();
    let message = format!("unknown time zone `{text}`{suggestion}");
    report
        .syntax(node.at, &message)
        .hint("write an IANA name, exactly: Europe/Berlin, UTC");
    None
}

/// `operations`.
pub(super) fn operations(
    report: &mut Report<'_>,
    documents: &Documents<'_>,
) -> BTreeMap<String, OperationMap> {
    let mut operations = BTreeMap::new();
    for entry in documents.joined(report, "operations") {
        if let Err(fault) = check_tool_name(&entry.key) {
            report
                .syntax(
                    entry.key_at,
                    &format!("`{}` is not a tool: {fault}", entry.key),
                )
                .hint("operations name one tool a line, without wildcards");
            continue;
        }
        let Some(fields) = report.fields(&entry.value, &OPERATION) else {
            continue;
        };
        let (resource, operation) = (
            required(report, entry, fields, "resource"),
            required(report, entry, fields, "operation"),
        );
        let (Some(resource), Some(operation)) = (resource, operation) else {
            continue;
        };
        let resource = match resource.strip_prefix("args.") {
            Some(argument) => ResourceName::Argument(argument.to_owned()),
            None => ResourceName::Fixed(resource),
        };
        operations.insert(
            entry.key.clone(),
            OperationMap {
                resource,
                operation,
            },
        );
    }
    operations
}

fn required(
    report: &mut Report<'_>,
    entry: &Entry,
    fields: Fields<'_>,
    key: &str,
) -> Option<String> {
    let Some(node) = fields.get(key) else {
        report
            .syntax(entry.key_at, &format!("`{}` has no {key}", entry.key))
            .hint("an operation has resource and operation");
        return None;
    };
    let text = report.text(node, key)?;
    if text.is_empty() || text == "args." {
        report
            .syntax(node.at, &format!("{key} is empty"))
            .hint("write `args.<name>`, or a name");
        return None;
    }
    Some(text.to_owned())
}

/// `resource_policies`.
pub(super) fn resource_policies(
    report: &mut Report<'_>,
    documents: &Documents<'_>,
) -> Vec<ResourcePolicy> {
    let entries = documents.joined(report, "resource_policies");
    entries
        .into_iter()
        .filter_map(|entry| resource_policy(report, entry))
        .collect()
}

fn resource_policy(report: &mut Report<'_>, entry: &Entry) -> Option<ResourcePolicy> {
    let resources = report.pattern(entry.key_at, &entry.key);
    let fields = report.fields(&entry.value, &RESOURCE_POLICY)?;
    if fields.entries().is_empty() {
        report
            .syntax(entry.key_at, &format!("`{}` says nothing", entry.key))
            .hint("list operations, or take it out");
    }
    let mut operations = |key: &str| {
        fields.get(key).map(|node| {
            let items = report.list(node, key).unwrap_or_default();
            let text = |item| report.text(item, "an operation").map(str::to_owned);
            items.iter().filter_map(text).collect::<BTreeSet<String>>()
        })
    };
    let (allowed, blocked, approval) = (
        operations("allowed_operations"),
        operations("blocked_operations"),
        operations("require_approval"),
    );
    Some(ResourcePolicy {
        resources: resources?,
        allowed_operations: allowed,
        blocked_operations: blocked.unwrap_or_default(),
        require_approval: approval.unwrap_or_default(),
        at: report.place(entry.key_at),
    })
}

/// `protected`.
#[derive(Default)]
pub(super) struct Protected {
    pub(super) paths: Vec<Pattern>,
    pub(super) allow_read: bool,
}

/// `protected` of every file: paths are joined, `allow_read` must agree.
pub(super) fn protected(report: &mut Report<'_>, documents: &Documents<'_>) -> Protected {
    let mut found = Protected::default();
    let mut first: Option<&Entry> = None;
    for node in documents.values("protected") {
        let Some(fields) = report.fields(node, &PROTECTED) else {
            continue;
        };
        let items = fields
            .get("paths")
            .and_then(|node| report.list(node, "paths"));
        for item in items.unwrap_or_default() {
            let text = report.text(item, "a path");
            found
                .paths
                .extend(text.and_then(|text| path_pattern(report, item, text)));
        }
        let Some(entry) = fields.entry("allow_read") else {
            continue;
        };
        if let Some(first) = first {
            agree(report, first, std::iter::once(entry));
        } else {
            first = Some(entry);
            found.allow_read = report.flag(&entry.value, "allow_read").unwrap_or_default();
        }
    }
    found
}

/// A glob over a normalized path: `**` is what `*` already means here, and a path has no leading slash.
fn path_pattern(report: &mut Report<'_>, node: &Node, text: &str) -> Option<Pattern> {
    let mut plain = text
        .trim_start_matches("./")
        .trim_start_matches('/')
        .to_owned();
    while plain.contains("**") {
        plain = plain.replace("**", "*");
    }
    report.pattern(node.at, &plain)
}
