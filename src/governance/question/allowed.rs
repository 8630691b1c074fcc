//! Tool `list_allowed_tools`: what an agent may call now.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::decision_point::{Ask, Moment};
use crate::domain::{ActionType, Arguments, Purpose, Resource, Stated};
use crate::policy::Effect;
use crate::tools::{Output, Permit, ToolError};

use super::super::Governance;
use super::subject;

pub(in crate::governance) async fn allowed(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let principal = subject(governance, permit)?;
    let situation = governance.gate().situation();
    let mut allowed: Vec<Value> = Vec::new();
    let mut with_approval: Vec<Value> = Vec::new();
    for tool in situation.engine.tools() {
        let ask = Ask {
            action_id: permit.request().action_id,
            principal: principal.clone(),
            action: ActionType::ToolCall,
            resource: Resource {
                name: Arc::clone(&tool.name),
            },
            arguments: Arguments(Map::new()),
            stated: Arc::new(Stated::default()),
            purpose: Purpose::Question,
            correlation_id: None,
            quota: None,
        };
        let name = json!({ "name": tool.name, "server": tool.server });
        match governance.decision_point.consider_name(&ask).await {
            Effect::Allow => allowed.push(name),
            Effect::RequireApproval => with_approval.push(name),
            Effect::Deny => {}
        }
    }
    let moment = Moment::of(governance.gate().clock());
    Ok(Output::of(json!({
        "agent_id": principal.agent_id,
        "trust_level": principal.trust,
        "status": principal.status,
        "mode": situation.mode(moment),
        "policy_version": situation.engine.version(),
        "allowed": allowed,
        "require_approval": with_approval,
        "count": allowed.len(),
    })))
}
