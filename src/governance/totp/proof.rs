//! A code of a person, and what it opens: a mode that asks for one, the end of a lockdown.

use serde_json::{Map, json};

use crate::audit::{Door, StateChange};
use crate::domain::{AgentId, IncidentType, ModeName, Severity, Totp, TotpStatus};
use crate::identity::{TotpRefusal, Turn};
use crate::incidents::Report;
use crate::policy::Bundle;
use crate::tools::{Fault, Permit, ToolError};

use super::super::{Governance, actor, mendable, note, text, unwritten};
use super::{caller, own_id, unread};

/// A right code, to be used up in the transaction of what it opens. Nobody else's turn comes while it lives.
pub(in crate::governance) struct Proof<'a> {
    user_id: AgentId,
    step: u64,
    _turn: Turn<'a>,
}

impl Proof<'_> {
    /// The change that uses it up.
    pub(in crate::governance) fn change(&self) -> StateChange {
        StateChange::UseTotpStep {
            user_id: self.user_id.clone(),
            step: self.step,
        }
    }
}

/// The code for a switch to this mode, if its policy asks for one.
pub(in crate::governance) async fn for_mode<'a>(
    governance: &'a Governance,
    permit: &Permit,
    mode: &str,
) -> Result<Option<Proof<'a>>, ToolError> {
    let over_mcp = matches!(permit.caller().door, Door::Mcp | Door::Stdio);
    if over_mcp && permit.arguments().get("totp").is_some() {
        return Err(mendable(
            Fault::Value,
            "totp_refused",
            "a TOTP code is not taken over MCP: it belongs in no model's hands",
            format!(
                "let a person switch, with `policyguard mode set {} --totp CODE` or over REST",
                mode.escape_debug()
            ),
        ));
    }
    let situation = governance.gate().situation();
    let asks = ModeName::parse(mode).is_ok_and(|mode| asks(situation.engine.bundle(), &mode));
    if !asks {
        return Ok(None);
    }
    if over_mcp {
        return Err(missing(mode));
    }
    let turn = governance.totps.turn().await;
    let own = own_id(governance, permit);
    let totp = match &own {
        Some(user_id) => turn.totp(user_id).map_err(unread)?,
        None => None,
    };
    let counts = |totp: &Totp| totp.status() == TotpStatus::Confirmed;
    let Some(totp) = totp.filter(counts) else {
        return Err(mendable(
            Fault::Value,
            "totp_required",
            format!(
                "mode `{mode}` asks for a TOTP code, and `{}` has none that counts",
                caller(permit)
            ),
            "be a person with one: `policyguard users put`, `policyguard totp enroll` and `confirm`, `policyguard keys create --user`, then call with that key",
        ));
    };
    if text(permit, "totp").is_none() {
        return Err(missing(mode));
    }
    proof(governance, permit, turn, totp).await.map(Some)
}

/// The code for lifting a lockdown, which everybody gives who has one that counts.
pub(in crate::governance) async fn for_lifting<'a>(
    governance: &'a Governance,
    permit: &Permit,
) -> Result<Option<Proof<'a>>, ToolError> {
    let turn = governance.totps.turn().await;
    let own = own_id(governance, permit);
    let user_id = own.as_ref().unwrap_or_else(|| caller(permit));
    let totp = turn.totp(user_id).map_err(unread)?;
    let counts = |totp: &Totp| totp.status() == TotpStatus::Confirmed;
    let Some(totp) = totp.filter(counts) else {
        return Ok(None);
    };
    if own.is_none() {
        return Err(not_theirs(user_id));
    }
    proof(governance, permit, turn, totp).await.map(Some)
}

/// Refuses the mode without the code that the policy of this very moment asks for.
pub(in crate::governance) fn required(
    bundle: &Bundle,
    mode: &ModeName,
    proof: Option<&Proof<'_>>,
) -> Result<(), ToolError> {
    if proof.is_none() && asks(bundle, mode) {
        return Err(missing(mode.as_str()));
    }
    Ok(())
}

fn asks(bundle: &Bundle, mode: &ModeName) -> bool {
    let rules = bundle.modes.get(mode);
    rules.is_some_and(|rules| rules.requires_totp)
}

async fn proof<'a>(
    governance: &Governance,
    permit: &Permit,
    turn: Turn<'a>,
    totp: Totp,
) -> Result<Proof<'a>, ToolError> {
    let step = checked(governance, permit, &turn, &totp).await?;
    Ok(Proof {
        user_id: totp.user_id,
        step,
        _turn: turn,
    })
}

/// The step of the code that the call gives, if it is right; a wrong one counts, and the third locks.
pub(super) async fn checked(
    governance: &Governance,
    permit: &Permit,
    turn: &Turn<'_>,
    totp: &Totp,
) -> Result<u64, ToolError> {
    let user_id = &totp.user_id;
    let Some(code) = text(permit, "totp") else {
        return Err(mendable(
            Fault::Value,
            "totp_required",
            format!("this takes the TOTP code that `{user_id}`'s app shows now"),
            "give it as `totp` (`--totp CODE`)",
        ));
    };
    let note = note(permit, "totp_try")
        .with("user_id", json!(user_id))
        .with("action_id", json!(permit.request().action_id));
    let refusal = match turn.check(totp, code, governance.now(), note).await {
        Ok(step) => return Ok(step),
        Err(refusal) => refusal,
    };
    let message = refusal.to_string();
    Err(match refusal {
        TotpRefusal::Wrong => mendable(
            Fault::Value,
            "totp_wrong",
            message,
            "wait for the next code, and see that the clock of the device is right",
        ),
        TotpRefusal::Locked { left, now } => {
            if now {
                tell(governance, permit, user_id).await;
            }
            let seconds = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
            mendable(
                Fault::Locked(seconds.max(1)),
                "totp_locked",
                message,
                "wait until then; another administrator can enroll anew",
            )
        }
        TotpRefusal::Unsealable(_) => ToolError::Unavailable(format!(
            "{message}: let another administrator enroll `{user_id}` anew"
        )),
        TotpRefusal::Audit(fault) => unwritten(&fault),
    })
}

/// Nothing is tried with the code of a person whose key was not shown: so nobody can lock somebody else.
pub(super) fn not_theirs(user_id: &AgentId) -> ToolError {
    mendable(
        Fault::Value,
        "totp_required",
        format!(
            "this takes a TOTP code of `{user_id}`, which is taken with a key of that person alone"
        ),
        "call with an API key of the person (`policyguard keys create --user`)",
    )
}

fn missing(mode: &str) -> ToolError {
    mendable(
        Fault::Value,
        "totp_required",
        format!("mode `{mode}` asks for the TOTP code of the person who switches to it"),
        format!(
            "give it as `totp` over REST, or run `policyguard mode set {mode} --totp CODE`; over MCP it is not taken"
        ),
    )
}

/// Opens the incident of a second factor that is locked.
async fn tell(governance: &Governance, permit: &Permit, user_id: &AgentId) {
    let mut evidence = Map::new();
    evidence.insert("user_id".to_owned(), json!(user_id));
    evidence.insert("tool".to_owned(), json!(permit.tool()));
    evidence.insert("action_id".to_owned(), json!(permit.request().action_id));
    let report = Report {
        kind: IncidentType::UnauthorizedAccess,
        severity: Severity::High,
        description: format!(
            "three wrong TOTP codes within 30 seconds with a key of `{}`: codes of `{user_id}` are locked for 15 minutes",
            actor(permit)
        ),
        agent_id: None,
        evidence,
        recommended_action: Some(
            "ask the person; revoke the key if it was somebody else".to_owned(),
        ),
        auto_suspend: false,
        reported_by: "gateway".to_owned(),
        may_suspend: false,
        of: None,
    };
    if let Err(fault) = governance.incidents.report(report).await {
        tracing::warn!(%fault, "the incident of a locked second factor could not be written");
    }
}
