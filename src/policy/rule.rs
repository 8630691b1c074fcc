//! The normalized model that every dialect becomes: what a bundle says, checked and with groups expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::domain::{Digest, ModeName, Pattern, PolicyId, Severity, Timestamp, TrustLevel};

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

/// What one parameter must be (`spec/policy-file.md`, "Constraint types").
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The type with its bounds.
    pub kind: ParameterType,
    /// Whether it must be there; true if absent in the file.
    pub required: bool,
    /// Filled in before dispatch when the parameter is missing.
    pub default: Option<Value>,
    /// The read-only tool whose answer lists the valid values.
    pub allowlist_source: Option<Arc<str>>,
}

/// The type of a parameter with its bounds.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterType {
    /// Text; lengths in characters, checked before the pattern.
    String {
        /// Fewest characters.
        min_length: Option<usize>,
        /// Most characters.
        max_length: Option<usize>,
        /// Linear-time regex over the whole value, ASCII classes; as the author wrote it.
        pattern: Option<WholeRegex>,
        /// The only values, when given.
        allowed_values: Option<Vec<String>>,
        /// A well-known form.
        format: Option<Format>,
    },
    /// An exact integer: `1.0`, `"1"`, `true` and `1e400` are violations (`spec/limits.md` L12).
    Int {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
        /// The only values, when given.
        allowed_values: Option<Vec<i64>>,
    },
    /// Any finite JSON number.
    Number {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// `true` or `false`.
    Bool,
    /// An array.
    List {
        /// Most items.
        max_items: Option<usize>,
        /// What each item must be.
        items: Option<Box<Parameter>>,
    },
    /// An object.
    Object {
        /// Most keys.
        max_keys: Option<usize>,
    },
    /// An absolute path without `..`, percent-escape, NUL or backslash, under one of the roots.
    Path {
        /// Roots; a value must be one of them or below it, on component boundaries.
        under: Vec<String>,
        /// Most characters.
        max_length: Option<usize>,
    },
    /// 1 to 65535.
    Port,
    /// Text such as `30s`, `5m`, `1h`.
    Duration,
}

/// A regex over a whole value: linear time, ASCII classes, at most 64 KiB compiled (`spec/limits.md` L13).
#[derive(Debug, Clone)]
pub struct WholeRegex {
    /// As the author wrote it.
    pub source: String,
    /// Wrapped as `\A(?:…)\z`; over bytes, so that no class, dot or case rule knows more than ASCII.
    pub compiled: regex::bytes::Regex,
}

impl WholeRegex {
    /// Compiles the text.
    ///
    /// # Errors
    /// When it is no regex of the linear-time kind, is too large, or switches Unicode on.
    pub fn parse(source: &str) -> Result<Self, String> {
        let build = |text: &str| {
            regex::bytes::RegexBuilder::new(text)
                .unicode(false)
                .size_limit(MAX_REGEX_BYTES)
                .dfa_size_limit(MAX_REGEX_BYTES)
                .nest_limit(MAX_REGEX_NESTING)
                .build()
                .map_err(|fault| in_one_line(&fault))
        };
        if source.len() > MAX_REGEX_SOURCE {
            return Err(format!(
                "{} bytes are too long: at most {MAX_REGEX_SOURCE}",
                source.len()
            ));
        }
        if switches_unicode_on(source) {
            return Err("classes are ASCII here: leave the flag `u` out".to_owned());
        }
        // On its own first: `a)|(?:b` would break out of the wrapping.
        build(source)?;
        let compiled = build(&format!(r"\A(?:{source})\z"))?;
        Ok(Self {
            source: source.to_owned(),
            compiled,
        })
    }

    /// Whether the regex covers the whole text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text.as_bytes())
    }
}

/// The most memory that a compiled regex may take (`spec/limits.md` L13).
const MAX_REGEX_BYTES: usize = 64 << 10;
/// The deepest nesting of a regex.
const MAX_REGEX_NESTING: u32 = 50;
/// The longest regex, in bytes.
const MAX_REGEX_SOURCE: usize = 4 << 10;

/// What the regex library says, without the drawing around it.
fn in_one_line(fault: &regex::Error) -> String {
    if matches!(fault, regex::Error::CompiledTooBig(_)) {
        return "compiled, it is larger than 64 KiB".to_owned();
    }
    let text = fault.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Whether a group like `(?u)` or `(?i-u:…)` names the flag `u` before a minus.
fn switches_unicode_on(source: &str) -> bool {
    source.match_indices("(?").any(|(start, opening)| {
        let rest = source.get(start + opening.len()..).unwrap_or_default();
        rest.chars()
            .take_while(char::is_ascii_alphabetic)
            .any(|flag| flag == 'u')
            && !rest.starts_with(['P', '<'])
    })
}

impl PartialEq for WholeRegex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// Well-known forms of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1123 host name.
    Hostname,
    /// Dotted quad.
    Ipv4,
    /// `local@domain`, plainly.
    Email,
    /// RFC 9562, lower or upper case.
    Uuid,
    /// One path component without anything special.
    SafeFilename,
    /// http or https, absolute.
    Url,
}

/// A named, prioritized list of rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its id, unique in the bundle.
    pub id: PolicyId,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// Higher decides first; 100 if absent.
    pub priority: i64,
    /// Whether it takes part.
    pub enabled: bool,
    /// Whether it decides or only watches.
    pub enforcement: Enforcement,
    /// Not before this instant.
    pub effective_from: Option<Timestamp>,
    /// Not from this instant on.
    pub expires_at: Option<Timestamp>,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// File or run time.
    pub origin: Origin,
    /// Where it is written.
    pub at: Place,
}

/// One rule: when the condition holds, this answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its place in its policy, from 0.
    pub index: usize,
    /// Its name, for people.
    pub name: Option<Arc<str>>,
    /// When it fires.
    pub condition: Condition,
    /// If it fires and this does not hold: deny, with every problem.
    pub require: BTreeMap<String, Parameter>,
    /// What it says.
    pub action: RuleAction,
    /// The reason it gives.
    pub message: Option<Arc<str>>,
    /// Whether an override may lift its deny; true if absent.
    pub overridable: bool,
    /// Of the incident that a violation opens; medium if absent.
    pub severity: Severity,
    /// With `require_approval`: who, how many, how long.
    pub approval: ApprovalTerms,
    /// SHA-256 of the rule's normalized content; names it in evidence and records.
    pub digest: Digest,
    /// Where it is written.
    pub at: Place,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleAction {
    /// Yes.
    Allow,
    /// Yes, once a person has said so.
    RequireApproval,
    /// No.
    Deny,
}

/// Who may approve, how many must, and how long it takes at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalTerms {
    /// Until an undecided approval counts as denied; 30 minutes if absent.
    pub timeout: Duration,
    /// How long an approval may be used; 15 minutes if absent.
    pub valid_for: Duration,
    /// Who; `role:approver` if absent.
    pub approvers: Vec<String>,
    /// How many; 1 if absent.
    pub quorum: u32,
}

impl Default for ApprovalTerms {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(30),
            valid_for: Duration::from_mins(15),
            approvers: vec!["role:approver".to_owned()],
            quorum: 1,
        }
    }
}

/// When a rule fires: every key that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// `tool_pattern`; `None`: any name.
    pub tools: Option<NamePatterns>,
    /// `action_type`, a glob or a list of them; `None`: any type.
    pub action_types: Option<Vec<Pattern>>,
    /// Trust levels at which it fires.
    pub trust: TrustSet,
    /// `agents`, globs over agent ids; `None`: any agent.
    pub agents: Option<Vec<Pattern>>,
    /// `modes`; `None`: any mode.
    pub modes: Option<BTreeSet<ModeName>>,
    /// `arguments`, every line of which must hold.
    pub arguments: Vec<ArgumentTest>,
}

/// Trust levels, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustSet {
    bits: u8,
    /// The level that a caller would need to escape the condition (`trust_level_below: admin` needs admin).
    pub needs: Option<TrustLevel>,
}

impl Default for TrustSet {
    fn default() -> Self {
        Self::ANY
    }
}

impl TrustSet {
    /// Every level.
    pub const ANY: Self = Self {
        bits: 0b1111,
        needs: None,
    };

    /// `trust_level_below`.
    #[must_use]
    pub fn below(level: TrustLevel) -> Self {
        Self {
            needs: Some(level),
            ..Self::where_(|other| other < level)
        }
    }

    /// `trust_level_at_least`.
    #[must_use]
    pub fn at_least(level: TrustLevel) -> Self {
        Self::where_(|other| other >= level)
    }

    /// `trust_level: [low, medium]`.
    #[must_use]
    pub fn of(levels: &[TrustLevel]) -> Self {
        Self::where_(|other| levels.contains(&other))
    }

    /// Levels that are in both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            bits: self.bits & other.bits,
            needs: self.needs.or(other.needs),
        }
    }

    fn where_(keep: impl Fn(TrustLevel) -> bool) -> Self {
        let bit = |level: TrustLevel| {
            if keep(level) {
                1 << (level as u8 - 1)
            } else {
                0
            }
        };
        Self {
            bits: TrustLevel::ALL.into_iter().map(bit).sum(),
            needs: None,
        }
    }

    /// Whether the level is in the set.
    #[must_use]
    pub const fn has(self, level: TrustLevel) -> bool {
        self.bits & (1 << (level as u8 - 1)) != 0
    }

    /// Whether no level is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// One bit a level, low first.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }
}

/// One line of `arguments`: a test of one argument. Missing or of another type: undecidable.
#[derive(Debug, Clone, PartialEq)]
pub struct ArgumentTest {
    /// The argument's name.
    pub name: String,
    /// The test.
    pub operator: TestOperator,
}

/// The tests that a condition can make of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum TestOperator {
    /// Equal to this scalar, of the same type.
    Eq(Value),
    /// Of the same type as this scalar, and different.
    Ne(Value),
    /// One of these scalars; undecidable when of a type that none of them has.
    In(Vec<Value>),
    /// None of these scalars; undecidable when of a type that none of them has.
    NotIn(Vec<Value>),
    /// A number greater than this.
    Gt(f64),
    /// A number at least this.
    Gte(f64),
    /// A number less than this.
    Lt(f64),
    /// A number at most this.
    Lte(f64),
    /// A text that the regex covers in full.
    Matches(WholeRegex),
    /// A text that the glob covers in full.
    Glob(Pattern),
}
