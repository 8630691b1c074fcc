//! Tools that ask the engine without doing anything: `validate_action`, `simulate_action`, `list_allowed_tools`.

mod allowed; // which tools an agent may call now
mod asked; // what is asked, about whom
mod simulation; // the whole trace
mod validation; // the answer alone

use serde_json::{Value, json};

use crate::decision_point::Ask;
use crate::domain::{AgentId, Authentication, Role, Roles, ToolClass};
use crate::policy::{Decision, Effect, Explanation};
use crate::tools::ToolDefinition;

use super::schemas;

pub(super) use allowed::allowed;
pub(super) use asked::{Asked, subject};
pub(super) use simulation::simulate;
pub(super) use validation::validate;

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let agent =
        json!({ "type": "string", "description": "The agent to ask about; yourself if absent" });
    let question = json!({
        "action_type": { "type": "string", "description": "tool_call, resource_access, data_read, data_write or a name of the policy's own" },
        "target": { "type": "string", "description": "The tool's name for a tool_call, else what it is done to" },
        "agent_id": agent,
        "parameters": { "type": ["object", "string"], "description": "The arguments that the call would have" },
        "context": { "type": ["object", "string"], "description": "What you want to say besides; recorded, never a reason to allow" },
        "dry_run": { "type": "boolean", "default": false, "description": "true: recorded as simulated; registers, counts and opens nothing" },
    });
    let mut simulation = question.clone();
    if let Value::Object(properties) = &mut simulation {
        properties.insert(
            "only".to_owned(),
            json!({ "type": "string", "enum": ["parameters"], "description": "parameters: check the arguments alone" }),
        );
        properties.shift_remove("dry_run");
    }
    let required = ["action_type", "target"];
    let tool = ToolDefinition::gateway;
    vec![
        tool("validate_action", ToolClass::Read, "Asks whether an action would be allowed, without doing it. Call it before an action that may be denied. `allowed` is the answer; with `require_approval` a person must agree first; otherwise `reason` says why not and `remedy` what would change it.", schemas::object(&question, &required)).asks().safe(),
        tool("simulate_action", ToolClass::Read, "Explains what would be answered: every stage, the rules that apply and those that nearly do, the problems of the arguments, and what shadow policies would have said. Nothing is done, opened or counted.", schemas::object(&simulation, &required)).asks().safe(),
        tool("list_allowed_tools", ToolClass::Read, "Lists the tools that an agent may call now, and those that need an approval.", schemas::object(&json!({ "agent_id": agent }), &[])).safe(),
    ]
}

/// The roles that asking about somebody else takes; on one's own machine none.
pub(super) fn needs_to_ask(ask: &Ask) -> Roles {
    let named = ask.arguments.get("agent_id").and_then(Value::as_str);
    let about_oneself = named.is_none_or(|named| named == ask.principal.agent_id.as_str());
    match ask.principal.authentication {
        Authentication::Local | Authentication::Internal => Roles::NONE,
        Authentication::None
        | Authentication::Key
        | Authentication::Token
        | Authentication::Anonymous => {
            if about_oneself {
                Roles::NONE
            } else {
                Roles::any_of(&[Role::Operator, Role::Pep])
            }
        }
    }
}

/// What the answer to a question says in any case (`spec/governance.md`, 1).
fn answer(decision: &Decision) -> Value {
    let principal = &decision.request().principal;
    let open = Explanation::is_open_to(principal.roles, principal.trust);
    json!({
        "action_id": decision.request().action_id,
        "allowed": decision.effect() == Effect::Allow,
        "require_approval": decision.effect() == Effect::RequireApproval,
        "reason": decision.reason(),
        "code": decision.code(),
        "warnings": decision.warnings(),
        "matched_policy": decision.determined_by().map(|rule| rule.policy.as_str()),
        "matched_rule": decision.decided_by().filter(|_| open),
        "mode": decision.mode(),
        "policy_version": decision.policy_version(),
        "remedy": decision.remedy(),
    })
}

/// The agent of this id, if it is an id.
fn parsed(agent_id: &str) -> Result<AgentId, crate::tools::ToolError> {
    AgentId::parse(agent_id).map_err(|fault| {
        super::mendable(
            crate::tools::Fault::Value,
            "agent_id",
            fault.to_string(),
            "use the id under which the agent calls",
        )
    })
}
