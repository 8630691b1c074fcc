//! The normalized model that every dialect becomes: what a bundle says beside its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::parameter::Parameter;
use super::rule::Policy;
use crate::domain::{Digest, ModeName, Pattern};

/// Where something is written: `policies/default.yaml:41`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as people name it, or the door through which it came (`create_policy`).
    pub file: Arc<str>,
    /// Line, from 1; 0 where the source has no lines.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.file)
        } else {
            write!(f, "{}:{}", self.file, self.line)
        }
    }
}

/// One pattern of a list, after its group was expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// The pattern.
    pub pattern: Pattern,
    /// The group it was written as (`readonly` of `@readonly`); such an entry never touches a gateway tool.
    pub group: Option<Arc<str>>,
}

/// Patterns of which one must fit, less those written with `!`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamePatterns {
    /// What fits.
    pub include: Vec<NamePattern>,
    /// What does not, all the same (`!x`).
    pub exclude: Vec<Pattern>,
}

impl NamePatterns {
    /// Whether the list fits the whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.include.iter().any(|entry| entry.pattern.matches(name))
            && !self.exclude.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether the list names the tool in full, without wildcard or group: the only way to touch a gateway tool.
    #[must_use]
    pub fn names_exactly(&self, name: &str) -> bool {
        let in_full = |entry: &NamePattern| {
            entry.group.is_none() && entry.pattern.exact().is_some() && entry.pattern.matches(name)
        };
        self.include.iter().any(in_full)
            && !self.exclude.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.include.is_empty()
    }
}

/// What holds when no rule fires and the mode says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DefaultDecision {
    /// No.
    #[default]
    Deny,
    /// Yes; shown as a warning in status and compliance.
    Allow,
}

/// Whether a policy decides or only watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enforcement {
    /// Decides.
    #[default]
    Enforce,
    /// Is evaluated and reported, never changes an answer.
    Shadow,
}

/// Where a policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File,
    /// A call at run time.
    Runtime,
}

/// Everything that one version of the policy says.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// `policy_name`.
    pub name: String,
    /// `version`, as the author counts.
    pub version: String,
    /// `description`.
    pub description: String,
    /// SHA-256 of the normalized form.
    pub digest: Digest,
    /// The mode at first start, to which the others return.
    pub default_mode: ModeName,
    /// What holds when nothing else does.
    pub default_decision: DefaultDecision,
    /// Modes by name; never empty.
    pub modes: BTreeMap<ModeName, ModeRules>,
    /// `global_rules.always_blocked`.
    pub always_blocked: NamePatterns,
    /// `global_rules.description`.
    pub always_blocked_because: String,
    /// Where `global_rules` is written first.
    pub always_blocked_at: Place,
    /// `time_restrictions` by tool pattern.
    pub time_restrictions: Vec<HourWindow>,
    /// `operations` by tool name.
    pub operations: BTreeMap<String, OperationMap>,
    /// `resource_policies` by resource pattern.
    pub resource_policies: Vec<ResourcePolicy>,
    /// `parameter_constraints` by tool pattern.
    pub constraints: Vec<ToolConstraints>,
    /// `protected.paths`: globs over normalized relative paths.
    pub protected_paths: Vec<Pattern>,
    /// `protected.allow_read`.
    pub protected_allow_read: bool,
    /// Policies, in no particular order; the engine sorts.
    pub policies: Vec<Policy>,
}

/// What one mode allows, blocks and lets rules reach.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModeRules {
    /// Where it is written; without file and line where the bundle has no modes.
    pub at: Place,
    /// For people.
    pub description: String,
    /// Why it blocks what it blocks; part of the reason of a denial.
    pub rationale: String,
    /// Granted by the mode; `None`: the key is absent.
    pub allowed_tools: Option<NamePatterns>,
    /// Denied by the mode; `None`: the key is absent.
    pub blocked_tools: Option<NamePatterns>,
    /// Not granted, but rules may; `None`: the key is absent.
    pub reachable_tools: Option<NamePatterns>,
    /// How long the mode may last; `None`: without end (`none`), which is a posture finding.
    pub max_duration: Option<Duration>,
    /// `service_restrictions.enabled`.
    pub service_restrictions: bool,
    /// Whether it takes a person's second factor to enter the mode.
    pub requires_totp: bool,
}

impl ModeRules {
    /// Whether the mode sets a ceiling at all (a mode with none of the lists does not).
    #[must_use]
    pub fn has_ceiling(&self) -> bool {
        self.allowed_tools.is_some()
            || self.blocked_tools.is_some()
            || self.reachable_tools.is_some()
    }
}

/// `time_restrictions`: the hours in which a tool may run.
#[derive(Debug, Clone, PartialEq)]
pub struct HourWindow {
    /// The tools.
    pub tools: NamePatterns,
    /// Bit n: the hour n of the local wall clock.
    pub hours: u32,
    /// IANA zone, exact spelling; `UTC` if absent.
    pub timezone: String,
    /// Where it is written.
    pub at: Place,
}

/// `operations`: which resource and operation a tool's call means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationMap {
    /// The argument that names the resource (`args.db_name` is `db_name`), or a fixed name.
    pub resource: ResourceName,
    /// The operation.
    pub operation: String,
}

/// How `operations` finds the resource of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceName {
    /// `args.<name>`.
    Argument(String),
    /// The name itself.
    Fixed(String),
}

/// `resource_policies`: what may be done to a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePolicy {
    /// The resources.
    pub resources: Pattern,
    /// When given: only these operations.
    pub allowed_operations: Option<BTreeSet<String>>,
    /// Never these.
    pub blocked_operations: BTreeSet<String>,
    /// These only with an approval.
    pub require_approval: BTreeSet<String>,
    /// Where it is written.
    pub at: Place,
}

impl ResourcePolicy {
    /// SHA-256 of what it says; names it in evidence and records.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let (allowed, blocked) = (&self.allowed_operations, &self.blocked_operations);
        let approval = &self.require_approval;
        let content = format!(
            "resource_policies\n{}\n{allowed:?}\n{blocked:?}\n{approval:?}",
            self.resources
        );
        Digest::of(content.as_bytes())
    }
}

/// `parameter_constraints` of the tools that a pattern names.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolConstraints {
    /// The tools.
    pub tools: NamePatterns,
    /// Constraints by parameter.
    pub parameters: BTreeMap<String, Parameter>,
    /// What of parameters that nobody names.
    pub additional: Additional,
    /// Where it is written.
    pub at: Place,
}

/// What of parameters that neither the schema nor a constraint names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Additional {
    /// They are a violation.
    #[default]
    Deny,
    /// They pass.
    Allow,
}
