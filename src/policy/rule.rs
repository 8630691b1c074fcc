//! The normalized model that every dialect becomes: policies, their rules and conditions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::bundle::{Enforcement, NamePatterns, Origin, Place};
use super::parameter::{Parameter, WholeRegex};
use crate::domain::{Digest, ModeName, Pattern, PolicyId, Severity, Timestamp, TrustLevel};

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
