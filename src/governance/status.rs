//! Tools `get_policy_status`, `list_tools`: what holds now, and which tools there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value, json};

use crate::decision_point::{Ask, Moment, Situation};
use crate::domain::{Arguments, Health, ModeName, Purpose, Resource, ToolClass, ToolFacts};
use crate::modes::HealthBook;
use crate::policy::{DefaultDecision, Effect, Engine, Standing};
use crate::tools::{Output, Permit, ToolDefinition};

use super::{Governance, schemas};

/// What the composition root knows and status shows.
#[derive(Clone, Default)]
pub struct Facts {
    /// `local` or `credentials`.
    pub auth: &'static str,
    /// What callers over MCP may do with the gateway: `agent`, `operator` or `admin`.
    pub mcp_role: &'static str,
    /// Every tool, once all backends are known.
    pub tools: Arc<OnceLock<Vec<ToolDefinition>>>,
    /// Why the newest policy files are not the live policy; `None`: they are.
    pub policy_fault: Arc<Mutex<Option<String>>>,
    /// Last known health of services.
    pub health: Arc<HealthBook>,
}

impl Facts {
    /// Why the newest policy files are not the live policy.
    #[must_use]
    pub fn policy_fault(&self) -> Option<String> {
        self.policy_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes whether the newest policy files are the live policy; says whether that is news.
    pub fn note_policy_fault(&self, fault: Option<String>) -> bool {
        let mut known = self
            .policy_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let news = *known != fault;
        *known = fault;
        news
    }
}

pub(super) fn definitions() -> Vec<ToolDefinition> {
    vec![
        ToolDefinition::gateway("get_policy_status", ToolClass::Read, "Shows the mode that holds and until when, what it allows and blocks, the policy's version, and whether lockdown is on.", schemas::nothing()).safe(),
        ToolDefinition::gateway("list_tools", ToolClass::Read, "Lists every tool with its schema and whether you may call it now.", schemas::nothing()).safe(),
    ]
}

/// `GET /policy/status` (`spec/rest.md`).
pub(super) fn policy_status(governance: &Governance) -> Output {
    let situation = governance.gate().situation();
    let moment = Moment::of(governance.gate().clock());
    let state = situation.mode_state(moment);
    let bundle = situation.engine.bundle();
    let remaining = state.expires_at.map(|end| moment.wall.seconds_until(end));
    let services = governance.facts.health.services();
    let unhealthy = unhealthy(&services);
    let warnings = warnings(governance, &situation);
    let allowed = tools_where(&situation.engine, &state.mode, |standing| standing.allowed);
    let blocked = tools_where(&situation.engine, &state.mode, |standing| standing.blocked);
    let default_decision = match bundle.default_decision {
        DefaultDecision::Deny => "deny",
        DefaultDecision::Allow => "allow",
    };
    let summary = summary(&situation, &state, remaining, &allowed);
    Output::of(json!({
        "current_mode": state.mode,
        "base_mode": state.base_mode,
        "mode_since": state.since,
        "mode_by": state.by,
        "mode_reason": state.reason,
        "mode_expires_at": state.expires_at,
        "remaining_seconds": remaining,
        "allowed_tools": allowed,
        "blocked_tools": blocked,
        "modes": bundle.modes.keys().collect::<Vec<_>>(),
        "policy_name": bundle.name,
        "policy_version": situation.engine.version(),
        "bundle_digest": bundle.digest,
        "auth": governance.facts.auth,
        "mcp_role": governance.facts.mcp_role,
        "default_decision": default_decision,
        "lockdown": situation.lockdown.on,
        "lockdown_reason": situation.lockdown.on.then_some(&situation.lockdown.reason),
        "incident_scope": state.incident_scope,
        "unhealthy_services": unhealthy,
        "summary": summary,
        "warnings": warnings,
    }))
}

/// The catalogued tools of which the mode's lists say so.
pub(super) fn tools_where(
    engine: &Engine,
    mode: &ModeName,
    says: impl Fn(Standing) -> bool,
) -> Vec<Arc<str>> {
    let fits = |tool: &&ToolFacts| engine.standing(mode, &tool.name).is_some_and(&says);
    engine
        .tools()
        .filter(fits)
        .map(|tool| Arc::clone(&tool.name))
        .collect()
}

fn unhealthy(services: &BTreeMap<String, Health>) -> Vec<&str> {
    services
        .iter()
        .filter(|(_, health)| **health != Health::Healthy)
        .map(|(service, _)| service.as_str())
        .collect()
}

fn warnings(governance: &Governance, situation: &Situation) -> Vec<String> {
    let mut warnings = Vec::new();
    if situation.engine.bundle().default_decision == DefaultDecision::Allow {
        warnings.push("default_decision is allow: what no rule names may run".to_owned());
    }
    if governance.facts.auth == "local" {
        warnings.push(
            "auth is local: every process of this machine's user can act as operator over REST"
                .to_owned(),
        );
    }
    if governance.facts.mcp_role != "agent" {
        warnings.push(format!(
            "mcp.role is {role}: models over MCP may do what an {role} may",
            role = governance.facts.mcp_role
        ));
    }
    if let Some(fault) = governance.facts.policy_fault() {
        warnings.push(format!(
            "the newest policy files do not load, version {} stays: {fault}",
            situation.engine.version()
        ));
    }
    warnings
}

/// A few lines for people.
fn summary(
    situation: &Situation,
    state: &crate::domain::ModeState,
    remaining: Option<u64>,
    allowed: &[Arc<str>],
) -> String {
    let bundle = situation.engine.bundle();
    let rules = bundle.modes.get(&state.mode);
    let end = remaining.map_or_else(String::new, |seconds| {
        format!(", {seconds} s left, then {}", state.base_mode)
    });
    let mut lines = vec![format!("mode {}{end}", state.mode)];
    if let Some(rules) = rules.filter(|rules| !rules.description.is_empty()) {
        lines.push(rules.description.clone());
    }
    if !allowed.is_empty() {
        lines.push(format!("allowed by the mode: {}", allowed.join(", ")));
    }
    if situation.lockdown.on {
        lines.push(format!(
            "LOCKDOWN since {}: {}",
            situation.lockdown.since, situation.lockdown.reason
        ));
    }
    lines.push(format!(
        "policy `{}`, version {}, {} policies",
        bundle.name,
        situation.engine.version(),
        bundle.policies.len()
    ));
    lines.join("\n")
}

/// `GET /tools/catalog` (`spec/rest.md`): each tool with what this caller would be answered now.
pub(super) async fn list_tools(governance: &Governance, permit: &Permit) -> Output {
    let request = permit.request();
    let situation = governance.gate().situation();
    let mut tools = Vec::new();
    let mut allowed = Vec::new();
    for definition in governance.facts.tools.get().into_iter().flatten() {
        let facts = &definition.facts;
        let ask = Ask {
            action_id: request.action_id,
            principal: request.principal.clone(),
            action: request.action.clone(),
            resource: Resource {
                name: Arc::clone(&facts.name),
            },
            arguments: Arguments(Map::new()),
            stated: Arc::clone(&request.stated),
            purpose: Purpose::Question,
            correlation_id: None,
            quota: None,
        };
        let effect = governance.decision_point.consider_name(&ask).await;
        if effect == Effect::Allow {
            allowed.push(Arc::clone(&facts.name));
        }
        tools.push(json!({
            "name": facts.name,
            "description": definition.description,
            "server": facts.server,
            "category": definition.category(),
            "parameters": facts.input_schema.get("properties").cloned().unwrap_or_else(|| json!({})),
            "input_schema": facts.input_schema,
            "annotations": facts.annotations,
            "allowed": effect,
        }));
    }
    let moment = Moment::of(governance.gate().clock());
    Output::of(json!({
        "tools": Value::Array(tools),
        "current_mode": situation.mode(moment),
        "allowed_in_current_mode": allowed,
    }))
}
