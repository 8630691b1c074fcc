//! The engine over policy files alone: nothing is read but they, nothing is recorded.

use std::path::Path;
use std::sync::Arc;

use crate::cli::policy::{catalogue, clock_now};
use crate::domain::{
    ActionId, ActionRequest, ActionType, AgentId, Arguments, Authentication, Context, PatternList,
    Principal, PrincipalStatus, Purpose, Resource, Role, Roles, Stated, TrustLevel,
};
use crate::policy::{self, Engine};
use crate::policy_admin;

use super::Fault;
use super::answer::Verdict;
use super::event::Event;

/// The action type under which Claude Code's tools are asked about: no rule that speaks of tool calls reaches them, and
/// no name of theirs is mistaken for one of the catalogue.
pub(super) const ACTION: &str = "claude_code";

/// Decides by these files whether an agent of this trust may use the tool, in the mode that they begin with.
pub(super) fn decide(
    policies: &Path,
    agent: &str,
    trust: TrustLevel,
    event: &Event,
) -> Result<Verdict, Fault> {
    let (tools, now) = (catalogue().map_err(|fault| fault.to_string())?, clock_now());
    let sources = policy_admin::read(policies).map_err(|fault| fault.to_string())?;
    let loaded = policy::check(&sources, &tools, now).map_err(|findings| {
        let first = findings.first().map(ToString::to_string);
        let line = first
            .as_deref()
            .and_then(|text| text.lines().next())
            .unwrap_or_default();
        format!("the policy does not fit: {line}; `policyguard policy check` says more")
    })?;
    let engine = Engine::compile(Arc::new(loaded.bundle), &tools, 1);
    let mode = engine.bundle().default_mode.clone();
    let principal = Principal {
        agent_id: AgentId::parse(agent).map_err(|fault| format!("--agent: {fault}"))?,
        stamp: 0,
        trust,
        status: PrincipalStatus::Active,
        allowed_tools: Arc::new(PatternList::default()),
        denied_tools: Arc::new(PatternList::default()),
        roles: Roles::only(Role::Agent),
        acted_by: None,
        authentication: Authentication::Local,
        credential: None,
    };
    let request = ActionRequest {
        action_id: ActionId::from_bits(0),
        principal,
        action: ActionType::parse(ACTION).ok_or("no such action type")?,
        resource: Resource {
            name: Arc::from(event.tool.as_str()),
        },
        arguments: Arguments(event.input.clone()),
        context: Context::at(now, mode),
        stated: Arc::new(Stated(event.stated.clone())),
        purpose: Purpose::Question,
        correlation_id: None,
    };
    Ok(Verdict::of(&engine.decide(&Arc::new(request))))
}
