//! Configuration and policy.

use crate::cli::{Exit, policy};
use crate::config::{Config, ConfigError, ValueOrigin};

use super::Line;

const CONFIGURATION: &str = "configuration";
const POLICY: &str = "policy";

/// A configuration with which nothing starts: every problem on a line of its own.
pub(super) fn refused(fault: &ConfigError) -> Vec<Line> {
    let exit = Exit::from(fault);
    let line = |found: &str, mend: &str| Line::fail(CONFIGURATION, found, mend).ending(exit);
    match fault {
        ConfigError::Invalid(problems) => problems
            .iter()
            .map(|problem| {
                line(
                    problem,
                    "policyguard config show says what each setting means",
                )
            })
            .collect(),
        ConfigError::Unsafe(fault) => vec![line(&fault.problem, &fault.hint)],
    }
}

pub(super) fn configuration(config: &Config) -> Line {
    let changed = config
        .resolved
        .iter()
        .filter(|setting| setting.origin != ValueOrigin::Default);
    let file = config
        .resolved
        .iter()
        .find_map(|setting| match &setting.origin {
            ValueOrigin::File(file) => Some(file.display().to_string()),
            ValueOrigin::Default | ValueOrigin::Environment(_) | ValueOrigin::Flag(_) => None,
        });
    let found = match (changed.count(), file) {
        (0, _) => "every setting has its default".to_owned(),
        (changed, None) => format!("changed by environment and flags: {changed}"),
        (changed, Some(file)) => format!("changed by {file}, environment and flags: {changed}"),
    };
    match config.warnings.as_slice() {
        [] => Line::ok(CONFIGURATION, found),
        warnings => Line::warn(
            CONFIGURATION,
            format!("{found}\n{}", warnings.join("\n")),
            "policyguard config show --origin",
        ),
    }
}

pub(super) fn policy(config: &Config) -> Line {
    match policy::in_short(config) {
        Ok((true, 0, found)) => Line::ok(POLICY, found),
        Ok((true, _, found)) => Line::warn(POLICY, found, "policyguard policy check"),
        Ok((false, _, found)) => {
            Line::fail(POLICY, found, "policyguard policy check").ending(Exit::Invalid)
        }
        Err(fault) => {
            let mend = "name it with --policies, or write one with policyguard init";
            Line::fail(POLICY, fault.to_string(), mend).ending(Exit::Invalid)
        }
    }
}
