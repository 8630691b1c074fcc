//! The engine: one immutable snapshot of policy and catalogue that answers every request, at every door.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::domain::{ActionRequest, ActionType, Arguments, ModeName, Pattern, Purpose, ToolFacts};

use super::bundle::{Bundle, ToolConstraints};
use super::compile::{ROOM, compile};
use super::decision::{Decision, Effect, Nature};
use super::evaluation::{Answer, Denial, Evaluation, Outcome};
use super::index::{FastHasher, Head, NameIndex};
use super::plan::{CompiledMode, CompiledRule, Entry, ToolPlan};
use super::planner::defaults;
use super::protected::Protected;
use super::regard::Regard;
use super::rule::{Policy, Rule};
use super::sections::{CompiledResource, Hours};
use super::trace::{Silent, Trace};

/// Decides calls by one version of the policy and one state of the catalogue.
///
/// Pure and total: no clock, no I/O, no randomness, no panic. Same input, same decision, so that recorded calls can
/// be replayed. Built in the background at every change of policy or catalogue and swapped whole.
#[derive(Debug)]
pub struct Engine {
    pub(super) version: u64,
    pub(super) tools: Vec<ToolPlan>,
    pub(super) by_name: HashMap<Arc<str>, usize, BuildHasherDefault<FastHasher>>,
    pub(super) rules: Vec<CompiledRule>,
    /// In the order of decision: the first that fires is the one that decides.
    pub(super) entries: Vec<Entry>,
    /// Rules for any name, which no plan repeats.
    pub(super) any: Vec<Head>,
    /// Rules by name, for names outside the catalogue.
    pub(super) index: NameIndex,
    pub(super) shadows: Vec<ShadowPolicy>,
    pub(super) modes: Vec<CompiledMode>,
    pub(super) hours: Vec<Hours>,
    pub(super) resources: Vec<CompiledResource>,
    pub(super) constraints: Vec<ToolConstraints>,
    pub(super) protected: Protected,
    pub(super) bundle: Arc<Bundle>,
}

/// A policy that only watches, with the places of its rules in the common order.
#[derive(Debug)]
pub(super) struct ShadowPolicy {
    /// Its place in the bundle.
    pub(super) policy_place: usize,
    /// Its heads by rank; names are not checked yet.
    pub(super) heads: Vec<Head>,
}

/// What a mode's lists say of a tool, for status and catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The mode grants it.
    pub allowed: bool,
    /// The mode, or `always_blocked`, denies it.
    pub blocked: bool,
    /// The mode lets rules reach it: granted, listed as reachable, or there is no ceiling.
    pub reachable: bool,
}

impl Engine {
    /// Compiles a checked bundle for a catalogue.
    ///
    /// A schema that can't be read lets no arguments pass, a zone that nobody knows no hour: nothing fails open,
    /// and one bad upstream tool doesn't stop the others.
    #[must_use]
    pub fn compile(bundle: Arc<Bundle>, catalogue: &[ToolFacts], version: u64) -> Self {
        Self::compile_guarding(bundle, catalogue, version, &[])
    }

    /// As [`Engine::compile`], and protects further paths: the gateway's own folders, as `/srv/gateway/data/*`.
    #[must_use]
    pub fn compile_guarding(
        bundle: Arc<Bundle>,
        catalogue: &[ToolFacts],
        version: u64,
        folders: &[Pattern],
    ) -> Self {
        compile(bundle, catalogue, version, folders, ROOM)
    }

    /// Decides one request (`spec/decision.md`, "The order").
    #[must_use]
    pub fn decide(&self, request: &Arc<ActionRequest>) -> Decision {
        let mut evaluation = Evaluation::new(self, request, Silent);
        let outcome = evaluation.run();
        self.decision(request, outcome, &evaluation)
    }

    /// What a call of this name would be answered if its arguments fitted, for lists of tools.
    ///
    /// Rules that read arguments count as undecidable, so the answer is the more restrictive one.
    #[must_use]
    pub fn effect_by_name(&self, request: &ActionRequest) -> Effect {
        self.effect(request, Regard::AtWorst)
    }

    /// Shows the heads of every rule that may touch this name.
    pub(super) fn heads_of(&self, name: &str, mut see: impl FnMut(&Head)) {
        let mut each = |heads: &[Head]| heads.iter().for_each(&mut see);
        if let Some(heads) = self.plan(name).and_then(|plan| plan.heads.as_ref()) {
            each(heads);
        } else {
            let lower = name.to_ascii_lowercase();
            self.index.visit(lower.as_bytes(), &mut each);
        }
        each(&self.any);
    }

    /// Whether something beside the rules looks at what a call does, or when.
    pub(super) fn looks_beside_rules(&self) -> bool {
        let mut modes = self.bundle.modes.values();
        !self.hours.is_empty()
            || !self.resources.is_empty()
            || modes.any(|mode| mode.service_restrictions)
    }

    /// What a call of this name gets without regard to its arguments.
    pub(super) fn effect(&self, request: &ActionRequest, regard: Regard) -> Effect {
        let mut evaluation = Evaluation::new(self, request, Silent);
        evaluation.regard = regard;
        evaluation
            .run()
            .map_or(Effect::Deny, |answer| answer.effect)
    }

    /// The denial that stands where the rules themselves broke: a bug must not allow.
    #[must_use]
    pub fn refuse(&self, request: &Arc<ActionRequest>) -> Decision {
        let evaluation = Evaluation::new(self, request, Silent);
        self.decision(request, Err(super::verdict::broken()), &evaluation)
    }

    /// The arguments as they will be sent on: defaults of constraints and schema filled in where one is missing.
    #[must_use]
    pub fn complete(&self, tool: &str, mut arguments: Arguments) -> Arguments {
        let mut fill = |name: &str, value: &serde_json::Value| {
            if !arguments.0.contains_key(name) {
                arguments.0.insert(name.to_owned(), value.clone());
            }
        };
        if let Some(plan) = self.plan(tool) {
            plan.defaults
                .iter()
                .for_each(|(name, value)| fill(name, value));
        } else {
            let matching: Vec<&ToolConstraints> = self
                .constraints
                .iter()
                .filter(|constraint| constraint.tools.matches(tool))
                .collect();
            let all = defaults(&serde_json::Value::Null, &matching);
            all.iter().for_each(|(name, value)| fill(name, value));
        }
        arguments
    }

    /// The tools whose answers [`Engine::decide`] wants in `context.values` for calls of this tool.
    #[must_use]
    pub fn value_sources(&self, tool: &str) -> &[Arc<str>] {
        self.plan(tool).map_or(&[], |plan| &plan.sources)
    }

    /// The version of the policy.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The policy.
    #[must_use]
    pub const fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// What the catalogue knows of the tool of exactly this name.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&ToolFacts> {
        self.plan(name).map(|plan| &plan.facts)
    }

    /// The catalogued tools, in the order in which they were given.
    pub fn tools(&self) -> impl Iterator<Item = &ToolFacts> {
        self.tools.iter().map(|plan| &plan.facts)
    }

    /// What the lists of a mode say of a catalogued tool; `None` when mode or tool is unknown.
    #[must_use]
    pub fn standing(&self, mode: &ModeName, tool: &str) -> Option<Standing> {
        let mode = self.modes.iter().find(|known| known.name == *mode)?;
        let plan = self.plan(tool)?;
        let blocked = plan.always_blocked || mode.blocked.has(plan.place);
        Some(Standing {
            allowed: mode.allowed.has(plan.place) && !blocked,
            blocked,
            reachable: (!mode.ceiling || plan.is_gateway() || mode.listed.has(plan.place))
                && !blocked,
        })
    }

    pub(super) fn plan(&self, name: &str) -> Option<&ToolPlan> {
        self.by_name
            .get(name)
            .and_then(|&place| self.tools.get(place))
    }

    /// The plan by which a request is decided: a run is always one of a tool, a question about another type of action
    /// names a target, which is no tool even when it is called like one.
    #[inline]
    pub(super) fn plan_of(&self, request: &ActionRequest) -> Option<&ToolPlan> {
        match (request.purpose, &request.action) {
            (Purpose::Run | Purpose::DryRun, _) | (Purpose::Question, ActionType::ToolCall) => {
                self.plan(&request.resource.name)
            }
            (
                Purpose::Question,
                ActionType::ResourceAccess
                | ActionType::DataRead
                | ActionType::DataWrite
                | ActionType::Other(_),
            ) => None,
        }
    }

    /// The policy and rule behind a compiled one.
    #[expect(
        clippy::indexing_slicing,
        reason = "the places were taken from this bundle when it was compiled, and it never changes"
    )]
    pub(super) fn source(&self, rule: &CompiledRule) -> (&Policy, &Rule) {
        let policy = &self.bundle.policies[rule.policy_place];
        (policy, &policy.rules[rule.rule_place])
    }

    /// The decision that the evaluation came to.
    #[inline]
    pub(super) fn decision<T: Trace>(
        &self,
        request: &Arc<ActionRequest>,
        outcome: Outcome,
        evaluation: &Evaluation<'_, T>,
    ) -> Decision {
        let plan = evaluation.plan;
        let nature = Nature {
            modifies: plan.is_none_or(|plan| plan.facts.class.modifies()),
            management: evaluation.is_gateway(),
            carries_question: plan.is_some_and(|plan| plan.facts.asks),
        };
        let used = evaluation.used();
        let (answer, problems, retry_after_seconds) = match outcome {
            Ok(answer) => (answer, Vec::new(), None),
            Err(denial) => {
                let Denial {
                    code,
                    reason,
                    determined_by,
                    problems,
                    remedy,
                    retry_after_seconds,
                } = *denial;
                let effect = Effect::Deny;
                let answer = Answer {
                    effect,
                    code,
                    reason: Some(reason),
                    determined_by,
                    remedy: Some(remedy),
                };
                (answer, problems, retry_after_seconds)
            }
        };
        Decision {
            request: Arc::clone(request),
            effect: answer.effect,
            code: answer.code,
            reason: answer.reason,
            determined_by: answer.determined_by,
            policy_version: self.version,
            bundle_digest: self.bundle.digest,
            warnings: Vec::new(),
            problems,
            remedy: answer.remedy,
            retry_after_seconds,
            nature,
            tool_place: plan.map(|plan| plan.place),
            approval_used: used.approval,
            overrides_used: used.overrides,
        }
    }
}
