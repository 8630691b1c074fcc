//! Tool `simulate_policies`: calls decided under the policy in force and under a changed one.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::decision_point::{Ask, Moment, Situation};
use crate::domain::{
    ActionType, AgentId, Arguments, ModeState, PolicyId, Principal, Purpose, Resource, Stated,
    TrustLevel,
};
use crate::policy::{Decision, Engine};
use crate::policy_admin::{Candidate, Ingredients};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, json_text, known_mode, mendable, text};
use super::change::{unfit, warnings_of};
use super::delete::without;
use super::draft::Draft;
use super::{Policies, apart};

/// The most calls of one trial.
const MOST_CALLS: usize = 500;

pub(in crate::governance) async fn simulate(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let calls = json_text::list(permit, "calls", "invalid calls JSON")?.unwrap_or_default();
    if calls.is_empty() || calls.len() > MOST_CALLS {
        let message = format!("calls: give 1 to {MOST_CALLS}, not {}", calls.len());
        return Err(wrong(message, "split them between several requests"));
    }
    let situation = governance.gate().situation();
    let candidate = candidate(governance, permit, &situation.engine).await?;
    let changed_situation = Situation {
        engine: Arc::clone(&candidate.engine),
        ..(*situation).clone()
    };
    let mut answers = Vec::with_capacity(calls.len());
    let mut changed = 0_usize;
    for (place, call) in calls.iter().enumerate() {
        let call = Call::read(governance, permit, place, call)?;
        let (ask, before) = call.decide(governance, &situation).await?;
        let (_, after) = call.decide(governance, &changed_situation).await?;
        let changes = answer(&before) != answer(&after);
        changed += usize::from(changes);
        answers.push(json!({
            "tool": ask.resource.name,
            "agent_id": ask.principal.agent_id,
            "mode": before.mode(),
            "before": answer(&before),
            "after": answer(&after),
            "changes": changes,
        }));
    }
    Ok(Output::of(json!({
        "calls": answers,
        "count": answers.len(),
        "changed": changed,
        "warnings": warnings_of(&candidate),
        "policy_version": situation.engine.version(),
    })))
}

/// The version that is tried: with a policy, or without one.
async fn candidate(
    governance: &Governance,
    permit: &Permit,
    live: &Arc<Engine>,
) -> Result<Candidate, ToolError> {
    let members = json_text::object(permit, "policy", "invalid policy JSON")?;
    let gone = text(permit, "without").map(PolicyId::parse).transpose();
    let gone = gone.map_err(|fault| wrong(fault.to_string(), "list_policies names them"))?;
    let (policies, live) = (Arc::clone(&governance.policies), Arc::clone(live));
    let now = governance.gate().clock().now();
    apart(move || match (members, gone) {
        (Some(members), None) => {
            let draft = Draft::of_members(&members)?;
            policies.tried(&live, draft, now)?.map_err(unfit)
        }
        (None, Some(gone)) => policies.tried_without(&live, &gone, now),
        (Some(_), Some(_)) | (None, None) => Err(wrong(
            "give either `policy` or `without`".to_owned(),
            "one change is tried at a time",
        )),
    })
    .await
}

impl Policies {
    fn tried_without(
        &self,
        live: &Engine,
        gone: &PolicyId,
        now: crate::domain::Timestamp,
    ) -> Result<Candidate, ToolError> {
        let ingredients = Ingredients {
            files: live.bundle(),
            runtime: without(live, gone)?.runtime,
            known: live.bundle(),
            live,
            now,
        };
        self.compiler.candidate(ingredients).map_err(unfit)
    }
}

/// One call to decide.
struct Call {
    tool: String,
    arguments: Map<String, Value>,
    principal: Principal,
    action: ActionType,
    mode: Option<String>,
    permit_id: crate::domain::ActionId,
}

impl Call {
    fn read(
        governance: &Governance,
        permit: &Permit,
        place: usize,
        call: &Value,
    ) -> Result<Self, ToolError> {
        let fault = |why: &str| {
            let message = format!("call {}: {why}", place + 1);
            wrong(
                message,
                "a call has tool, arguments?, agent_id?, trust_level?, action_type?, mode?",
            )
        };
        let members = call.as_object().ok_or_else(|| fault("must be an object"))?;
        let known = [
            "tool",
            "arguments",
            "agent_id",
            "trust_level",
            "action_type",
            "mode",
        ];
        if let Some(unknown) = members.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(fault(&format!(
                "unknown field `{}`",
                unknown.escape_debug()
            )));
        }
        let member = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(fault(&format!("`{name}` must be a text"))),
        };
        let arguments = match members.get("arguments") {
            None => Map::new(),
            Some(Value::Object(arguments)) => arguments.clone(),
            Some(_) => return Err(fault("`arguments` must be an object")),
        };
        let asker = &permit.request().principal;
        let mut principal = match member("agent_id")? {
            None => asker.clone(),
            Some(id) => {
                let id = AgentId::parse(id).map_err(|error| fault(&error.to_string()))?;
                let registry = governance.gate().registry();
                let subject = registry.subject(asker, id);
                subject.map_err(|refusal| fault(&refusal.to_string()))?
            }
        };
        if let Some(level) = member("trust_level")? {
            principal.trust = TrustLevel::parse(level)
                .ok_or_else(|| fault("trust_level is one of: low, medium, high, admin"))?;
        }
        let action = member("action_type")?.unwrap_or("tool_call");
        Ok(Self {
            tool: member("tool")?
                .ok_or_else(|| fault("`tool` is missing"))?
                .to_owned(),
            arguments,
            principal,
            action: ActionType::parse(action)
                .ok_or_else(|| fault("`action_type` is no type of action"))?,
            mode: member("mode")?.map(str::to_owned),
            permit_id: permit.request().action_id,
        })
    }

    /// What the call is answered in this situation, in its own mode if it names one.
    async fn decide(
        &self,
        governance: &Governance,
        situation: &Situation,
    ) -> Result<(Ask, Decision), ToolError> {
        let ask = Ask {
            action_id: self.permit_id,
            principal: self.principal.clone(),
            action: self.action.clone(),
            resource: Resource {
                name: Arc::from(self.tool.as_str()),
            },
            arguments: Arguments(self.arguments.clone()),
            stated: Arc::new(Stated::default()),
            purpose: Purpose::Question,
            correlation_id: None,
            quota: None,
        };
        let decision_point = &governance.decision_point;
        let Some(mode) = &self.mode else {
            let decision = decision_point.consider_in(situation, &ask).await;
            return Ok((ask, decision));
        };
        let moment = Moment::of(governance.gate().clock());
        let state = ModeState {
            mode: known_mode(situation.engine.bundle(), mode)?,
            expires_at: None,
            ..situation.mode_state(moment)
        };
        let situation = situation.with_mode(state, moment);
        let decision = decision_point.consider_in(&situation, &ask).await;
        Ok((ask, decision))
    }
}

/// What is compared of a decision, and shown.
fn answer(decision: &Decision) -> Value {
    let rule = decision.determined_by();
    json!({
        "effect": decision.effect(),
        "code": decision.code(),
        "reason": decision.reason(),
        "policy": rule.map(|rule| &rule.policy),
        "rule": decision.decided_by(),
    })
}

fn wrong(message: String, hint: &str) -> ToolError {
    mendable(Fault::Value, "invalid trial", message, hint)
}
