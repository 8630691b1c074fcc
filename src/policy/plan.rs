//! What compiling leaves behind: rules in the order of decision, and for each catalogued tool what can ever touch it.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::{ModeName, Owner, ToolFacts};

use super::bundle::{NamePatterns, OperationMap};
use super::condition::Leaves;
use super::decision::{Determinant, Text};
use super::index::Head;
use super::rule::RuleAction;
use super::schema::Schema;

/// The gateway's tools that no rule of a policy denies (`PG017`), so that who must mend a policy can.
pub(super) const WAY_BACK: [&str; 6] = [
    "set_mode",
    "set_lockdown",
    "get_policy_status",
    "rollback_policy",
    "suspend_agent",
    "reinstate_agent",
];

/// A rule, compiled.
#[derive(Debug)]
pub(super) struct CompiledRule {
    /// Names it in decisions and evidence.
    pub(super) determinant: Arc<Determinant>,
    /// Its policy's priority.
    pub(super) priority: i64,
    /// What it says.
    pub(super) action: RuleAction,
    /// What the mask leaves over.
    pub(super) leaves: Leaves,
    /// The place of its policy in the bundle.
    pub(super) policy_place: usize,
    /// Its own place in the policy.
    pub(super) rule_place: usize,
}

/// What a firing entry does. One rule has two entries when it has a `require`: as a deny, and as itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryKind {
    /// Denies.
    Deny,
    /// Denies when the rule's `require` doesn't hold.
    Require,
    /// Asks a person.
    Approval,
    /// Allows.
    Allow,
}

impl EntryKind {
    /// What the rule's own entry does.
    pub(super) const fn of(action: RuleAction) -> Self {
        match action {
            RuleAction::Deny => Self::Deny,
            RuleAction::RequireApproval => Self::Approval,
            RuleAction::Allow => Self::Allow,
        }
    }

    /// Severity at one priority: a `require` that doesn't hold counts as a deny.
    pub(super) const fn severity(self) -> u8 {
        match self {
            Self::Deny | Self::Require => 0,
            Self::Approval => 1,
            Self::Allow => 2,
        }
    }
}

/// A place in the order of decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The rule's place among the compiled rules.
    pub(super) rule: u32,
    /// What it does.
    pub(super) kind: EntryKind,
}

/// A mode with its lists as bits over the catalogued tools.
#[derive(Debug)]
pub(super) struct CompiledMode {
    /// Its name.
    pub(super) name: ModeName,
    /// Whether it sets a ceiling.
    pub(super) ceiling: bool,
    /// Tools it grants.
    pub(super) allowed: Bits,
    /// Tools it denies.
    pub(super) blocked: Bits,
    /// Tools it grants or lets rules reach.
    pub(super) listed: Bits,
    /// The reason of what it grants, ready made.
    pub(super) reason: Text,
}

/// A set of tools by their place in the catalogue.
#[derive(Debug, Default)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// The places for which `keep` holds.
    pub(super) fn of(count: usize, keep: impl Fn(usize) -> bool) -> Self {
        let mut words = vec![0_u64; count.div_ceil(64)];
        for (index, word) in words.iter_mut().enumerate() {
            for bit in (0..64).filter(|bit| index * 64 + bit < count && keep(index * 64 + bit)) {
                *word |= 1 << bit;
            }
        }
        Self(words.into_boxed_slice())
    }

    /// Whether the place is in the set.
    #[inline]
    pub(super) fn has(&self, place: usize) -> bool {
        self.0
            .get(place / 64)
            .is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

/// How far policies reach a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// In full.
    Ordinary,
    /// A gateway tool: only by its name in full, and only to tighten.
    Gateway,
    /// A gateway tool of the way back: besides, no policy denies it.
    WayBack,
}

impl Reach {
    /// How far policies reach this tool.
    pub(super) fn of(facts: &ToolFacts) -> Self {
        match facts.owner {
            Owner::Gateway if WAY_BACK.contains(&&*facts.name) => Self::WayBack,
            Owner::Gateway => Self::Gateway,
            Owner::Cloud | Owner::Upstream => Self::Ordinary,
        }
    }

    /// Whether a list of the policy touches the tool.
    pub(super) fn touches(self, facts: &ToolFacts, patterns: &NamePatterns) -> bool {
        match self {
            Self::Ordinary => patterns.matches(&facts.name),
            Self::Gateway => patterns.names_exactly(&facts.name),
            Self::WayBack => false,
        }
    }

    /// Whether a rule of these patterns may touch the tool with such an entry.
    pub(super) fn admits(
        self,
        facts: &ToolFacts,
        tools: Option<&NamePatterns>,
        kind: EntryKind,
    ) -> bool {
        let tightens = match kind {
            EntryKind::Approval => true,
            EntryKind::Deny | EntryKind::Require => self != Self::WayBack,
            EntryKind::Allow => false,
        };
        match self {
            Self::Ordinary => tools.is_none_or(|tools| tools.matches(&facts.name)),
            Self::Gateway | Self::WayBack => {
                tightens && tools.is_some_and(|tools| tools.names_exactly(&facts.name))
            }
        }
    }
}

/// Everything that can touch one catalogued tool.
#[derive(Debug)]
pub(super) struct ToolPlan {
    /// What the catalogue knows.
    pub(super) facts: ToolFacts,
    /// Its place in the catalogue.
    pub(super) place: usize,
    /// How far policies reach it.
    pub(super) reach: Reach,
    /// Whether `global_rules.always_blocked` has it.
    pub(super) always_blocked: bool,
    /// Whether its schema or a constraint has a parameter `service_name`.
    pub(super) takes_service: bool,
    /// The rules that match its name, but not those of any name; by rank. `None`: the plans of other tools took all
    /// the room, and the index is asked, as for a name outside the catalogue.
    pub(super) heads: Option<Box<[Head]>>,
    /// The windows of hours that hold for it.
    pub(super) hours: Box<[u32]>,
    /// What a call of it does to which resource.
    pub(super) operation: Option<OperationMap>,
    /// The constraints that match it.
    pub(super) constraints: Box<[u32]>,
    /// Its input schema.
    pub(super) schema: Schema,
    /// The tools that list valid values for its parameters.
    pub(super) sources: Box<[Arc<str>]>,
    /// What is filled in for parameters that are missing.
    pub(super) defaults: Box<[(String, Value)]>,
}

impl ToolPlan {
    /// Whether it is the gateway's own.
    #[inline]
    pub(super) fn is_gateway(&self) -> bool {
        self.reach != Reach::Ordinary
    }
}
