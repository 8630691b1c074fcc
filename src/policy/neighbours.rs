//! What stood around a decision: the facts that were read, the rules that apply, and those that nearly do.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::Role;

use super::condition::Truth;
use super::decision::{Decision, Effect};
use super::evaluation::Evaluation;
use super::explain::{Applies, Fact, RuleName, RuleTrace};
use super::index::Head;
use super::plan::CompiledRule;
use super::rule::{RuleAction, TrustSet};
use super::trace::Trace;

impl<T: Trace> Evaluation<'_, T> {
    /// The facts that were there to be read.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let (principal, context) = (&self.request.principal, &self.request.context);
        let roles: Vec<&str> = principal.roles.iter().map(Role::as_str).collect();
        let tool = match self.plan {
            Some(plan) => format!(
                "of server {}, {}",
                plan.facts.server,
                class(plan.facts.class.modifies())
            ),
            None => "not catalogued".to_owned(),
        };
        let mut facts = vec![
            Fact {
                name: "agent",
                value: principal.agent_id.to_string(),
            },
            Fact {
                name: "trust",
                value: principal.trust.to_string(),
            },
            Fact {
                name: "roles",
                value: roles.join(", "),
            },
            Fact {
                name: "mode",
                value: context.mode.to_string(),
            },
            Fact {
                name: "now",
                value: context.now.to_string(),
            },
            Fact {
                name: "tool",
                value: tool,
            },
        ];
        let mut note = |there: bool, name, value: String| {
            if there {
                facts.push(Fact { name, value });
            }
        };
        note(context.lockdown, "lockdown", "on".to_owned());
        let scope = context
            .incident_scope
            .as_deref()
            .unwrap_or_default()
            .join(", ");
        note(context.incident_scope.is_some(), "incident scope", scope);
        let service = self
            .request
            .arguments
            .get("service_name")
            .and_then(serde_json::Value::as_str);
        let health = service.and_then(|service| context.service_health.get(service));
        let words = health
            .map_or("unknown", |health| health.as_str())
            .to_owned();
        note(service.is_some(), "health of the service", words);
        note(
            context.approval.is_some(),
            "approval",
            "there is evidence of one".to_owned(),
        );
        note(
            !context.overrides.is_empty(),
            "overrides",
            context.overrides.len().to_string(),
        );
        facts
    }

    /// Rules that apply and rules that nearly do, in the order of decision.
    pub(super) fn rule_traces(&self, decision: &Decision) -> (Vec<RuleTrace>, Vec<RuleTrace>) {
        let mut heads: Vec<Head> = Vec::new();
        self.visit(|list| heads.extend_from_slice(list));
        heads.sort_by_key(|head| head.rank);
        let (mut rules, mut near_misses) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for head in heads {
            let Some(entry) = self.engine.entries.get(head.rank as usize) else {
                continue;
            };
            let Some(rule) = self.engine.rules.get(entry.rule as usize) else {
                continue;
            };
            if !self.verifies(&head, rule) || !seen.insert(entry.rule) {
                continue;
            }
            let (trace, misses) = self.rule_trace(rule, decision);
            match (trace.applies, misses) {
                (Applies::Yes | Applies::Undecidable, _) => rules.push(trace),
                (Applies::No, 1) => near_misses.push(trace),
                (Applies::No, _) => {}
            }
        }
        (rules, near_misses)
    }

    /// What the rule says, and how many of its conditions do not hold.
    fn rule_trace(&self, rule: &CompiledRule, decision: &Decision) -> (RuleTrace, usize) {
        let leaves = self.leaves(rule);
        let of = |wanted: Truth| {
            let names = leaves.iter().filter(|(_, truth)| *truth == wanted);
            names.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
        };
        let (misses, unknown) = (of(Truth::False), of(Truth::Undecidable));
        let (applies, mut why) = if !misses.is_empty() {
            (Applies::No, format!("does not hold: {}", misses.join(", ")))
        } else if !unknown.is_empty() {
            (
                Applies::Undecidable,
                format!("can't be told: {}", unknown.join(", ")),
            )
        } else {
            (Applies::Yes, "every condition holds".to_owned())
        };
        if applies != Applies::No {
            let problems = self.problems(|this, report| this.check_require(rule, report));
            if !problems.is_empty() {
                why = format!("{why}; requires: {}", problems.join("; "));
            }
        }
        let effect = match rule.action {
            RuleAction::Allow => Effect::Allow,
            RuleAction::RequireApproval => Effect::RequireApproval,
            RuleAction::Deny => Effect::Deny,
        };
        let decided = decision
            .determined_by
            .as_ref()
            .is_some_and(|d| Arc::ptr_eq(d, &rule.determinant));
        let name = RuleName::of(&rule.determinant);
        let priority = rule.priority;
        (
            RuleTrace {
                rule: name,
                priority,
                effect,
                applies,
                why,
                decided,
            },
            misses.len(),
        )
    }

    /// Every condition of the rule beside its names, with what it says of the request.
    fn leaves(&self, rule: &CompiledRule) -> Vec<(String, Truth)> {
        let (_, source) = self.engine.source(rule);
        let (condition, request) = (&source.condition, self.request);
        let trust = request.principal.trust;
        let mut leaves = Vec::new();
        if condition.trust.bits() != TrustSet::ANY.bits() {
            leaves.push((format!("trust {trust}"), condition.trust.has(trust).into()));
        }
        if let Some(modes) = &condition.modes {
            let mode = &request.context.mode;
            leaves.push((format!("mode {mode}"), modes.contains(mode).into()));
        }
        if let Some(types) = &condition.action_types {
            let action = request.action.as_str();
            leaves.push((
                format!("action type {action}"),
                types.iter().any(|p| p.matches(action)).into(),
            ));
        }
        leaves.extend(rule.leaves.report(request));
        leaves
    }
}

const fn class(modifies: bool) -> &'static str {
    if modifies {
        "changes things"
    } else {
        "changes nothing"
    }
}
