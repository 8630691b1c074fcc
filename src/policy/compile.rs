//! Turns a bundle and a catalogue into an engine: rules in the order of decision, a plan for each tool.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::{ModeName, Pattern, ToolFacts, check_run_name};

use super::bundle::{Bundle, Enforcement, ModeRules, NamePatterns, Place, ToolConstraints};
use super::condition::Leaves;
use super::decision::{Determinant, Text};
use super::engine::{Engine, ShadowPolicy};
use super::index::{Head, NameIndex};
use super::mask::Mask;
use super::plan::{Bits, CompiledMode, CompiledRule, Entry, EntryKind, ToolPlan};
use super::planner::{Planner, sources_of};
use super::protected::Protected;
use super::rule::{Policy, Rule, RuleAction};
use super::sections::{hours, resources};

/// So many heads the plans of all tools hold at most: 32 MiB.
pub(super) const ROOM: usize = 2 << 20;

/// Compiles the bundle for the catalogue; `room` is how many heads the plans may hold.
pub(super) fn compile(
    bundle: Arc<Bundle>,
    catalogue: &[ToolFacts],
    version: u64,
    folders: &[Pattern],
    room: usize,
) -> Engine {
    let mode_names: Vec<ModeName> = bundle.modes.keys().cloned().collect();
    let ordered = Ordered::of(&bundle, &mode_names);
    let hours = hours(&bundle);
    let resources = resources(&bundle);
    let constraints = constraints_in_order(&bundle);
    let mut tools: Vec<ToolPlan> = Vec::new();
    let mut by_name = HashMap::default();
    let mut planner = Planner {
        bundle: &bundle,
        ordered: &ordered,
        hours: &hours,
        constraints: &constraints,
        room,
    };
    for facts in catalogue {
        if check_run_name(&facts.name).is_err() || by_name.contains_key(&facts.name) {
            continue;
        }
        by_name.insert(Arc::clone(&facts.name), tools.len());
        tools.push(planner.plan(facts, tools.len()));
    }
    let modes = bundle
        .modes
        .iter()
        .map(|(name, rules)| mode(name, rules, &tools))
        .collect();
    let protected = Protected::new(bundle.protected_paths.iter().chain(folders));
    let Ordered {
        rules,
        entries,
        any,
        index,
        shadows,
        ..
    } = ordered;
    Engine {
        version,
        tools,
        by_name,
        rules,
        entries,
        any,
        index,
        shadows,
        modes,
        hours,
        resources,
        constraints,
        protected,
        bundle,
    }
}

/// Rules and entries in the order of decision, with their indexes.
pub(super) struct Ordered {
    pub(super) rules: Vec<CompiledRule>,
    pub(super) entries: Vec<Entry>,
    pub(super) any: Vec<Head>,
    pub(super) index: NameIndex,
    pub(super) shadows: Vec<ShadowPolicy>,
    /// Value sources of rules that hold for any name.
    pub(super) any_sources: BTreeSet<Arc<str>>,
}

impl Ordered {
    fn of(bundle: &Bundle, modes: &[ModeName]) -> Self {
        let mut rules = Vec::new();
        let mut entries = Vec::new();
        for (policy_place, policy) in bundle
            .policies
            .iter()
            .enumerate()
            .filter(|(_, p)| p.enabled)
        {
            for (rule_place, rule) in policy.rules.iter().enumerate() {
                let place = u32::try_from(rules.len()).unwrap_or(u32::MAX);
                entries.extend(entries_of(rule).map(|kind| Entry { rule: place, kind }));
                rules.push(compiled(policy, rule, (policy_place, rule_place), modes));
            }
        }
        let of = |entry: &Entry| rules.get(entry.rule as usize);
        entries.sort_by_cached_key(|entry| {
            let rule = of(entry);
            let determinant = rule.map(|rule| Arc::clone(&rule.determinant));
            let name = determinant.map(|d| (d.policy.clone(), d.rule));
            (
                Reverse(rule.map_or(i64::MAX, |rule| rule.priority)),
                entry.kind.severity(),
                name,
                entry.kind,
            )
        });
        let mut sorted = Self {
            any: Vec::new(),
            index: NameIndex::default(),
            shadows: Vec::new(),
            any_sources: BTreeSet::new(),
            rules,
            entries,
        };
        sorted.file(bundle, modes);
        sorted
    }

    fn file(&mut self, bundle: &Bundle, modes: &[ModeName]) {
        let mut indexed: Vec<(Head, &NamePatterns)> = Vec::new();
        let mut shadows: BTreeMap<usize, Vec<Head>> = BTreeMap::new();
        for (rank, entry) in (0_u32..).zip(&self.entries) {
            let Some(compiled) = self.rules.get(entry.rule as usize) else {
                continue;
            };
            let Some(policy) = bundle.policies.get(compiled.policy_place) else {
                continue;
            };
            let Some(rule) = policy.rules.get(compiled.rule_place) else {
                continue;
            };
            let mask = Mask::of_rule(&rule.condition, modes);
            let requires = entry.kind != EntryKind::Deny && !rule.require.is_empty();
            let plain = !requires && compiled.leaves.is_empty();
            let head = Head {
                mask,
                rank,
                plain,
                verify: false,
            };
            let tools = rule.condition.tools.as_ref();
            if policy.enforcement == Enforcement::Shadow {
                shadows.entry(compiled.policy_place).or_default().push(head);
                continue;
            }
            // A list with `*` may also name a gateway tool in full, which `*` alone never touches: it goes to both.
            if let Some(tools) = tools {
                indexed.push((head, tools));
            }
            if tools.is_none_or(is_any) {
                self.any.push(head);
                sources_of(rule.require.values(), &mut self.any_sources);
            }
        }
        self.index = NameIndex::build(indexed.into_iter());
        let shadow = |(policy_place, heads)| ShadowPolicy {
            policy_place,
            heads,
        };
        self.shadows = shadows.into_iter().map(shadow).collect();
    }
}

fn is_any(tools: &NamePatterns) -> bool {
    tools.exclude.is_empty() && tools.include.iter().any(|entry| entry.pattern.is_any())
}

/// A rule's own entry and, where it could deny by its `require`, one at the place of a deny.
///
/// A deny rule with `require` denies in any case, so that its `require` says nothing.
fn entries_of(rule: &Rule) -> impl Iterator<Item = EntryKind> + use<> {
    let own = EntryKind::of(rule.action);
    let require = own != EntryKind::Deny && !rule.require.is_empty();
    require
        .then_some(EntryKind::Require)
        .into_iter()
        .chain([own])
}

fn compiled(
    policy: &Policy,
    rule: &Rule,
    (policy_place, rule_place): (usize, usize),
    modes: &[ModeName],
) -> CompiledRule {
    let says = match (&rule.message, rule.action) {
        (Some(message), _) => Text::Shared(Arc::clone(message)),
        (None, RuleAction::RequireApproval) => Text::Static("This action requires human approval"),
        (None, RuleAction::Allow | RuleAction::Deny) => {
            Text::Shared(format!("Allowed by policy '{}'", policy.id).into())
        }
    };
    CompiledRule {
        determinant: Arc::new(Determinant {
            policy: policy.id.clone(),
            rule: rule.index,
            name: rule.name.clone(),
            at: at(&rule.at),
            digest: rule.digest,
            severity: rule.severity,
            says,
        }),
        priority: policy.priority,
        action: rule.action,
        leaves: Leaves::of(policy, &rule.condition, modes),
        policy_place,
        rule_place,
    }
}

fn at(place: &Place) -> Arc<str> {
    place.to_string().into()
}

/// Constraints in an order that doesn't depend on the order of files.
fn constraints_in_order(bundle: &Bundle) -> Vec<ToolConstraints> {
    let mut constraints = bundle.constraints.clone();
    constraints.sort_by_cached_key(|constraint| {
        let names = constraint
            .tools
            .include
            .iter()
            .map(|entry| entry.pattern.as_str().to_owned());
        (names.collect::<Vec<_>>(), constraint.at.clone())
    });
    constraints
}

/// A mode, with its lists as bits over the tools.
fn mode(name: &ModeName, rules: &ModeRules, tools: &[ToolPlan]) -> CompiledMode {
    let bits = |list: &Option<NamePatterns>| {
        let named = |plan: &ToolPlan, list: &NamePatterns| plan.reach.touches(&plan.facts, list);
        Bits::of(tools.len(), |place| {
            tools
                .get(place)
                .zip(list.as_ref())
                .is_some_and(|(plan, list)| named(plan, list))
        })
    };
    let allowed = bits(&rules.allowed_tools);
    let reachable = bits(&rules.reachable_tools);
    CompiledMode {
        name: name.clone(),
        ceiling: rules.has_ceiling(),
        listed: Bits::of(tools.len(), |place| {
            allowed.has(place) || reachable.has(place)
        }),
        blocked: bits(&rules.blocked_tools),
        allowed,
        reason: Text::Shared(format!("Allowed in {name} mode").into()),
    }
}
