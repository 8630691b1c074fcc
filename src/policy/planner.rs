//! Builds the plan of each catalogued tool.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::{Owner, ToolFacts};

use super::bundle::{Bundle, NamePatterns, ToolConstraints};
use super::compile::Ordered;
use super::index::Head;
use super::parameter::{Parameter, ParameterType};
use super::plan::{EntryKind, Reach, ToolPlan};
use super::rule::Rule;
use super::schema::Schema;
use super::sections::Hours;

/// Builds the plan of one tool after the other.
pub(super) struct Planner<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) ordered: &'a Ordered,
    pub(super) hours: &'a [Hours],
    pub(super) constraints: &'a [ToolConstraints],
    /// How many heads the plans may still hold in all: thousands of broad patterns over a thousand tools would
    /// otherwise take hundreds of megabytes.
    pub(super) room: usize,
}

impl Planner<'_> {
    /// The plan of the tool at this place of the catalogue.
    pub(super) fn plan(&mut self, facts: &ToolFacts, place: usize) -> ToolPlan {
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
            heads: self.take_room(heads, reach),
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

    /// Keeps the heads if there is room; those of gateway tools are few, and the index doesn't know their limits.
    fn take_room(&mut self, heads: Box<[Head]>, reach: Reach) -> Option<Box<[Head]>> {
        match self.room.checked_sub(heads.len()) {
            Some(room) => self.room = room,
            None if reach == Reach::Ordinary => return None,
            None => {}
        }
        Some(heads)
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

/// Adds the tools that list valid values for any of the parameters.
pub(super) fn sources_of<'a>(
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
