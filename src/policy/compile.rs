//! Turns a bundle and a catalogue into an engine: rules in the order of decision, a plan for each tool.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::domain::{
    Digest, ModeName, Owner, Pattern, PolicyId, Severity, ToolFacts, check_run_name,
};

use super::condition::Leaves;
use super::decision::{Determinant, Text};
use super::engine::{Engine, ShadowPolicy};
use super::index::{Head, NameIndex};
use super::mask::Mask;
use super::plan::{
    Bits, CompiledMode, CompiledResource, CompiledRule, Entry, EntryKind, Hours, Reach, ToolPlan,
};
use super::protected::Protected;
use super::rule::{
    Bundle, Enforcement, HourWindow, ModeRules, NamePatterns, Parameter, ParameterType, Place,
    Policy, ResourcePolicy, Rule, RuleAction, ToolConstraints,
};
use super::schema::Schema;

/// Compiles the bundle for the catalogue.
pub(super) fn compile(
    bundle: Arc<Bundle>,
    catalogue: &[ToolFacts],
    version: u64,
    folders: &[Pattern],
) -> Engine {
    let mode_names: Vec<ModeName> = bundle.modes.keys().cloned().collect();
    let ordered = Ordered::of(&bundle, &mode_names);
    let hours = hours(&bundle);
    let resources = resources(&bundle);
    let constraints = constraints_in_order(&bundle);
    let mut tools: Vec<ToolPlan> = Vec::new();
    let mut by_name = HashMap::default();
    let planner = Planner {
        bundle: &bundle,
        ordered: &ordered,
        hours: &hours,
        constraints: &constraints,
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
struct Ordered {
    rules: Vec<CompiledRule>,
    entries: Vec<Entry>,
    any: Vec<Head>,
    index: NameIndex,
    shadows: Vec<ShadowPolicy>,
    /// Value sources of rules that hold for any name.
    any_sources: BTreeSet<Arc<str>>,
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
            match (policy.enforcement, tools) {
                (Enforcement::Shadow, _) => {
                    shadows.entry(compiled.policy_place).or_default().push(head);
                }
                (Enforcement::Enforce, Some(tools)) if !is_any(tools) => {
                    indexed.push((head, tools));
                }
                (Enforcement::Enforce, _) => {
                    self.any.push(head);
                    sources_of(rule.require.values(), &mut self.any_sources);
                }
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
    let reason = match (&rule.message, rule.action) {
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
        }),
        priority: policy.priority,
        action: rule.action,
        leaves: Leaves::of(policy, &rule.condition, modes),
        reason,
        policy_place,
        rule_place,
    }
}

fn at(place: &Place) -> Arc<str> {
    place.to_string().into()
}

/// Builds the plan of one tool after the other.
struct Planner<'a> {
    bundle: &'a Bundle,
    ordered: &'a Ordered,
    hours: &'a [Hours],
    constraints: &'a [ToolConstraints],
}

impl Planner<'_> {
    fn plan(&self, facts: &ToolFacts, place: usize) -> ToolPlan {
        let reach = Reach::of(facts);
        let touches = |patterns: &NamePatterns| reach.touches(facts, patterns);
        let heads = self.heads(facts, reach);
        // Constraints reach gateway tools by wildcard too: stage 12 holds for them as it stands.
        let matching =
            |c: &&ToolConstraints| reach != Reach::WayBack && c.tools.matches(&facts.name);
        let constraints: Vec<&ToolConstraints> = self.constraints.iter().filter(matching).collect();
        let schema = Schema::compile(&facts.input_schema);
        let names_service = |c: &&ToolConstraints| c.parameters.contains_key("service_name");
        let mut operations =
            self.bundle.operations.iter().filter(|(tool, _)| {
                reach != Reach::WayBack && tool.eq_ignore_ascii_case(&facts.name)
            });
        ToolPlan {
            place,
            reach,
            always_blocked: touches(&self.bundle.always_blocked),
            takes_service: schema.declares("service_name") || constraints.iter().any(names_service),
            hours: places(self.hours.iter().map(|window| touches(&window.tools))),
            operation: operations.next().map(|(_, operation)| operation.clone()),
            constraints: places(self.constraints.iter().map(|c| matching(&c))),
            sources: self.sources(facts, &heads, &constraints),
            defaults: defaults(&facts.input_schema, &constraints),
            schema,
            heads,
            facts: facts.clone(),
        }
    }

    /// The rules that match the name; for a gateway tool those that name it in full and may tighten.
    fn heads(&self, facts: &ToolFacts, reach: Reach) -> Box<[Head]> {
        let lower = facts.name.to_ascii_lowercase();
        let mut heads = Vec::new();
        let index = &self.ordered.index;
        index.visit(lower.as_bytes(), |list| heads.extend_from_slice(list));
        heads.retain(|head| {
            let sure = reach == Reach::Ordinary && !head.verify;
            sure || self
                .kind_of(head)
                .is_some_and(|kind| reach.admits(facts, self.tools_of(head), kind))
        });
        for head in &mut heads {
            head.verify = false;
        }
        heads.sort_by_key(|head| head.rank);
        heads.dedup_by_key(|head| head.rank);
        heads.into_boxed_slice()
    }

    fn rule_of(&self, head: &Head) -> Option<&Rule> {
        let entry = self.ordered.entries.get(head.rank as usize)?;
        let compiled = self.ordered.rules.get(entry.rule as usize)?;
        self.bundle
            .policies
            .get(compiled.policy_place)?
            .rules
            .get(compiled.rule_place)
    }

    fn tools_of(&self, head: &Head) -> Option<&NamePatterns> {
        self.rule_of(head)?.condition.tools.as_ref()
    }

    fn kind_of(&self, head: &Head) -> Option<EntryKind> {
        self.ordered
            .entries
            .get(head.rank as usize)
            .map(|entry| entry.kind)
    }

    fn sources(
        &self,
        facts: &ToolFacts,
        heads: &[Head],
        constraints: &[&ToolConstraints],
    ) -> Box<[Arc<str>]> {
        let mut sources = BTreeSet::new();
        if facts.owner != Owner::Gateway {
            sources.extend(self.ordered.any_sources.iter().cloned());
        }
        for constraint in constraints {
            sources_of(constraint.parameters.values(), &mut sources);
        }
        let shadow = self.ordered.shadows.iter().flat_map(|shadow| &shadow.heads);
        let shadow =
            shadow.filter(|head| self.tools_of(head).is_none_or(|t| t.matches(&facts.name)));
        for rule in heads
            .iter()
            .chain(shadow)
            .filter_map(|head| self.rule_of(head))
        {
            sources_of(rule.require.values(), &mut sources);
        }
        sources.into_iter().collect()
    }
}

fn sources_of<'a>(
    parameters: impl Iterator<Item = &'a Parameter>,
    sources: &mut BTreeSet<Arc<str>>,
) {
    for parameter in parameters {
        sources.extend(parameter.allowlist_source.clone());
        if let ParameterType::List {
            items: Some(items), ..
        } = &parameter.kind
        {
            sources_of(std::iter::once(&**items), sources);
        }
    }
}

fn places(keep: impl Iterator<Item = bool>) -> Box<[u32]> {
    (0_u32..)
        .zip(keep)
        .filter(|(_, keep)| *keep)
        .map(|(place, _)| place)
        .collect()
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

/// What is filled in: the policy's defaults, then those of the tool's own schema.
pub(super) fn defaults(schema: &Value, constraints: &[&ToolConstraints]) -> Box<[(String, Value)]> {
    let mut defaults: Vec<(String, Value)> = Vec::new();
    let of_policy = constraints
        .iter()
        .flat_map(|constraint| &constraint.parameters);
    let of_policy =
        of_policy.filter_map(|(name, parameter)| Some((name, parameter.default.as_ref()?)));
    for (name, value) in of_policy.chain(Schema::defaults(schema)) {
        if defaults.iter().all(|(known, _)| known != name) {
            defaults.push((name.clone(), value.clone()));
        }
    }
    defaults.into_boxed_slice()
}

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

/// The determinant of an entry outside `policies`: the section stands for the policy.
#[expect(clippy::expect_used, reason = "the two section names are policy ids")]
fn section(
    section: &str,
    rule: usize,
    name: &str,
    place: &Place,
    digest: Digest,
) -> Arc<Determinant> {
    Arc::new(Determinant {
        policy: PolicyId::parse(section).expect("a policy id"),
        rule,
        name: Some(name.into()),
        at: at(place),
        digest,
        severity: Severity::Medium,
    })
}

/// The windows, in an order that doesn't depend on the order of files.
fn hours(bundle: &Bundle) -> Vec<Hours> {
    let describe = |window: &HourWindow| {
        let names: Vec<&str> = window
            .tools
            .include
            .iter()
            .map(|e| e.pattern.as_str())
            .collect();
        (names.join(","), window.hours, window.timezone.clone())
    };
    let mut windows: Vec<&HourWindow> = bundle.time_restrictions.iter().collect();
    windows.sort_by_cached_key(|window| describe(window));
    let compile = |(index, window): (usize, &HourWindow)| {
        let (name, hours, zone) = describe(window);
        let digest =
            Digest::of(format!("time_restrictions\n{name}\n{hours:024b}\n{zone}").as_bytes());
        Hours::new(
            window,
            section("time_restrictions", index, &name, &window.at, digest),
        )
    };
    windows.into_iter().enumerate().map(compile).collect()
}

/// The resource policies, in an order that doesn't depend on the order of files.
fn resources(bundle: &Bundle) -> Vec<CompiledResource> {
    let mut policies: Vec<&ResourcePolicy> = bundle.resource_policies.iter().collect();
    policies.sort_by_cached_key(|policy| (policy.resources.as_str().to_owned(), policy.digest()));
    let compile = |(index, policy): (usize, &ResourcePolicy)| {
        let name = policy.resources.as_str();
        let determinant = section(
            "resource_policies",
            index,
            name,
            &policy.at,
            policy.digest(),
        );
        CompiledResource::new(policy, determinant)
    };
    policies.into_iter().enumerate().map(compile).collect()
}
