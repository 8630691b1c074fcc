//! Tool `delete_policy`.

use std::sync::Arc;

use serde_json::json;

use crate::domain::PolicyId;
use crate::policy::{Engine, Policy, files_of, runtime_of};
use crate::policy_admin::ReleaseStore;
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, changed, note, text};
use super::change::{Made, Order, Wanted};
use super::create::allow_loosening;
use super::views::policy_id;
use super::{in_file, unknown};

pub(in crate::governance) async fn delete(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let id = policy_id(permit)?;
    let reason = text(permit, "reason");
    let order = Order {
        note: note(permit, "policy_management")
            .with("operation", json!("delete"))
            .with("policy_id", json!(id))
            .with("rules_count", json!(0))
            .with("enabled", json!(false))
            .with("reason", json!(reason)),
        reason: reason.map_or_else(|| format!("delete_policy `{id}`"), str::to_owned),
        allow_loosening: allow_loosening(permit),
        of: permit.outcome_of(),
    };
    let gone = id.clone();
    let work_out = move |live: &Engine, _: &dyn ReleaseStore| without(live, &gone);
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

/// The live runtime policies without this one.
pub(super) fn without(live: &Engine, id: &PolicyId) -> Result<Wanted, ToolError> {
    let bundle = live.bundle();
    if let Some(other) = files_of(bundle).find(|other| other.id == *id) {
        let hint = "take it out of the file, or say `enabled: false` there";
        return Err(in_file(id, &other.at.to_string(), hint));
    }
    let policy = runtime_of(bundle).find(|policy| policy.id == *id);
    let name = &policy.ok_or_else(|| unknown(id))?.name;
    let others = runtime_of(bundle).filter(|other| other.id != *id);
    let runtime: Vec<Policy> = others.cloned().collect();
    Ok(Wanted {
        runtime,
        puts: vec![(id.clone(), None)],
        about: None,
        message: format!("Policy '{name}' ({id}) deleted successfully"),
        warnings: Vec::new(),
    })
}
