//! What is weak about how the gateway is set up, and what to do next.

use crate::audit::{ChainState, Counts};
use crate::decision_point::{Moment, Situation};
use crate::policy::DefaultDecision;

use super::Facts;

/// What posture is judged by.
pub(super) struct Seen<'a> {
    pub(super) situation: &'a Situation,
    pub(super) moment: Moment,
    pub(super) facts: &'a Facts,
    pub(super) chain: &'a ChainState,
}

impl Seen<'_> {
    /// What is weak, worst first.
    pub(super) fn findings(&self) -> Vec<String> {
        let bundle = self.situation.engine.bundle();
        let mut findings = Vec::new();
        if let Some(fault) = &self.chain.first_fault {
            findings.push(format!(
                "audit chain is broken: record {} is {}",
                fault.seq, fault.how
            ));
        } else if let Some(damage) = &self.chain.damage {
            findings.push(format!("audit database is damaged: {damage}"));
        }
        if self.situation.lockdown.on {
            findings.push(format!(
                "lockdown is on: {}",
                self.situation.lockdown.reason
            ));
        }
        if self.facts.policy_fault().is_some() {
            let version = self.situation.engine.version();
            findings.push(format!(
                "policy files do not load: version {version} stays in force"
            ));
        }
        if bundle.default_decision == DefaultDecision::Allow {
            findings.push("default_decision is allow".to_owned());
        }
        if self.facts.auth == "local" {
            findings.push("auth is local".to_owned());
            // Approvers are users and keys, of which there are none as long as auth is local.
            findings.push("no approver configured".to_owned());
        }
        if self.facts.mcp_role != "agent" {
            findings.push(format!("mcp.role is {}", self.facts.mcp_role));
        }
        findings.extend(self.modes());
        findings
    }

    /// Modes that go on until somebody thinks of them.
    fn modes(&self) -> impl Iterator<Item = String> {
        let bundle = self.situation.engine.bundle();
        let state = self.situation.mode_state(self.moment);
        let running = (state.mode != bundle.default_mode && state.expires_at.is_none())
            .then(|| format!("mode {} is on without an end", state.mode));
        let endless = bundle
            .modes
            .iter()
            .filter(|(mode, rules)| **mode != bundle.default_mode && rules.max_duration.is_none());
        running
            .into_iter()
            .chain(endless.map(|(mode, _)| format!("mode {mode} has no max_duration")))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

/// What to do next, most urgent first.
pub(super) fn recommendations(counts: &Counts, situation: &Situation) -> Vec<String> {
    let policies = &situation.engine.bundle().policies;
    let mut recommendations = Vec::new();
    if let Some((agent, denied)) = counts.top_offenders().first() {
        let times = if *denied == 1 {
            "action was"
        } else {
            "actions were"
        };
        recommendations.push(format!("Review agent '{agent}': {denied} {times} denied"));
    }
    if policies.is_empty() {
        recommendations
            .push("No policies defined - write one, or create one with create_policy".to_owned());
    } else if !policies.iter().any(|policy| policy.enabled) {
        recommendations.push("No policies enabled - enable one".to_owned());
    }
    recommendations
}
