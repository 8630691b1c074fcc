//! One request on its way through the stages, in the order of the specification.

use std::sync::Arc;

use crate::domain::{ActionRequest, ApprovalEvidence, Digest};

use super::bundle::DefaultDecision;
use super::code::Code;
use super::decision::{Determinant, Effect, Remedy, Text};
use super::engine::Engine;
use super::index::Head;
use super::mask::Mask;
use super::plan::{CompiledMode, CompiledRule, EntryKind, ToolPlan};
use super::regard::Regard;
use super::rule::ApprovalTerms;
use super::ruling;
use super::trace::{Stage, Trace};

/// A refusal with everything that is said about it.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) code: Code,
    pub(super) reason: Text,
    pub(super) determined_by: Option<Arc<Determinant>>,
    pub(super) problems: Vec<String>,
    pub(super) remedy: Remedy,
    pub(super) retry_after_seconds: Option<u64>,
}

/// An allow, or the demand for an approval.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) effect: Effect,
    pub(super) code: Code,
    /// `None`: what the rule that decided says.
    pub(super) reason: Option<Text>,
    pub(super) determined_by: Option<Arc<Determinant>>,
    pub(super) remedy: Option<Remedy>,
}

impl Answer {
    /// The reason in words.
    pub(super) fn words(&self) -> String {
        let of_rule = self.determined_by.as_ref().map(|rule| &rule.says);
        self.reason
            .as_ref()
            .or(of_rule)
            .map_or("", Text::as_str)
            .to_owned()
    }
}

/// How the stages end.
pub(super) type Outcome = Result<Answer, Box<Denial>>;
/// How a stage ends.
pub(super) type Passed = Result<(), Box<Denial>>;

/// Evidence that was used up on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// The overrides, one bit each; those beyond the 64th lift nothing.
    pub(super) overrides: u64,
    /// The approval.
    pub(super) approval: bool,
}

/// A demand for an approval.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) determinant: &'a Arc<Determinant>,
    pub(super) terms: &'a ApprovalTerms,
}

/// What stages 10 and 11 come to: an allow that stands unless an approval is demanded.
struct Grant<'a> {
    code: Code,
    reason: Option<Text>,
    determined_by: Option<&'a Arc<Determinant>>,
}

/// What the rules say, when none of them denies.
enum Ruling<'a> {
    Allow(&'a CompiledRule),
    Ask(Ask<'a>),
    Silent,
}

/// One request on its way.
pub(super) struct Evaluation<'a, T> {
    pub(super) engine: &'a Engine,
    pub(super) request: &'a ActionRequest,
    pub(super) plan: Option<&'a ToolPlan>,
    pub(super) mode: Option<&'a CompiledMode>,
    pub(super) mask: Mask,
    /// Heads that take part beside the enforced ones, when a shadow policy is tried; by rank.
    pub(super) shadow: &'a [Head],
    pub(super) trace: T,
    /// What of the arguments counts.
    pub(super) regard: Regard,
    used: Used,
    /// A demand that holds whatever is allowed below it.
    floor: Option<Ask<'a>>,
}

impl<'a, T: Trace> Evaluation<'a, T> {
    pub(super) fn new(engine: &'a Engine, request: &'a ActionRequest, trace: T) -> Self {
        let place = engine
            .modes
            .iter()
            .position(|mode| mode.name == request.context.mode);
        Self {
            engine,
            request,
            plan: engine.plan_of(request),
            mode: place.and_then(|place| engine.modes.get(place)),
            mask: Mask::of_request(request, place),
            shadow: &[],
            trace,
            regard: Regard::Arguments,
            used: Used::default(),
            floor: None,
        }
    }

    /// The evidence that was used up.
    pub(super) const fn used(&self) -> Used {
        self.used
    }

    /// Walks the order of the specification.
    pub(super) fn run(&mut self) -> Outcome {
        self.stage(Stage("1", "lockdown and integrity"), Self::safety)?;
        self.stage(Stage("2", "name and catalogue"), Self::name)?;
        self.stage(Stage("3", "caller"), Self::caller)?;
        self.stage(Stage("4", "always blocked, protected paths"), Self::never)?;
        self.stage(Stage("5", "the agent's denied tools"), Self::agent_denied)?;
        self.stage(Stage("6", "the agent's allowed tools"), Self::agent_allowed)?;
        self.stage(Stage("7", "roles"), Self::roles)?;
        self.stage(Stage("8", "blocked by the mode"), Self::mode_blocked)?;
        self.stage(Stage("9", "listed by the mode"), Self::mode_listed)?;
        self.stage(Stage("9a", "services"), Self::services)?;
        self.stage(Stage("9b", "hours"), Self::hours)?;
        self.stage(Stage("9c", "resources"), Self::resources)?;
        let ruling = self.stage(Stage("10", "rules"), Self::rules)?;
        let grant = self.stage(Stage("11", "mode and default"), |this| this.grant(&ruling))?;
        self.stage(Stage("12", "arguments"), Self::arguments)?;
        self.stage(Stage("13", "quotas"), Self::quotas)?;
        let ask = match ruling {
            Ruling::Ask(ask) => Some(stricter(self.floor.take(), ask)),
            Ruling::Allow(_) | Ruling::Silent => self.floor.take(),
        };
        self.stage(Stage("14", "evidence"), |this| this.evidence(grant, ask))
    }

    #[inline]
    fn stage<R>(
        &mut self,
        stage: Stage,
        run: impl FnOnce(&mut Self) -> Result<R, Box<Denial>>,
    ) -> Result<R, Box<Denial>> {
        let result = run(self);
        match &result {
            Ok(_) => self.trace.passed(stage),
            Err(_) => self.trace.decided(stage),
        }
        result
    }

    pub(super) fn name_of_tool(&self) -> &'a str {
        &self.request.resource.name
    }

    /// Whether the tool is the gateway's own.
    pub(super) fn is_gateway(&self) -> bool {
        self.plan.is_some_and(super::plan::ToolPlan::is_gateway)
    }

    /// Denies, unless there is evidence that lifts this very code and rule and was not used yet.
    pub(super) fn refuse(
        &mut self,
        code: Code,
        rule: Option<&Digest>,
        denial: impl FnOnce(&Self) -> Box<Denial>,
    ) -> Passed {
        if self.lift(code, rule) {
            Ok(())
        } else if self.regard.is_call() {
            Err(denial(self))
        } else {
            // Nobody reads the words of an answer that is asked for its effect alone.
            Err(ruling::unsaid(code))
        }
    }

    /// Uses up one override for the code. Where a rule denies, the evidence must name it.
    pub(super) fn lift(&mut self, code: Code, rule: Option<&Digest>) -> bool {
        if self.regard.lifts() {
            return true;
        }
        let overrides = &self.request.context.overrides;
        let fits = overrides
            .iter()
            .take(64)
            .enumerate()
            .find(|(place, evidence)| {
                self.used.overrides >> place & 1 == 0
                    && *evidence.code == *code.as_str()
                    && evidence.rule.as_ref() == rule
            });
        let Some((place, _)) = fits else { return false };
        self.used.overrides |= 1 << place;
        self.trace.lifted(code);
        true
    }

    /// Remembers a demand that holds whatever is allowed.
    pub(super) fn raise_floor(&mut self, ask: Ask<'a>) {
        self.floor = Some(match self.floor.take() {
            Some(floor) => stricter(Some(floor), ask),
            None => ask,
        });
    }

    /// Stage 10, with the floors of 10a that undecidable approval rules are.
    fn rules(&mut self) -> Result<Ruling<'a>, Box<Denial>> {
        let mut after = None;
        while let Some(firing) = self.next_firing(after) {
            let rule = firing.rule;
            match firing.kind {
                EntryKind::Deny | EntryKind::Require => self.refuse_by_rule(&firing)?,
                EntryKind::Approval => {
                    let (_, source) = self.engine.source(rule);
                    let ask = Ask {
                        determinant: &rule.determinant,
                        terms: &source.approval,
                    };
                    if !firing.undecidable {
                        return Ok(Ruling::Ask(ask));
                    }
                    self.raise_floor(ask);
                }
                EntryKind::Allow => return Ok(Ruling::Allow(rule)),
            }
            after = Some(firing.rank);
        }
        Ok(Ruling::Silent)
    }

    /// Stage 11, and what the rules allow.
    fn grant(&mut self, ruling: &Ruling<'a>) -> Result<Grant<'a>, Box<Denial>> {
        let grant = |code, reason| Grant {
            code,
            reason,
            determined_by: None,
        };
        match ruling {
            Ruling::Allow(rule) => {
                let determined_by = Some(&rule.determinant);
                return Ok(Grant {
                    determined_by,
                    ..grant(Code::RuleAllow, None)
                });
            }
            // What it would be without the demand is never shown.
            Ruling::Ask(_) => return Ok(grant(Code::RuleAllow, Some(Text::Static("Approved")))),
            Ruling::Silent => {}
        }
        if self.is_gateway() {
            return Ok(grant(
                Code::Builtin,
                Some(Text::Static("Gateway tool, and nothing denies it")),
            ));
        }
        if let Some(mode) = self.mode.filter(|_| self.is_granted_by_mode()) {
            return Ok(grant(Code::ModeAllowed, Some(mode.reason.clone())));
        }
        let permitted = || {
            grant(
                Code::DefaultAllow,
                Some(Text::Static("Action permitted by default policy")),
            )
        };
        match self.engine.bundle.default_decision {
            DefaultDecision::Allow => Ok(permitted()),
            DefaultDecision::Deny => {
                self.refuse(Code::DefaultDeny, None, ruling::default_deny)?;
                Ok(permitted())
            }
        }
    }

    /// Stage 13.
    fn quotas(&mut self) -> Passed {
        self.request
            .context
            .quota
            .as_ref()
            .map_or(Ok(()), |quota| Err(ruling::rate_limited(quota)))
    }

    /// Stage 14.
    fn evidence(&mut self, grant: Grant<'a>, ask: Option<Ask<'a>>) -> Outcome {
        let lifted = self.used.overrides != 0;
        let allow = |code, reason, determined_by: Option<&Arc<Determinant>>| {
            let (code, reason) = if lifted {
                (Code::Override, Some(Text::Static("Allowed by override")))
            } else {
                (code, reason)
            };
            let determined_by = determined_by.cloned();
            Ok(Answer {
                effect: Effect::Allow,
                code,
                reason,
                determined_by,
                remedy: None,
            })
        };
        let Some(ask) = ask else {
            return allow(grant.code, grant.reason, grant.determined_by);
        };
        match &self.request.context.approval {
            Some(ApprovalEvidence::Approved { rule }) if *rule == ask.determinant.digest => {
                self.used.approval = true;
                allow(
                    Code::Approved,
                    Some(Text::Static("Approved")),
                    Some(ask.determinant),
                )
            }
            Some(ApprovalEvidence::Denied) => Err(ruling::approval_denied(&ask)),
            Some(ApprovalEvidence::Approved { .. }) | None => Ok(ruling::approval_required(ask)),
        }
    }
}

/// Of two demands the one with the larger quorum; at the same quorum the first, which has the higher priority.
fn stricter<'a>(floor: Option<Ask<'a>>, ask: Ask<'a>) -> Ask<'a> {
    match floor {
        Some(floor) if floor.terms.quorum >= ask.terms.quorum => floor,
        Some(_) | None => ask,
    }
}
