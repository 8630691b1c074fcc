//! The engine of a running gateway, asked by `validate_action`, which is on record there.

use serde_json::{Value, json};

use crate::cli::client::Find;
use crate::cli::output::member;
use crate::domain::CorrelationId;
use crate::policy::Effect;

use super::answer::Verdict;
use super::event::Event;
use super::{Fault, files};

/// Asks whether the agent, or whoever the key stands for, may use the tool.
pub(super) async fn ask(
    find: &Find<'_>,
    agent: Option<&str>,
    event: &Event,
) -> Result<Verdict, Fault> {
    let gateway = find.running().map_err(|fault| fault.to_string())?;
    let reply = gateway
        .post("/tools/execute", &question(agent, event))
        .await;
    let answer = reply
        .and_then(crate::cli::client::Reply::success)
        .map_err(|fault| fault.to_string())?;
    verdict(&answer)
}

fn question(agent: Option<&str>, event: &Event) -> Value {
    let mut arguments = json!({
        "action_type": files::ACTION,
        "target": event.tool,
        "parameters": event.input,
        "context": event.stated,
    });
    if let (Some(agent), Value::Object(members)) = (agent, &mut arguments) {
        members.insert("agent_id".to_owned(), json!(agent));
    }
    let mut body = json!({ "tool_name": "validate_action", "arguments": arguments });
    // One name for everything that a session did.
    let session = event.stated.get("session_id").and_then(Value::as_str);
    let session = session.filter(|session| CorrelationId::parse(session).is_ok());
    if let (Some(session), Value::Object(members)) = (session, &mut body) {
        members.insert("correlation_id".to_owned(), json!(session));
    }
    body
}

/// What the gateway answered; anything but a clear yes is none.
fn verdict(answer: &Value) -> Result<Verdict, Fault> {
    let says = |value: &Value, name: &str| value.get(name).and_then(Value::as_bool);
    if says(answer, "policy_violation") == Some(true) {
        // The question itself was refused.
        return Ok(Verdict {
            effect: Effect::Deny,
            reason: member(answer, "blocked_reason"),
            problems: Vec::new(),
            code: member(answer, "code"),
            remedy: remedy(answer),
        });
    }
    let result = answer.get("result").unwrap_or(&Value::Null);
    let effect = match (
        says(answer, "success"),
        says(result, "allowed"),
        says(result, "require_approval"),
    ) {
        (Some(true), Some(true), Some(false)) => Effect::Allow,
        (Some(true), Some(false), Some(true)) => Effect::RequireApproval,
        (Some(true), Some(false), Some(false)) => Effect::Deny,
        _ => {
            let said = [member(answer, "error"), member(result, "message")];
            let said = said.into_iter().find(|text| !text.is_empty());
            return Err(
                said.unwrap_or_else(|| "the gateway answered what is no decision".to_owned())
            );
        }
    };
    Ok(Verdict {
        effect,
        reason: member(result, "reason"),
        // The reason has them.
        problems: Vec::new(),
        code: member(result, "code"),
        remedy: remedy(result),
    })
}

fn remedy(value: &Value) -> Option<String> {
    let text = value.get("remedy")?.get("text")?.as_str()?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_clear_yes_is_none() {
        let effect = |answer: Value| verdict(&answer).ok().map(|verdict| verdict.effect);
        let result = |allowed: Value, approval: Value| json!({ "success": true, "policy_violation": false, "result": { "allowed": allowed, "require_approval": approval } });
        assert_eq!(
            effect(result(json!(true), json!(false))),
            Some(Effect::Allow)
        );
        assert_eq!(
            effect(result(json!(false), json!(false))),
            Some(Effect::Deny)
        );
        assert_eq!(
            effect(result(json!(false), json!(true))),
            Some(Effect::RequireApproval)
        );
        for odd in [
            json!({}),
            json!(null),
            json!({ "allowed": true, "require_approval": false }),
            json!({ "success": false, "result": { "allowed": true, "require_approval": false } }),
            json!({ "success": true, "result": { "allowed": true } }),
            result(json!(true), json!(true)),
            result(json!("true"), json!(false)),
        ] {
            assert_eq!(effect(odd.clone()), None, "{odd}");
        }
        let refused = json!({ "success": true, "policy_violation": true, "result": { "allowed": true, "require_approval": false } });
        assert_eq!(effect(refused), Some(Effect::Deny));
    }
}
