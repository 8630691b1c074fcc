//! What stands beside the rules and reads arguments or the hour: where an entry is gone, more may be callable.

use crate::policy::bundle::{Bundle, NamePatterns};
use crate::policy::decision::Effect;
use crate::policy::normal;

use super::Access;

/// A line for each entry that the new bundle lacks or has otherwise.
pub(super) fn compare(before: &Bundle, after: &Bundle) -> Vec<Access> {
    let mut lines = Vec::new();
    let mut gone = |section: &str, name: &str| {
        lines.push(perhaps(format!("what `{section}` of `{name}` held back")));
    };
    for window in &before.time_restrictions {
        let kept = after.time_restrictions.iter().any(|other| {
            (&other.tools, other.hours, &other.timezone)
                == (&window.tools, window.hours, &window.timezone)
        });
        if !kept {
            gone("time_restrictions", &named(&window.tools));
        }
    }
    for policy in &before.resource_policies {
        let digest = policy.digest();
        if !after
            .resource_policies
            .iter()
            .any(|other| other.digest() == digest)
        {
            gone("resource_policies", policy.resources.as_str());
        }
    }
    for (tool, map) in &before.operations {
        if after.operations.get(tool) != Some(map) {
            gone("operations", tool);
        }
    }
    let after_constraints: Vec<_> = after.constraints.iter().map(normal::constraints).collect();
    for constraint in &before.constraints {
        if !after_constraints.contains(&normal::constraints(constraint)) {
            gone("parameter_constraints", &named(&constraint.tools));
        }
    }
    for path in &before.protected_paths {
        if !after.protected_paths.contains(path) {
            gone("protected.paths", path.as_str());
        }
    }
    if after.protected_allow_read && !before.protected_allow_read {
        gone("protected.allow_read", "false");
    }
    for (name, mode) in &before.modes {
        let other = after.modes.get(name);
        if mode.service_restrictions && other.is_some_and(|other| !other.service_restrictions) {
            gone("service_restrictions", name.as_str());
        }
        if mode.requires_totp && other.is_some_and(|other| !other.requires_totp) {
            gone("requires_totp", name.as_str());
        }
    }
    lines
}

/// The line that stands for what was not asked, since there was too much of it.
pub(super) fn unasked(what: &str) -> Access {
    perhaps(format!("what rules about {what} held back"))
}

fn perhaps(what: String) -> Access {
    Access {
        what,
        from: Effect::Deny,
        to: Effect::Allow,
        some_arguments: true,
        modes: Vec::new(),
        trust: Vec::new(),
        agents: None,
        action_type: None,
    }
}

fn named(tools: &NamePatterns) -> String {
    let patterns = tools.include.iter().map(|entry| entry.pattern.as_str());
    patterns.collect::<Vec<_>>().join(", ")
}
