//! Which of the rules that differ touch a name.

use crate::policy::bundle::NamePatterns;
use crate::policy::index::{Head, NameIndex};
use crate::policy::mask::Mask;
use crate::policy::rule::{Condition, Rule, RuleAction};

use super::change::Change;

/// Where a rule that differs pushes what arguments may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    /// It does not read arguments.
    None,
    /// More arguments may be let pass.
    Open,
    /// Fewer arguments may be let pass.
    Close,
    /// Either.
    Both,
}

impl Push {
    /// How a rule pushes that came or went.
    fn of(rule: &Rule, came: bool) -> Self {
        let (tests, requires) = (
            !rule.condition.arguments.is_empty(),
            !rule.require.is_empty(),
        );
        let grants = tests && rule.action != RuleAction::Deny;
        // An approval by arguments is a way for what was denied, and an obstacle for what was allowed.
        let holds_back = tests && rule.action != RuleAction::Allow || requires;
        match (grants, holds_back, came) {
            (false, false, _) => Self::None,
            (true, true, _) => Self::Both,
            (true, false, true) | (false, true, false) => Self::Open,
            (true, false, false) | (false, true, true) => Self::Close,
        }
    }

    pub(super) const fn opens(self) -> bool {
        matches!(self, Self::Open | Self::Both)
    }

    pub(super) const fn closes(self) -> bool {
        matches!(self, Self::Close | Self::Both)
    }
}

/// The rules that differ, by the names that they touch.
pub(super) struct Touching<'b> {
    rules: Vec<(&'b Rule, Push)>,
    index: NameIndex,
    /// Rules for any name.
    any: Vec<usize>,
}

impl<'b> Touching<'b> {
    pub(super) fn of(change: &Change<'b>) -> Self {
        let came = change
            .added
            .iter()
            .map(|&rule| (rule, Push::of(rule, true)));
        let went = change
            .removed
            .iter()
            .map(|&rule| (rule, Push::of(rule, false)));
        let rules: Vec<(&Rule, Push)> = came.chain(went).collect();
        let mask = Mask::of_rule(&Condition::default(), &[]);
        let heads = (0_u32..).zip(&rules).filter_map(|(rank, (rule, _))| {
            let head = Head {
                mask,
                rank,
                plain: true,
                verify: false,
            };
            Some((head, rule.condition.tools.as_ref()?))
        });
        let index = NameIndex::build(heads);
        let is_any = |tools: &NamePatterns| {
            tools.exclude.is_empty() && tools.include.iter().any(|entry| entry.pattern.is_any())
        };
        let any = rules.iter().enumerate();
        let any = any.filter(|(_, (rule, _))| rule.condition.tools.as_ref().is_none_or(is_any));
        Self {
            any: any.map(|(place, _)| place).collect(),
            index,
            rules,
        }
    }

    /// The rules that touch the name.
    pub(super) fn rules_for(&self, name: &str) -> Vec<(&'b Rule, Push)> {
        let lower = name.to_ascii_lowercase();
        let mut places = self.any.clone();
        self.index.visit(lower.as_bytes(), |heads| {
            let ranks = heads
                .iter()
                .filter_map(|head| usize::try_from(head.rank).ok());
            places.extend(ranks);
        });
        places.sort_unstable();
        places.dedup();
        let matches = |rule: &Rule| {
            let tools = rule.condition.tools.as_ref();
            tools.is_none_or(|tools| tools.matches(name))
        };
        let rules = places
            .into_iter()
            .filter_map(|place| self.rules.get(place).copied());
        rules.filter(|(rule, _)| matches(rule)).collect()
    }
}
