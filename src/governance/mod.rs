//! Backend: the gateway's own tools, through the same door as everyone's.

mod agents; // tools: who is registered
mod answers; // what the tools answer, as schemas
mod audit_entry; // tool: one attempt, and the shape of entries
mod audit_log; // tools: the trail, read and verified
mod audit_stream; // tool: what was recorded behind a record
mod compliance; // tool: how agents do, and what to mend
mod call_roles; // which roles a call needs for its arguments
mod grants; // tools: EMERGENCY for seconds
mod incident_scope; // tools: which services an incident touches
mod incidents; // tools: what somebody should look at
mod keys; // tools: credentials and people
mod json_text; // arguments as values or as JSON text
mod lockdown; // tools: halt, and the drill of it
mod policies; // tools: versions of the policy
mod mode_views; // tools: which mode holds and held
mod posture; // what is weak, and what to do next
mod question; // tools: what would be answered
mod reading; // what tools share that read the trail
mod reload; // files of the policy, read and checked
mod schemas; // input schemas, said once
mod set_mode; // tool (and POST /policy/set-mode)
mod status; // tools: what holds now, which tools there are
mod totp; // tools: second factors, and what takes one

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::audit::{AuditError, ChangeNote, Cursors, Inspector, QueryError, TrailReader};
use crate::decision_point::{ChangeError, DecisionPoint, Gate};
use crate::domain::{Arguments, ModeName, Timestamp};
use crate::identity::{Keys, Totps};
use crate::incidents::Incidents;
use crate::modes::ModeStore;
use crate::policy::Bundle;
use crate::tools::{Fault, Output, Permit, ToolBackend, ToolDefinition, ToolError, Work};

pub use agents::{Suspender, forget_unseen};
pub use call_roles::CallRoles;
pub use lockdown::{LOCKDOWN_FILE, lock_down};
pub use policies::{NotReloaded, Policies};
pub use reload::{Loaded, homeless, load};
pub use status::Facts;

/// The gateway's own tools.
pub struct Governance {
    decision_point: Arc<DecisionPoint>,
    inspector: Arc<Inspector>,
    facts: Facts,
    cursors: Cursors,
    policies: Arc<Policies>,
    modes: Arc<dyn ModeStore>,
    incidents: Incidents,
    keys: Arc<Keys>,
    totps: Arc<Totps>,
    data_dir: PathBuf,
}

/// What the gateway's tools read.
pub struct Books {
    /// The trail, and what is known of its chain.
    pub inspector: Arc<Inspector>,
    /// Cursors of lists.
    pub cursors: Cursors,
    /// Versions of the policy.
    pub policies: Arc<Policies>,
    /// The modes that held.
    pub modes: Arc<dyn ModeStore>,
    /// Credentials, and the people behind them.
    pub keys: Arc<Keys>,
    /// Second factors of people.
    pub totps: Arc<Totps>,
}

impl Governance {
    /// The backend over this decision point and these books.
    #[must_use]
    pub fn new(
        decision_point: Arc<DecisionPoint>,
        books: Books,
        facts: Facts,
        incidents: Incidents,
        data_dir: PathBuf,
    ) -> Self {
        let Books {
            inspector,
            cursors,
            policies,
            modes,
            keys,
            totps,
        } = books;
        Self {
            decision_point,
            inspector,
            facts,
            cursors,
            policies,
            modes,
            incidents,
            keys,
            totps,
            data_dir,
        }
    }

    fn gate(&self) -> &Gate {
        self.decision_point.gate()
    }

    fn now(&self) -> Timestamp {
        self.gate().clock().now()
    }

    fn reader(&self) -> Arc<dyn TrailReader> {
        Arc::clone(self.inspector.reader())
    }
}

/// The gateway's own tools that are offered over MCP too (`spec/governance.md`).
const OVER_MCP: &[&str] = &[
    "validate_action",
    "register_agent",
    "create_policy",
    "get_audit_log",
    "get_compliance_status",
    "report_incident",
    "set_mode",
    "get_policy_status",
    "list_agents",
    "get_agent",
    "suspend_agent",
    "reinstate_agent",
    "list_policies",
    "get_policy",
    "delete_policy",
    "simulate_action",
    "list_allowed_tools",
    "list_incidents",
    "update_incident",
];

/// The gateway's own tools, in the order in which they are listed.
#[must_use]
pub fn definitions() -> Vec<ToolDefinition> {
    [
        set_mode::definitions(),
        grants::definitions(),
        incident_scope::definitions(),
        lockdown::definitions(),
        status::definitions(),
        mode_views::definitions(),
        audit_log::definitions(),
        vec![
            audit_entry::definition(),
            audit_stream::definition(),
            compliance::definition(),
        ],
        agents::definitions(),
        keys::definitions(),
        totp::definitions(),
        question::definitions(),
        policies::definitions(),
        incidents::definitions(),
    ]
    .concat()
    .into_iter()
    .map(answers::promised)
    .map(|tool| {
        if OVER_MCP.contains(&&*tool.facts.name) {
            tool.over_mcp()
        } else {
            tool
        }
    })
    .collect()
}

impl ToolBackend for Governance {
    fn definitions(&self) -> Vec<ToolDefinition> {
        definitions()
    }

    fn call(&self, permit: Permit) -> Work<'_> {
        Box::pin(async move {
            match permit.tool() {
                "set_mode" => set_mode::run(self, &permit).await,
                "grant_temporary" => grants::grant(self, &permit).await,
                "extend_temporary" => grants::extend(self, &permit).await,
                "revoke_temporary" => grants::revoke(self, &permit).await,
                "set_incident_scope" => incident_scope::set(self, &permit).await,
                "clear_incident_scope" => incident_scope::clear(self, &permit).await,
                "set_lockdown" => lockdown::set(self, &permit).await,
                "drill_lockdown" => lockdown::drill(self, &permit).await,
                "get_policy_status" => Ok(status::policy_status(self)),
                "list_tools" => Ok(status::list_tools(self, &permit).await),
                "get_audit_log" => audit_log::query(self, &permit).await,
                "verify_audit" => audit_log::verify(self).await,
                "get_mode" => Ok(mode_views::mode(self)),
                "list_mode_changes" => mode_views::history(self, &permit),
                "get_lockdown" => Ok(mode_views::lockdown(self)),
                "get_compliance_status" => compliance::status(self, &permit).await,
                "stream_audit" => audit_stream::read(self, &permit).await,
                "get_audit_entry" => audit_entry::get(self, &permit).await,
                "register_agent" => agents::register(self, &permit).await,
                "list_agents" => agents::list(self, &permit),
                "get_agent" => agents::get(self, &permit),
                "suspend_agent" => agents::suspend(self, &permit).await,
                "reinstate_agent" => agents::reinstate(self, &permit).await,
                "remove_agent" => agents::remove(self, &permit).await,
                "create_key" => keys::create(self, &permit).await,
                "list_keys" => keys::list_keys(self, &permit),
                "rotate_key" => keys::rotate(self, &permit).await,
                "revoke_key" => keys::revoke(self, &permit).await,
                "put_user" => keys::put_user(self, &permit).await,
                "list_users" => keys::list_users(self, &permit),
                "enroll_totp" => totp::enroll(self, &permit).await,
                "confirm_totp" => totp::confirm(self, &permit).await,
                "remove_totp" => totp::remove(self, &permit).await,
                "validate_action" => question::validate(self, &permit).await,
                "simulate_action" => question::simulate(self, &permit).await,
                "list_allowed_tools" => question::allowed(self, &permit).await,
                "create_policy" => policies::create(self, &permit).await,
                "delete_policy" => policies::delete(self, &permit).await,
                "rollback_policy" => policies::rollback(self, &permit).await,
                "list_policies" => policies::list(self, &permit),
                "get_policy" => policies::get(self, &permit),
                "check_policies" => policies::check(self, &permit).await,
                "diff_policies" => policies::diff(self, &permit).await,
                "simulate_policies" => policies::simulate(self, &permit).await,
                "policy_history" => policies::history(self, &permit).await,
                "report_incident" => incidents::report(self, &permit).await,
                "list_incidents" => incidents::list(self, &permit).await,
                "get_incident" => incidents::get(self, &permit).await,
                "update_incident" => incidents::update(self, &permit).await,
                other => Err(ToolError::Failed {
                    message: format!("`{other}` is not a tool of the gateway"),
                    detail: Value::Null,
                    changes: Vec::new(),
                }),
            }
        })
    }

    fn plan(&self, _tool: &str, _arguments: &Arguments, _now: Timestamp) -> Option<Value> {
        None
    }
}

/// Who makes a change: the caller behind the agent, if there is one.
fn actor(permit: &Permit) -> String {
    let principal = &permit.request().principal;
    principal
        .acted_by
        .as_ref()
        .unwrap_or(&principal.agent_id)
        .to_string()
}

/// The note of a change that this call makes.
fn note(permit: &Permit, operation: &'static str) -> ChangeNote {
    ChangeNote::new(operation, &actor(permit))
}

/// A text argument that the schema let pass.
fn text<'a>(permit: &'a Permit, name: &str) -> Option<&'a str> {
    permit.arguments().get(name).and_then(Value::as_str)
}

/// A count that the schema let pass.
fn count(permit: &Permit, name: &str) -> Option<u64> {
    permit.arguments().get(name).and_then(Value::as_u64)
}

/// The mode of this name, if the bundle has it.
fn known_mode(bundle: &Bundle, name: &str) -> Result<ModeName, ToolError> {
    let known = ModeName::parse(name)
        .ok()
        .filter(|mode| bundle.modes.contains_key(mode));
    known.ok_or_else(|| {
        let mut names: Vec<&str> = bundle.modes.keys().map(ModeName::as_str).collect();
        // The default mode first, then as people think of them: from calm to urgent is not in the names.
        names.sort_by_key(|name| (*name != bundle.default_mode.as_str(), *name));
        mendable(
            Fault::Value,
            "invalid mode",
            format!("Invalid mode: {name}. Available: [{}]", names.join(", ")),
            "mode names are exact and case-sensitive",
        )
    })
}

/// A cursor that is not one of this list.
#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn cursor(fault: QueryError) -> ToolError {
    match &fault {
        QueryError::Cursor(_) => mendable(
            Fault::Value,
            "cursor",
            fault.to_string(),
            "leave it out to start at the beginning",
        ),
        QueryError::Late(_) | QueryError::Unavailable(_) => {
            ToolError::Unavailable(fault.to_string())
        }
    }
}

fn mendable(
    fault: Fault,
    error: &'static str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> ToolError {
    ToolError::Mendable {
        fault,
        error,
        message: message.into(),
        hint: hint.into(),
    }
}

/// The error of a change that was refused as `E`, or could not be written.
fn unwritten(fault: &AuditError) -> ToolError {
    ToolError::Unavailable(fault.to_string())
}

fn refused(error: ChangeError<ToolError>) -> ToolError {
    match error {
        ChangeError::Refused(refusal) => refusal,
        ChangeError::Audit(fault) => unwritten(&fault),
    }
}

/// A management answer whose record is the change.
const fn changed(result: Value) -> Output {
    Output::changed(result)
}
