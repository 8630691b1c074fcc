//! What each step must come to: an answer is as told, or it is said what it is instead.

use serde_json::Value;

use crate::cli::audit;
use crate::cli::client::Reply;
use crate::cli::output::member;

use super::page::Word;
use super::request::Request;

/// What must come of a step.
pub(super) enum Told {
    /// The gateway does it.
    Done,
    /// The call runs.
    Allowed,
    /// The call is refused, with this code.
    Denied(&'static str),
    /// This mode holds, until a moment that is named.
    Mode(&'static str),
    /// Every call of the story is found, decided as it was answered.
    OnRecord,
    /// The chain verifies.
    Intact,
}

/// A call of the story and how it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) action_id: String,
    pub(super) tool: String,
    pub(super) allowed: bool,
    /// The number of its decision in the chain, once that was looked up.
    pub(super) seq: Option<u64>,
}

/// What a page says of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) word: Word,
    pub(super) headline: String,
    pub(super) facts: Vec<(String, String)>,
}

impl Told {
    /// What the answer says, if it is as told; acts are added or looked up.
    ///
    /// # Errors
    /// What is different.
    pub(super) fn read(
        &self,
        request: &Request,
        reply: &Reply,
        acts: &mut Vec<Act>,
    ) -> Result<Answer, String> {
        let body = &reply.body;
        if reply.status != 200 {
            let detail = member(body, "detail");
            return Err(format!("the gateway answered {}: {detail}", reply.status));
        }
        match self {
            Self::Done => done(body),
            Self::Allowed => decided(request, body, None, acts),
            Self::Denied(code) => decided(request, body, Some(code), acts),
            Self::Mode(mode) => switched(body, mode),
            Self::OnRecord => on_record(body, acts),
            Self::Intact => intact(body),
        }
    }
}

fn done(body: &Value) -> Result<Answer, String> {
    if body.get("success") != Some(&Value::Bool(true)) {
        return Err(format!("it was not done: {body}"));
    }
    Ok(Answer {
        word: Word::Done,
        headline: member(body, "message"),
        facts: Vec::new(),
    })
}

/// A call that was to run, or to be denied with a code.
fn decided(
    request: &Request,
    body: &Value,
    code: Option<&str>,
    acts: &mut Vec<Act>,
) -> Result<Answer, String> {
    let asked = request.body.as_ref().unwrap_or(&Value::Null);
    let (tool, agent) = (member(asked, "tool_name"), member(asked, "agent_id"));
    let allowed = body.get("success") == Some(&Value::Bool(true));
    let found = member(body, "code");
    let reason = member(body, "blocked_reason");
    if let Some(code) = code
        && (allowed || found != code)
    {
        let instead = if allowed {
            "allowed".to_owned()
        } else {
            format!("denied with `{found}`")
        };
        return Err(format!(
            "`{tool}` was to be denied with `{code}`, and was {instead}"
        ));
    }
    if code.is_none() && !allowed {
        let error = member(body, "error");
        let why = if reason.is_empty() { error } else { reason };
        return Err(format!(
            "`{tool}` was to be allowed, and was not, with `{found}`: {why}"
        ));
    }
    let act = Act {
        action_id: member(body, "action_id"),
        tool: tool.clone(),
        allowed,
        seq: None,
    };
    let record = ("record", act.action_id.clone());
    acts.push(act);
    let facts = if allowed {
        vec![("result", result(body)), ("why", because(body)), record]
    } else {
        let remedy = body.get("remedy").map(|remedy| member(remedy, "text"));
        let remedy = remedy.unwrap_or_default();
        vec![
            ("why", reason),
            ("rule", format!("{} ({found})", member(body, "rule"))),
            ("remedy", remedy),
            record,
        ]
    };
    let facts = facts.into_iter().filter(|(_, text)| !text.is_empty());
    Ok(Answer {
        word: if allowed { Word::Allowed } else { Word::Denied },
        headline: format!("{tool}, for {agent}"),
        facts: facts
            .map(|(label, text)| (label.to_owned(), text))
            .collect(),
    })
}

/// What a tool said, in one sentence.
fn result(body: &Value) -> String {
    let result = body.get("result").unwrap_or(&Value::Null);
    match (member(result, "message"), member(result, "health")) {
        (message, health) if message.is_empty() && !health.is_empty() => {
            format!("`{}` is {health}", member(result, "service"))
        }
        (message, _) if message.is_empty() => result.to_string(),
        (message, _) => message,
    }
}

/// What allowed a call.
fn because(body: &Value) -> String {
    let (policy, rule) = (member(body, "policy"), member(body, "rule"));
    let mode = member(body, "mode");
    if policy.is_empty() {
        format!("{rule} allows it, in {mode} mode")
    } else {
        format!("rule `{rule}` of policy `{policy}` allows it, in {mode} mode")
    }
}

fn switched(body: &Value, mode: &str) -> Result<Answer, String> {
    let (new, end) = (member(body, "new_mode"), member(body, "expires_at"));
    if new != mode {
        return Err(format!("the mode was to be {mode}, and is {new}"));
    }
    if end.is_empty() {
        return Err(format!("{mode} was to end by itself, and has no end"));
    }
    let open = super::super::output::texts(body, "allowed_tools").join(", ");
    Ok(Answer {
        word: Word::Done,
        headline: format!("{mode} mode until {end}"),
        facts: vec![("open now".to_owned(), open)],
    })
}

fn on_record(body: &Value, acts: &mut [Act]) -> Result<Answer, String> {
    let entries = body.get("entries").and_then(Value::as_array);
    let entries = entries.map_or(&[][..], Vec::as_slice);
    for act in acts.iter_mut() {
        let entry = entries
            .iter()
            .find(|entry| member(entry, "action_id") == act.action_id)
            .ok_or_else(|| format!("`{}` ({}) is not on record", act.tool, act.action_id))?;
        let effect = decision(entry, "effect");
        if (effect == "allow") != act.allowed {
            return Err(format!(
                "`{}` is on record as {effect}, and was answered otherwise",
                act.tool
            ));
        }
        act.seq = entry.get("seq").and_then(Value::as_u64);
    }
    let line = |entry: &Value| {
        let (effect, code) = (decision(entry, "effect"), decision(entry, "code"));
        let text = format!(
            "{effect} {}, {code}, {}",
            member(entry, "resource"),
            member(entry, "action_id")
        );
        (format!("no. {}", member(entry, "seq")), text)
    };
    Ok(Answer {
        word: Word::Done,
        headline: format!("{} decisions", entries.len()),
        facts: entries.iter().map(line).collect(),
    })
}

fn decision(entry: &Value, name: &str) -> String {
    entry
        .get("decision")
        .map(|decision| member(decision, name))
        .unwrap_or_default()
}

fn intact(body: &Value) -> Result<Answer, String> {
    let verdict = audit::verdict(body);
    if body.get("intact") != Some(&Value::Bool(true)) {
        return Err(verdict);
    }
    Ok(Answer {
        word: Word::Intact,
        headline: verdict,
        facts: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is said of an answer to a call that was to come to this.
    #[track_caller]
    fn check(told: &Told, body: &Value, expected: Result<Word, &str>) {
        let request = Request::post(
            "/tools/execute",
            json!({ "tool_name": "t", "agent_id": "a" }),
        );
        let reply = Reply {
            status: 200,
            body: body.clone(),
        };
        let act = Act {
            action_id: "act_1".to_owned(),
            tool: "t".to_owned(),
            allowed: false,
            seq: None,
        };
        let read = told.read(&request, &reply, &mut vec![act]);
        let read = read.map(|answer| answer.word);
        assert_eq!(read, expected.map_err(str::to_owned), "{body}");
    }

    #[test]
    fn an_answer_that_is_not_as_told_is_never_taken_for_it() {
        let allowed = json!({ "success": true, "code": "rule_allow" });
        let denied = json!({ "success": false, "code": "x", "blocked_reason": "no" });
        check(&Told::Allowed, &allowed, Ok(Word::Allowed));
        check(
            &Told::Allowed,
            &denied,
            Err("`t` was to be allowed, and was not, with `x`: no"),
        );
        check(&Told::Denied("x"), &denied, Ok(Word::Denied));
        check(
            &Told::Denied("x"),
            &allowed,
            Err("`t` was to be denied with `x`, and was allowed"),
        );
        check(
            &Told::Denied("y"),
            &denied,
            Err("`t` was to be denied with `y`, and was denied with `x`"),
        );
        check(
            &Told::Done,
            &json!({ "success": "true" }),
            Err("it was not done: {\"success\":\"true\"}"),
        );
        let endless = json!({ "new_mode": "M", "expires_at": null });
        check(
            &Told::Mode("M"),
            &endless,
            Err("M was to end by itself, and has no end"),
        );
        check(
            &Told::Mode("N"),
            &endless,
            Err("the mode was to be N, and is M"),
        );
    }

    #[test]
    fn each_call_must_be_on_record_as_it_was_answered() {
        let entry = |id: &str, effect: &str| json!({ "entries": [{ "seq": 4, "action_id": id, "decision": { "effect": effect } }] });
        check(&Told::OnRecord, &entry("act_1", "deny"), Ok(Word::Done));
        check(
            &Told::OnRecord,
            &entry("act_2", "deny"),
            Err("`t` (act_1) is not on record"),
        );
        check(
            &Told::OnRecord,
            &entry("act_1", "allow"),
            Err("`t` is on record as allow, and was answered otherwise"),
        );
        let broken =
            json!({ "intact": false, "records": 3, "first_fault": { "seq": 4, "how": "cut" } });
        let said = "the chain is BROKEN: record 4 is cut; records before it that are intact: 3";
        check(&Told::Intact, &broken, Err(said));
    }

    #[test]
    fn a_refusal_by_the_door_is_no_answer() {
        let reply = Reply {
            status: 403,
            body: json!({ "success": true, "detail": "a foreign host" }),
        };
        let read = Told::Done.read(&Request::get("/"), &reply, &mut Vec::new());
        assert_eq!(
            read.err().as_deref(),
            Some("the gateway answered 403: a foreign host")
        );
    }
}
