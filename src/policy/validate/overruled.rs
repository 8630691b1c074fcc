//! Allows that something above always beats (`PG014`, `PG016`), and denials that nothing may make (`PG017`).

use crate::domain::Pattern;
use crate::policy::bundle::NamePatterns;
use crate::policy::error::FindingCode;
use crate::policy::glob::{covers, overlap};
use crate::policy::plan::WAY_BACK;
use crate::policy::rule::{Rule, RuleAction};

use super::deciding;
use super::lint::{Lint, Subject, called, written};

/// Checks modes against themselves and `always_blocked`, and rules against both and the way back.
pub(super) fn check(lint: &mut Lint<'_>) {
    let bundle = lint.bundle;
    check_modes(lint);
    for policy in deciding(bundle) {
        for rule in &policy.rules {
            if rule.action == RuleAction::Allow {
                check_allow(lint, &called(policy, rule), rule);
            }
            if rule.action == RuleAction::Deny || !rule.require.is_empty() {
                let subject = Subject::rule(rule, "");
                check_way_back(
                    lint,
                    &called(policy, rule),
                    &subject,
                    rule.condition.tools.as_ref(),
                );
            }
        }
    }
    let lists = [(
        "global_rules.always_blocked".to_owned(),
        &bundle.always_blocked_at,
        &bundle.always_blocked,
    )];
    let blocked = bundle.modes.iter().filter_map(|(name, mode)| {
        Some((
            format!("blocked_tools of mode {name}"),
            &mode.at,
            mode.blocked_tools.as_ref()?,
        ))
    });
    let hours = bundle
        .time_restrictions
        .iter()
        .map(|window| ("time_restrictions".to_owned(), &window.at, &window.tools));
    for (what, at, tools) in lists.into_iter().chain(blocked).chain(hours) {
        check_way_back(lint, &what, &Subject::other(at, ""), Some(tools));
    }
}

/// An allow of names that are always blocked.
fn check_allow(lint: &mut Lint<'_>, what: &str, rule: &Rule) {
    let allowed = rule.condition.tools.iter().flat_map(|tools| &tools.include);
    for entry in allowed {
        if let Some(by) = covering(&lint.bundle.always_blocked, &entry.pattern) {
            let message = format!(
                "{what} allows `{}`, which `{by}` of always_blocked blocks in every mode",
                entry.pattern
            );
            let hint = "no rule, approval or override lifts that: take one of the two out";
            lint.note(
                FindingCode::AllowsAlwaysBlocked,
                &Subject::rule(rule, &written(entry)),
                &message,
                hint,
            );
        }
    }
}

fn check_modes(lint: &mut Lint<'_>) {
    let bundle = lint.bundle;
    for (name, mode) in &bundle.modes {
        for entry in mode.allowed_tools.iter().flat_map(|tools| &tools.include) {
            let word = written(entry);
            let subject = Subject::other(&mode.at, &word);
            if let Some(by) = covering(&bundle.always_blocked, &entry.pattern) {
                let message = format!(
                    "mode {name} allows `{}`, which `{by}` of always_blocked blocks in every mode",
                    entry.pattern
                );
                lint.note(
                    FindingCode::AllowsAlwaysBlocked,
                    &subject,
                    &message,
                    "take it out of allowed_tools",
                );
            }
            let blocked = mode
                .blocked_tools
                .as_ref()
                .and_then(|blocked| covering(blocked, &entry.pattern));
            if let Some(by) = blocked {
                let message = format!(
                    "mode {name} allows `{}` and blocks it by `{by}`",
                    entry.pattern
                );
                lint.note(
                    FindingCode::ModeContradiction,
                    &subject,
                    &message,
                    "take it out of one of the two lists",
                );
            }
        }
    }
}

/// A denial of a tool by which people mend a policy.
fn check_way_back(
    lint: &mut Lint<'_>,
    what: &str,
    subject: &Subject<'_>,
    tools: Option<&NamePatterns>,
) {
    let Some(tools) = tools else { return };
    for tool in WAY_BACK
        .into_iter()
        .filter(|tool| tools.names_exactly(tool))
    {
        let message = format!("{what} denies `{tool}`, by which people mend a policy");
        let hint = "say who may use it by roles: no policy may lock them out";
        let subject = Subject {
            word: tool,
            at: subject.at,
            rule: subject.rule,
        };
        lint.note(FindingCode::DeniesWayBack, &subject, &message, hint);
    }
}

/// The entry of the list that covers every name of the pattern, none of which the list takes away.
fn covering<'l>(list: &'l NamePatterns, pattern: &Pattern) -> Option<&'l Pattern> {
    let by = list
        .include
        .iter()
        .map(|entry| &entry.pattern)
        .find(|by| covers(by, pattern))?;
    let spared = list.exclude.iter().any(|out| overlap(out, pattern));
    (!spared).then_some(by)
}
