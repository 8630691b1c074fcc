//! Tool `create_policy` (`spec/governance.md`, 3).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::Roles;
use crate::policy::{Engine, Policy, files_of, runtime_of};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, changed, mendable, note};
use super::change::{Made, Order, Wanted};
use super::draft::Draft;
use super::{in_file, may};

pub(in crate::governance) async fn create(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let Draft { policy, document } = Draft::read(permit.arguments())?;
    let (id, rules) = (policy.id.clone(), policy.rules.len());
    let note = note(permit, "policy_management")
        .with("operation", json!("create"))
        .with("policy_id", json!(id))
        .with("rules_count", json!(rules))
        .with("enabled", json!(policy.enabled));
    let order = Order {
        note,
        reason: format!("create_policy `{id}`"),
        allow_loosening: allow_loosening(permit),
        of: permit.outcome_of(),
    };
    let principal = permit.request().principal.clone();
    let now = governance.gate().clock().now();
    let work_out = move |live: &Engine, _: &dyn crate::policy_admin::ReleaseStore| {
        check_free(live, &policy)?;
        // Asked before already; between the two somebody may have taken the id or changed what it stands beside.
        if may::roles_for(live, &policy, &principal, now) != Roles::NONE {
            return Err(beyond());
        }
        Ok(wanted(live, policy, document))
    };
    let policies = Arc::clone(&governance.policies);
    let Made {
        version,
        message,
        warnings,
    } = policies.change(governance.gate(), order, work_out).await?;
    Ok(changed(json!({
        "success": true,
        "policy_id": id,
        "message": message,
        "version": version,
        "warnings": warnings,
    })))
}

/// Whether the caller asks for a change although it loosens.
pub(super) fn allow_loosening(permit: &Permit) -> bool {
    let given = permit.arguments().get("allow_loosening");
    given.and_then(Value::as_bool).unwrap_or(false)
}

/// Refuses an id that stands in a file.
pub(super) fn check_free(live: &Engine, policy: &Policy) -> Result<(), ToolError> {
    let taken = files_of(live.bundle()).find(|other| other.id == policy.id);
    taken.map_or(Ok(()), |other| {
        Err(in_file(
            &other.id,
            &other.at.to_string(),
            "choose another id, or change the file",
        ))
    })
}

/// The live runtime policies with this one, whether it is new or not.
pub(super) fn wanted(live: &Engine, policy: Policy, document: String) -> Wanted {
    let (id, name, rules) = (policy.id.clone(), policy.name.clone(), policy.rules.len());
    let others = runtime_of(live.bundle()).filter(|other| other.id != id);
    let mut runtime: Vec<Policy> = others.cloned().collect();
    let is_new = runtime.len() == runtime_of(live.bundle()).count();
    runtime.push(policy);
    let done = if is_new { "created" } else { "updated" };
    Wanted {
        runtime,
        puts: vec![(id.clone(), Some(document))],
        message: format!("Policy '{name}' ({id}) {done} successfully with {rules} rules"),
        about: Some(id),
        warnings: Vec::new(),
    }
}

fn beyond() -> ToolError {
    mendable(
        Fault::Conflict,
        "role_required",
        "Tool 'create_policy' needs role admin for this policy, since what it stands beside has changed",
        "ask a caller with role admin, or start the gateway with `--mcp-role admin`",
    )
}
