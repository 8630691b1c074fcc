//! What two engines are asked to find where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Map;

use crate::domain::{
    ActionId, ActionRequest, ActionType, AgentId, Arguments, Authentication, Context, ModeName,
    Pattern, PatternList, Principal, PrincipalStatus, Purpose, Resource, Roles, Stated, Timestamp,
    TrustLevel,
};
use crate::policy::bundle::{Bundle, NamePatterns};
use crate::policy::decision::Effect;
use crate::policy::engine::Engine;
use crate::policy::evaluation::Regard;
use crate::policy::glob::sample;
use crate::policy::rule::{Policy, Rule};

use super::Key;
use super::change::Change;
use super::touch::{Push, Touching};

/// The most agents' patterns of which an example is asked.
const MOST_AGENTS: usize = 32;
/// The most instants at which policies begin or end that are asked.
const MOST_INSTANTS: usize = 8;
/// The agent that no policy speaks of.
const NOBODY: &str = "nobody.in.particular";

/// A difference at one point: in this mode, at these trust levels.
pub(super) struct Cell {
    pub(super) key: Key,
    pub(super) mode: ModeName,
    pub(super) trust: u8,
}

/// The bit of a trust level.
pub(super) const fn bit(level: TrustLevel) -> u8 {
    1 << (level as u8 - 1)
}

/// What is asked: every subject, as every agent, in every mode, at every trust level, at every instant.
pub(super) struct Probes<'b> {
    before: &'b Engine,
    after: &'b Engine,
    touching: Touching<'b>,
    subjects: Vec<Subject>,
    agents: Vec<(Option<String>, AgentId)>,
    /// Whether there are more agents' patterns than are asked.
    pub(super) more_agents: bool,
    modes: BTreeSet<ModeName>,
    /// Trust levels that no rule tells apart, as one that stands for all of them and their bits.
    trust: Vec<(TrustLevel, u8)>,
    instants: Vec<Timestamp>,
    /// Whether names that no changed rule touches are asked too.
    everything: bool,
}

/// A name that is asked about.
struct Subject {
    /// What people are told.
    shown: String,
    name: Arc<str>,
    action: ActionType,
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
        let modes = bundles
            .iter()
            .flat_map(|bundle| bundle.modes.keys().cloned());
        Some(Self {
            before,
            after,
            touching: Touching::of(change),
            subjects: subjects(before, after, change),
            agents,
            more_agents,
            modes: modes.collect(),
            trust: trust_classes(bundles),
            instants: instants(change, now),
            everything: change.sections,
        })
    }

    /// Asks everything and hands over each difference.
    pub(super) fn each(&self, mut see: impl FnMut(Cell)) {
        let Some((_, nobody)) = self.agents.first() else {
            return;
        };
        let Some(&now) = self.instants.first() else {
            return;
        };
        let mut request = request(nobody, now);
        for subject in &self.subjects {
            let rules = self.touching.rules_for(&subject.name);
            if rules.is_empty() && !self.everything {
                continue;
            }
            request.resource.name = Arc::clone(&subject.name);
            request.action = subject.action.clone();
            for &instant in &self.instants {
                request.context.now = instant;
                self.points(&mut request, |request| {
                    self.at_point(request, subject, &rules, &mut see);
                });
            }
        }
    }

    /// Puts the request into every mode and at every trust level.
    fn points(&self, request: &mut ActionRequest, mut ask: impl FnMut(&mut ActionRequest)) {
        for mode in &self.modes {
            request.context.mode = mode.clone();
            for &(level, _) in &self.trust {
                request.principal.trust = level;
                ask(request);
            }
        }
    }

    /// Asks as every agent; an agent that is answered like nobody in particular is not told.
    fn at_point(
        &self,
        request: &mut ActionRequest,
        subject: &Subject,
        rules: &[(&Rule, Push)],
        see: &mut impl FnMut(Cell),
    ) {
        let mut of_nobody = None;
        for (shown, agent) in &self.agents {
            request.principal.agent_id = agent.clone();
            let said = self.said(request, rules);
            if *of_nobody.get_or_insert(said) == said && shown.is_some() {
                continue;
            }
            let level = request.principal.trust;
            let class = self.trust.iter().find(|(of, _)| *of == level);
            for (from, to, some_arguments) in said.differences() {
                let kind = &subject.action;
                see(Cell {
                    key: Key {
                        what: subject.shown.clone(),
                        from,
                        to,
                        some_arguments,
                        agents: shown.clone(),
                        action_type: (*kind != ActionType::ToolCall)
                            .then(|| kind.as_str().to_owned()),
                    },
                    mode: request.context.mode.clone(),
                    trust: class.map_or(0, |(_, bits)| *bits),
                });
            }
        }
    }

    fn said(&self, request: &ActionRequest, rules: &[(&Rule, Push)]) -> Said {
        let both = |regard| {
            (
                self.before.effect(request, regard),
                self.after.effect(request, regard),
            )
        };
        let (worst, best) = (both(Regard::AtWorst), both(Regard::AtBest));
        let pushes = || rules.iter().filter(|(rule, _)| concerns(rule, request));
        Said {
            worst,
            best,
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

/// The names to ask about: tools, names that patterns spell out, and an example of each wildcard that differs.
fn subjects(before: &Engine, after: &Engine, change: &Change<'_>) -> Vec<Subject> {
    let mut names: BTreeMap<Arc<str>, String> = BTreeMap::new();
    for tool in before.tools().chain(after.tools()) {
        names.insert(Arc::clone(&tool.name), tool.name.to_string());
    }
    if change.sections {
        for bundle in [before.bundle(), after.bundle()] {
            for list in lists(bundle) {
                spell_out(list, &mut names);
            }
        }
        names
            .entry(Arc::from("q"))
            .or_insert_with(|| "*".to_owned());
    }
    let differing = || change.added.iter().chain(&change.removed);
    for rule in differing() {
        match &rule.condition.tools {
            Some(list) => spell_out(list, &mut names),
            None => drop(
                names
                    .entry(Arc::from("q"))
                    .or_insert_with(|| "*".to_owned()),
            ),
        }
    }
    let subject = |(name, shown): (&Arc<str>, &String), action: &ActionType| Subject {
        shown: shown.clone(),
        name: Arc::clone(name),
        action: action.clone(),
    };
    let mut subjects: Vec<Subject> = names
        .iter()
        .map(|entry| subject(entry, &ActionType::ToolCall))
        .collect();
    for rule in differing() {
        for kind in rule.condition.action_types.iter().flatten() {
            let kind = ActionType::parse(&sample(kind).to_ascii_lowercase());
            let mut targets = BTreeMap::new();
            if let Some(list) = &rule.condition.tools {
                spell_out(list, &mut targets);
            } else {
                targets.insert(Arc::from("q"), "*".to_owned());
            }
            let kind = kind.filter(|kind| *kind != ActionType::ToolCall);
            subjects.extend(kind.iter().flat_map(|kind| {
                let targets = targets.iter();
                targets
                    .map(|entry| subject(entry, kind))
                    .collect::<Vec<_>>()
            }));
        }
    }
    subjects
}

/// The names of the list, and an example for each pattern with wildcards.
fn spell_out(list: &NamePatterns, names: &mut BTreeMap<Arc<str>, String>) {
    for entry in &list.include {
        let name = sample(&entry.pattern);
        names
            .entry(Arc::from(name))
            .or_insert_with(|| entry.pattern.to_string());
    }
}

/// Every list of tools of the bundle.
fn lists(bundle: &Bundle) -> impl Iterator<Item = &NamePatterns> {
    let modes = bundle.modes.values().flat_map(|mode| {
        [
            &mode.allowed_tools,
            &mode.blocked_tools,
            &mode.reachable_tools,
        ]
    });
    let rules = deciding(bundle).filter_map(|rule| rule.condition.tools.as_ref());
    std::iter::once(&bundle.always_blocked)
        .chain(modes.flatten())
        .chain(rules)
}

fn deciding(bundle: &Bundle) -> impl Iterator<Item = &Rule> {
    let policies = bundle.policies.iter().filter(|policy| policy.enabled);
    policies.flat_map(|policy| &policy.rules)
}

/// The patterns of agents' ids that rules name.
fn agent_patterns(bundles: [&Arc<Bundle>; 2]) -> Vec<&Pattern> {
    let rules = bundles.into_iter().flat_map(|bundle| deciding(bundle));
    let patterns = rules
        .filter_map(|rule| rule.condition.agents.as_ref())
        .flatten();
    let by_text: BTreeMap<&str, &Pattern> = patterns
        .map(|pattern| (pattern.as_str(), pattern))
        .collect();
    by_text.into_values().collect()
}

/// The trust levels, those together that no rule tells apart.
fn trust_classes(bundles: [&Arc<Bundle>; 2]) -> Vec<(TrustLevel, u8)> {
    let sets: BTreeSet<u8> = bundles
        .into_iter()
        .flat_map(|bundle| deciding(bundle))
        .map(|rule| rule.condition.trust.bits())
        .collect();
    let mut classes: BTreeMap<Vec<bool>, (TrustLevel, u8)> = BTreeMap::new();
    for level in TrustLevel::ALL {
        let signature = sets.iter().map(|set| set & bit(level) != 0).collect();
        classes.entry(signature).or_insert((level, 0)).1 |= bit(level);
    }
    classes.into_values().collect()
}

/// Now, and the instants at which policies that differ begin or end.
fn instants(change: &Change<'_>, now: Timestamp) -> Vec<Timestamp> {
    let ends = |policy: &&Policy| [policy.effective_from, policy.expires_at];
    let later: BTreeSet<Timestamp> = change
        .policies
        .iter()
        .flat_map(ends)
        .flatten()
        .filter(|&instant| instant > now)
        .collect();
    std::iter::once(now)
        .chain(later.into_iter().take(MOST_INSTANTS))
        .collect()
}
