//! What two engines are asked to find where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Map;

use crate::domain::{
    ActionId, ActionRequest, ActionType, AgentId, Arguments, Authentication, Context, ModeName,
    Pattern, PatternList, Principal, PrincipalStatus, Purpose, Resource, Roles, Stated, Timestamp,
    TrustLevel,
};
use crate::policy::decision::Effect;
use crate::policy::engine::Engine;
use crate::policy::glob::sample;
use crate::policy::regard::Regard;
use crate::policy::rule::Rule;

use super::Key;
use super::change::Change;
use super::space::{Classes, actions, agent_patterns, instants, names};
use super::touch::{Push, Touching};

/// The most agents' patterns of which an example is asked.
const MOST_AGENTS: usize = 32;
/// The most names outside the catalogue that are asked: nothing of that name runs here.
const MOST_NAMES: usize = 2_000;
/// The agent that no policy speaks of.
const NOBODY: &str = "nobody.in.particular";

/// A difference at one point: in this mode, at these trust levels.
pub(super) struct Cell {
    pub(super) key: Key,
    pub(super) mode: ModeName,
    pub(super) trust: u8,
}

/// What is asked: every subject, as every agent, in every mode, at every trust level, at every instant.
pub(super) struct Probes<'b> {
    before: &'b Engine,
    after: &'b Engine,
    touching: Touching<'b>,
    /// The names, each with what people are told of it.
    names: BTreeMap<Arc<str>, String>,
    /// As whom and as which type of action each is asked; first as a tool call of nobody in particular.
    guises: Vec<Guise>,
    /// Whether there are more agents' patterns than are asked.
    pub(super) more_agents: bool,
    modes: BTreeSet<ModeName>,
    /// Whether something beside the rules reads arguments or the hour.
    reads_beside: bool,
    instants: Vec<Timestamp>,
    /// Whether names that no changed rule touches are asked too.
    everything: bool,
}

/// As whom and as what a name is asked about.
struct Guise {
    /// The pattern of which the agent is an example.
    agents: Option<String>,
    agent: AgentId,
    action: ActionType,
}

/// A name that is asked about.
struct Point<'p> {
    /// What people are told of it.
    shown: &'p str,
    /// The rules that differ and touch it.
    rules: &'p [(&'p Rule, Push)],
    /// What rules tell apart about it.
    classes: Classes,
}

/// What both engines say at the worst and at the best.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Said {
    worst: (Effect, Effect),
    best: (Effect, Effect),
    opens: bool,
    closes: bool,
}

impl<'b> Probes<'b> {
    /// The questions for a change; `None` when no agent's id can be made.
    pub(super) fn new(
        before: &'b Engine,
        after: &'b Engine,
        change: &Change<'b>,
        now: Timestamp,
    ) -> Option<Self> {
        let bundles = [before.bundle(), after.bundle()];
        let mut agents = vec![(None, AgentId::parse(NOBODY).ok()?)];
        let patterns = agent_patterns(bundles);
        let more_agents = patterns.len() > MOST_AGENTS;
        let examples = patterns.iter().filter_map(|pattern| {
            let id = AgentId::parse(&sample(pattern)).ok()?;
            Some((Some(pattern.to_string()), id))
        });
        agents.extend(examples.take(MOST_AGENTS));
        let guise = |action: ActionType| {
            agents
                .clone()
                .into_iter()
                .map(move |(agents, agent)| Guise {
                    agents,
                    agent,
                    action: action.clone(),
                })
        };
        let modes = bundles
            .iter()
            .flat_map(|bundle| bundle.modes.keys().cloned());
        Some(Self {
            before,
            after,
            touching: Touching::of(change),
            names: names(before, after, change),
            guises: actions(bundles).into_iter().flat_map(guise).collect(),
            more_agents,
            modes: modes.collect(),
            reads_beside: before.looks_beside_rules() || after.looks_beside_rules(),
            instants: instants(change, now),
            everything: change.sections,
        })
    }

    /// Asks everything and hands over each difference; says how many names were left out.
    pub(super) fn each(&self, mut see: impl FnMut(Cell)) -> usize {
        let (Some(plain), Some(&now)) = (self.guises.first(), self.instants.first()) else {
            return self.names.len();
        };
        let mut request = request(&plain.agent, now);
        let (mut elsewhere, mut left_out) = (0, 0);
        for (name, shown) in &self.names {
            let rules = self.touching.rules_for(name);
            if rules.is_empty() && !self.everything {
                continue;
            }
            elsewhere += usize::from(self.after.tool(name).is_none());
            if elsewhere > MOST_NAMES && self.after.tool(name).is_none() {
                left_out += 1;
                continue;
            }
            let point = Point {
                shown,
                rules: &rules,
                classes: Classes::of([self.before, self.after], name, self.reads_beside),
            };
            request.resource.name = Arc::clone(name);
            for &instant in &self.instants {
                request.context.now = instant;
                for mode in &self.modes {
                    request.context.mode = mode.clone();
                    for (level, bits) in point.classes.trust() {
                        request.principal.trust = level;
                        self.at_point(&mut request, &point, bits, &mut see);
                    }
                }
            }
        }
        left_out
    }

    /// Asks in every guise; one that is answered like the plain one is not told.
    fn at_point(
        &self,
        request: &mut ActionRequest,
        point: &Point<'_>,
        trust: u8,
        see: &mut impl FnMut(Cell),
    ) {
        let mut plain = None;
        for guise in &self.guises {
            request.principal.agent_id = guise.agent.clone();
            request.action = guise.action.clone();
            let said = self.said(request, point);
            let is_plain = plain.is_none();
            if *plain.get_or_insert(said) == said && !is_plain {
                continue;
            }
            let action = &guise.action;
            for (from, to, some_arguments) in said.differences() {
                see(Cell {
                    key: Key {
                        what: point.shown.to_owned(),
                        from,
                        to,
                        some_arguments,
                        agents: guise.agents.clone(),
                        action_type: (*action != ActionType::ToolCall)
                            .then(|| action.as_str().to_owned()),
                    },
                    mode: request.context.mode.clone(),
                    trust,
                });
            }
        }
    }

    fn said(&self, request: &ActionRequest, point: &Point<'_>) -> Said {
        let both = |regard| {
            (
                self.before.effect(request, regard),
                self.after.effect(request, regard),
            )
        };
        let worst = both(Regard::AtWorst);
        if !point.classes.reads {
            return Said {
                worst,
                best: worst,
                opens: false,
                closes: false,
            };
        }
        let pushes = || {
            point
                .rules
                .iter()
                .filter(|(rule, _)| concerns(rule, request))
        };
        Said {
            worst,
            best: both(Regard::AtBest),
            opens: pushes().any(|(_, push)| push.opens()),
            closes: pushes().any(|(_, push)| push.closes()),
        }
    }
}

impl Said {
    /// From which effect to which, and whether for some arguments only.
    fn differences(self) -> Vec<(Effect, Effect, bool)> {
        let Self { worst, best, .. } = self;
        let mut found = Vec::new();
        if worst.0 != worst.1 {
            found.push((worst.0, worst.1, false));
        }
        if best.0 != best.1 && best != worst {
            found.push((best.0, best.1, true));
        }
        let same = worst.0 == worst.1 && best.0 == best.1;
        if same && best.1 < worst.1 {
            if self.opens {
                found.push((worst.1, best.1, true));
            }
            if self.closes {
                found.push((best.1, worst.1, true));
            }
        }
        found
    }
}

/// Whether the rule could fire for a request like this, arguments apart.
fn concerns(rule: &Rule, request: &ActionRequest) -> bool {
    let condition = &rule.condition;
    let any_of = |patterns: &Option<Vec<Pattern>>, text: &str| {
        patterns
            .as_ref()
            .is_none_or(|all| all.iter().any(|pattern| pattern.matches(text)))
    };
    condition.trust.has(request.principal.trust)
        && condition
            .modes
            .as_ref()
            .is_none_or(|modes| modes.contains(&request.context.mode))
        && any_of(&condition.action_types, request.action.as_str())
        && any_of(&condition.agents, request.principal.agent_id.as_str())
}

/// A question of an agent that nothing else is known of, with every role.
fn request(agent: &AgentId, now: Timestamp) -> ActionRequest {
    let principal = Principal {
        agent_id: agent.clone(),
        stamp: 0,
        trust: TrustLevel::Low,
        status: PrincipalStatus::Active,
        allowed_tools: Arc::new(PatternList::default()),
        denied_tools: Arc::new(PatternList::default()),
        roles: Roles::ALL,
        acted_by: None,
        authentication: Authentication::Local,
        credential: None,
    };
    ActionRequest {
        action_id: ActionId::from_bits(0),
        principal,
        action: ActionType::ToolCall,
        resource: Resource {
            name: Arc::from(""),
        },
        arguments: Arguments(Map::new()),
        context: Context::at(now, ModeName::normal()),
        stated: Arc::new(Stated::default()),
        purpose: Purpose::Question,
        correlation_id: None,
    }
}
