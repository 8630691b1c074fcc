//! What is asked, and about whom.

use std::sync::Arc;

use crate::decision_point::{Ask, NotRegistered};
use crate::domain::{
    ActionType, AgentId, Arguments, Authentication, Principal, Purpose, Resource, Role, Roles,
    Stated,
};
use crate::registry::RegistryRefusal;
use crate::tools::{Fault, Permit, ToolError};

use super::super::{Governance, json_text, mendable, text};
use super::parsed;

/// A question as it was put.
pub(in crate::governance) struct Asked {
    pub(super) ask: Ask,
    /// Whether it registers, counts and opens nothing.
    pub(super) dry_run: bool,
    /// Whether the agent was named by somebody else.
    named: bool,
}

impl Asked {
    /// Reads the call's arguments.
    pub(super) fn read(governance: &Governance, permit: &Permit) -> Result<Self, ToolError> {
        let request = permit.request();
        let kind = text(permit, "action_type").unwrap_or_default();
        let action = ActionType::parse(kind).ok_or_else(|| {
            mendable(
                Fault::Value,
                "invalid action_type",
                format!("`{kind}` is not an action type: a-z, then up to 63 of a-z 0-9 _"),
                "tool_call is the one for tools",
            )
        })?;
        let parameters = json_text::object(permit, "parameters", "invalid parameters JSON")?;
        let context = json_text::object(permit, "context", "invalid context JSON")?;
        let principal = subject(governance, permit)?;
        let named = principal.agent_id != request.principal.agent_id;
        let dry_run = permit
            .arguments()
            .get("dry_run")
            .and_then(serde_json::Value::as_bool);
        Ok(Self {
            ask: Ask {
                action_id: request.action_id,
                principal,
                action,
                resource: Resource {
                    name: Arc::from(text(permit, "target").unwrap_or_default()),
                },
                arguments: Arguments(parameters.unwrap_or_default()),
                stated: Arc::new(Stated(context.unwrap_or_default())),
                purpose: Purpose::Question,
                correlation_id: request.correlation_id.clone(),
                quota: None,
            },
            dry_run: dry_run.unwrap_or(false),
            named,
        })
    }

    /// Registers the agent that the question names, if nobody knows it and the asker may (`spec/identity.md`).
    pub(super) async fn register(&mut self, governance: &Governance) -> Result<(), ToolError> {
        let principal = &self.ask.principal;
        let may = principal.authentication == Authentication::Local
            || principal.roles.meets(Roles::any_of(&[Role::Operator]));
        if !self.named || !may || principal.stamp != 0 {
            return Ok(());
        }
        let agent_id = principal.agent_id.clone();
        let registered = governance.gate().register_unknown(&agent_id).await;
        registered.map_err(|fault| match &fault {
            NotRegistered::Full(_) => mendable(
                Fault::Busy,
                "registry_full",
                fault.to_string(),
                "register the agent with register_agent, as an operator",
            ),
            NotRegistered::Unwritten(why) => ToolError::Unavailable(why.to_string()),
        })?;
        let asker = Principal {
            agent_id: self.asking(),
            acted_by: None,
            ..principal.clone()
        };
        let known = governance.gate().registry().subject(&asker, agent_id);
        self.ask.principal = known.map_err(|refusal| not_about(&refusal))?;
        Ok(())
    }

    fn asking(&self) -> AgentId {
        let principal = &self.ask.principal;
        principal
            .acted_by
            .clone()
            .unwrap_or_else(|| principal.agent_id.clone())
    }
}

/// The agent that the call asks about: the one it names, or the one that asks.
pub(in crate::governance) fn subject(
    governance: &Governance,
    permit: &Permit,
) -> Result<Principal, ToolError> {
    let principal = &permit.request().principal;
    let Some(named) = text(permit, "agent_id") else {
        return Ok(principal.clone());
    };
    let registry = governance.gate().registry();
    registry
        .subject(principal, parsed(named)?)
        .map_err(|refusal| not_about(&refusal))
}

fn not_about(refusal: &RegistryRefusal) -> ToolError {
    mendable(
        Fault::Value,
        "agent_id",
        refusal.to_string(),
        "ask about an agent of your own",
    )
}
