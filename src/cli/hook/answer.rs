//! What Claude Code is told: allow, deny or ask, and why.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::output::plain;
use crate::policy::{Decision, Effect};

use super::{Fault, Otherwise};

/// What the engine said, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) effect: Effect,
    /// Why.
    pub(super) reason: String,
    /// Every problem of the arguments.
    pub(super) problems: Vec<String>,
    /// The reason's place in the list of codes.
    pub(super) code: String,
    /// What would change it.
    pub(super) remedy: Option<String>,
}

/// What Claude Code is to do, and what it tells the person and the model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    permission: &'static str,
    reason: String,
}

impl Verdict {
    /// What a decision of the engine says.
    pub(super) fn of(decision: &Decision) -> Self {
        Self {
            effect: decision.effect(),
            reason: decision.reason().to_owned(),
            problems: decision.problems().to_vec(),
            code: decision.code().as_str().to_owned(),
            remedy: decision.remedy().map(|remedy| remedy.text.clone()),
        }
    }

    /// What Claude Code is told.
    pub(super) fn answer(&self, on_approval: Otherwise) -> Answer {
        let text = |beginning: &str, retry: &str| {
            let mut text = format!(
                "{beginning}: {} ({})",
                self.reason.trim_end_matches('.'),
                self.code
            );
            for problem in self
                .problems
                .iter()
                .filter(|problem| **problem != self.reason)
            {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "; {problem}");
            }
            let _ = write!(text, ".{retry}");
            if let Some(remedy) = &self.remedy {
                let _ = write!(text, " To proceed: {remedy}.");
            }
            plain(&text)
        };
        let stop = " Do not retry unchanged.";
        let (permission, reason) = match (self.effect, on_approval) {
            (Effect::Allow, _) => ("allow", text("Allowed by policy", "")),
            (Effect::Deny, _) => ("deny", text("Denied by policy", stop)),
            (Effect::RequireApproval, Otherwise::Ask) => ("ask", text("Needs approval", "")),
            (Effect::RequireApproval, Otherwise::Deny) => ("deny", text("Needs approval", stop)),
        };
        Answer { permission, reason }
    }
}

impl Answer {
    /// What is said when there is no decision; never that the tool may be used.
    pub(super) fn undecided(on_error: Otherwise, fault: &Fault) -> Self {
        let permission = match on_error {
            Otherwise::Deny => "deny",
            Otherwise::Ask => "ask",
        };
        let fault = plain(&fault.replace('\n', " "));
        Self {
            permission,
            reason: format!("policyguard could not decide: {fault}"),
        }
    }

    /// The one line that goes to standard output.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": self.permission,
                "permissionDecisionReason": self.reason,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(effect: Effect) -> Verdict {
        Verdict {
            effect,
            reason: "the reason.".to_owned(),
            problems: vec!["the reason.".to_owned(), "parameter a: b".to_owned()],
            code: "a_code".to_owned(),
            remedy: Some("a way".to_owned()),
        }
    }

    #[test]
    fn only_an_allow_allows() {
        use Otherwise::{Ask, Deny};
        for (effect, on_approval, permission, text) in [
            (
                Effect::Allow,
                Deny,
                "allow",
                "Allowed by policy: the reason (a_code); parameter a: b. To proceed: a way.",
            ),
            (
                Effect::Deny,
                Ask,
                "deny",
                "Denied by policy: the reason (a_code); parameter a: b. Do not retry unchanged. To proceed: a way.",
            ),
            (
                Effect::RequireApproval,
                Ask,
                "ask",
                "Needs approval: the reason (a_code); parameter a: b. To proceed: a way.",
            ),
            (
                Effect::RequireApproval,
                Deny,
                "deny",
                "Needs approval: the reason (a_code); parameter a: b. Do not retry unchanged. To proceed: a way.",
            ),
        ] {
            let answer = verdict(effect).answer(on_approval);
            assert_eq!(
                (answer.permission, answer.reason.as_str()),
                (permission, text)
            );
        }
        for on_error in [Deny, Ask] {
            assert_ne!(
                Answer::undecided(on_error, &"x\ny".to_owned()).permission,
                "allow"
            );
        }
    }
}
