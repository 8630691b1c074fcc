//! Stage 10's search: the first entry of the order that fires, among those that can match the name at all.

use super::code::Code;
use super::condition::Truth;
use super::constraint::check_parameter;
use super::evaluation::{Denial, Evaluation};
use super::index::Head;
use super::plan::{CompiledRule, EntryKind, Reach};
use super::regard::{fires_at_best, fires_ever};
use super::rule::RuleAction;
use super::ruling;
use super::trace::Trace;

/// The longest name whose lower case is made without allocation.
const STACK: usize = 512;

/// An entry that fires.
pub(super) struct Firing<'a> {
    pub(super) rank: u32,
    pub(super) kind: EntryKind,
    pub(super) rule: &'a CompiledRule,
    /// Whether it fires only because it can't be told.
    pub(super) undecidable: bool,
}

impl<'a, T: Trace> Evaluation<'a, T> {
    /// The first entry behind `after` that fires.
    pub(super) fn next_firing(&self, after: Option<u32>) -> Option<Firing<'a>> {
        let mut best = None;
        let mut scan = |list: &[Head]| self.scan(list, after, &mut best);
        self.visit(&mut scan);
        scan(self.shadow);
        best
    }

    /// Shows every list of heads that may match the name.
    #[inline]
    pub(super) fn visit(&self, mut see: impl FnMut(&[Head])) {
        match self.plan.and_then(|plan| plan.heads.as_ref()) {
            Some(heads) => see(heads),
            None => in_lower_case(self.name_of_tool(), |name| {
                self.engine.index.visit(name, &mut see);
            }),
        }
        if !self.is_gateway() {
            see(&self.engine.any);
        }
    }

    /// Looks through a list in the order of ranks, no further than what was found so far.
    #[inline]
    fn scan(&self, list: &[Head], after: Option<u32>, best: &mut Option<Firing<'a>>) {
        let start = after.map_or(0, |after| list.partition_point(|head| head.rank <= after));
        for head in list.get(start..).unwrap_or_default() {
            if best.as_ref().is_some_and(|best| best.rank <= head.rank) {
                break;
            }
            if head.mask.admits(self.mask)
                && let Some(firing) = self.fires(head)
            {
                *best = Some(firing);
                break;
            }
        }
    }

    #[inline]
    fn fires(&self, head: &Head) -> Option<Firing<'a>> {
        let entry = self.engine.entries.get(head.rank as usize)?;
        let rule = self.engine.rules.get(entry.rule as usize)?;
        let firing = |undecidable| Firing {
            rank: head.rank,
            kind: entry.kind,
            rule,
            undecidable,
        };
        if !self.verifies(head, rule) {
            return None;
        }
        if head.plain {
            return Some(firing(false));
        }
        if self.regard.suits_caller() {
            return self.fires_by_name(entry.kind, rule).then(|| firing(false));
        }
        let truth = rule.leaves.test(self.request);
        let fires = match (truth, rule.action) {
            (Truth::False, _) | (Truth::Undecidable, RuleAction::Allow) => false,
            (Truth::True, _)
            | (Truth::Undecidable, RuleAction::Deny | RuleAction::RequireApproval) => true,
        };
        let fires = fires && self.fires_by_require(entry.kind, rule);
        fires.then(|| firing(truth == Truth::Undecidable))
    }

    /// Whether it fires for a caller whom arguments and hour suit.
    fn fires_by_name(&self, kind: EntryKind, rule: &CompiledRule) -> bool {
        if self.regard.lifts() {
            fires_ever(kind, rule.leaves.test_at_some_time(self.request))
        } else {
            fires_at_best(kind, rule.leaves.test(self.request))
        }
    }

    /// Whether the name matches, where the lists could not tell.
    #[inline]
    pub(super) fn verifies(&self, head: &Head, rule: &CompiledRule) -> bool {
        if !head.verify {
            return true;
        }
        let (_, source) = self.engine.source(rule);
        let tools = source.condition.tools.as_ref();
        tools.is_none_or(|tools| tools.matches(self.name_of_tool()))
    }

    /// What a rule's `require` leaves of it: its deny where that doesn't hold, itself where it does.
    ///
    /// On the way back, which nothing denies, it says what it says in any case.
    fn fires_by_require(&self, kind: EntryKind, rule: &CompiledRule) -> bool {
        match kind {
            EntryKind::Deny => true,
            EntryKind::Require => !self.require_holds(rule),
            EntryKind::Approval | EntryKind::Allow => {
                self.plan.is_some_and(|plan| plan.reach == Reach::WayBack)
                    || self.require_holds(rule)
            }
        }
    }

    fn require_holds(&self, rule: &CompiledRule) -> bool {
        let mut holds = true;
        self.check_require(rule, &mut |_| holds = false);
        holds
    }

    /// Tells every problem of the rule's `require`.
    pub(super) fn check_require(
        &self,
        rule: &CompiledRule,
        report: &mut dyn FnMut(std::fmt::Arguments<'_>),
    ) {
        let (_, source) = self.engine.source(rule);
        for (name, parameter) in &source.require {
            let value = self.request.arguments.get(name);
            check_parameter(name, parameter, value, &self.request.context.values, report);
        }
    }

    /// A deny by a rule. An override lifts it when the rule may be overridden and is known to apply.
    pub(super) fn refuse_by_rule(&mut self, firing: &Firing<'a>) -> Result<(), Box<Denial>> {
        let rule = firing.rule;
        let (_, source) = self.engine.source(rule);
        let code = match firing.kind {
            EntryKind::Require => Code::ConstraintViolated,
            EntryKind::Deny | EntryKind::Approval | EntryKind::Allow => Code::RuleDeny,
        };
        let may_be_lifted = source.overridable && !firing.undecidable;
        if may_be_lifted && self.lift(code, Some(&rule.determinant.digest)) {
            return Ok(());
        }
        if !self.regard.is_call() {
            return Err(ruling::unsaid(code));
        }
        Err(match firing.kind {
            EntryKind::Require => ruling::require_violated(self, rule, may_be_lifted),
            EntryKind::Deny | EntryKind::Approval | EntryKind::Allow => {
                ruling::rule_deny(self, rule, firing.undecidable)
            }
        })
    }

    /// Of the heads of a shadow policy those that may touch this request, by name.
    pub(super) fn shadow_heads(&self, heads: &[Head]) -> Vec<Head> {
        let touches = |head: &&Head| {
            let Some(entry) = self.engine.entries.get(head.rank as usize) else {
                return false;
            };
            let Some(rule) = self.engine.rules.get(entry.rule as usize) else {
                return false;
            };
            let (_, source) = self.engine.source(rule);
            let tools = source.condition.tools.as_ref();
            match self.plan {
                Some(plan) => plan.reach.admits(&plan.facts, tools, entry.kind),
                None => tools.is_none_or(|tools| tools.matches(self.name_of_tool())),
            }
        };
        heads.iter().filter(touches).copied().collect()
    }
}

/// Hands over the name in lower case.
fn in_lower_case(name: &str, then: impl FnOnce(&[u8])) {
    let mut buffer = [0; STACK];
    match buffer.get_mut(..name.len()) {
        Some(lower) => {
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            then(lower);
        }
        None => then(name.to_ascii_lowercase().as_bytes()),
    }
}
