//! Tool `rollback_policy`: the runtime policies of an older version become those of a new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::domain::PolicyId;
use crate::policy::Engine;
use crate::policy_admin::{ReleaseStore, read_runtime};
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, changed, count, note, text};
use super::change::{Made, Order, Wanted};
use super::create::allow_loosening;
use super::{unknown_version, unread};

pub(in crate::governance) async fn rollback(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let to = count(permit, "version").unwrap_or_default();
    let reason = text(permit, "reason");
    let order = Order {
        note: note(permit, "policy_management")
            .with("operation", json!("rollback"))
            .with("to_version", json!(to))
            .with("reason", json!(reason)),
        reason: reason.map_or_else(|| format!("rollback to version {to}"), str::to_owned),
        allow_loosening: allow_loosening(permit),
        of: permit.outcome_of(),
    };
    let work_out = move |live: &Engine, store: &dyn ReleaseStore| wanted(live, store, to);
    let policies = Arc::clone(&governance.policies);
    let Made {
        version,
        message,
        warnings,
    } = policies.change(governance.gate(), order, work_out).await?;
    Ok(changed(json!({
        "success": true,
        "message": message,
        "version": version,
        "rolled_back_to": to,
        "warnings": warnings,
    })))
}

fn wanted(live: &Engine, store: &dyn ReleaseStore, to: u64) -> Result<Wanted, ToolError> {
    let known = store.release(to).map_err(|fault| unread(&fault))?;
    if known.is_none() {
        return Err(unknown_version(to));
    }
    let of = |version| {
        store
            .runtime_policies(version)
            .map_err(|fault| unread(&fault))
    };
    let (then, now) = (of(to)?, of(live.version())?);
    let runtime = read_runtime(&then).map_err(|fault| ToolError::Unavailable(fault.to_string()))?;
    let puts = steps(then, now);
    let (back, gone) = puts.iter().fold((0, 0), |(back, gone), (_, document)| {
        if document.is_some() {
            (back + 1, gone)
        } else {
            (back, gone + 1)
        }
    });
    let message = if puts.is_empty() {
        format!("The runtime policies are those of version {to} already")
    } else {
        format!("Rolled back to version {to}: {back} runtime policies restored, {gone} deleted")
    };
    let files = |version| store.files(version).map_err(|fault| unread(&fault));
    let differ = files(to)? != files(live.version())?;
    let warning = differ.then(|| {
        format!("the files of version {to} are not those in force, which stay: change them on disk")
    });
    Ok(Wanted {
        runtime,
        puts,
        about: None,
        message,
        warnings: warning.into_iter().collect(),
    })
}

/// What must be stored to come from the policies of now to those of then.
fn steps(
    then: Vec<(PolicyId, String)>,
    now: Vec<(PolicyId, String)>,
) -> Vec<(PolicyId, Option<String>)> {
    let mut now: BTreeMap<PolicyId, String> = now.into_iter().collect();
    let mut steps = Vec::new();
    for (id, document) in then {
        if now.remove(&id).as_ref() != Some(&document) {
            steps.push((id, Some(document)));
        }
    }
    steps.extend(now.into_keys().map(|id| (id, None)));
    steps
}
