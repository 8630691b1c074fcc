//! Tool `diff_policies`: what becomes callable between two versions, or by creating a policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::{Digest, PolicyId};
use crate::policy::{self, Bundle, Engine};
use crate::tools::{Fault, Output, Permit, ToolError};

use super::super::{Governance, count, json_text, mendable};
use super::change::unfit;
use super::draft::Draft;
use super::{apart, unknown_version};

pub(in crate::governance) async fn diff(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let members = json_text::object(permit, "policy", "invalid policy JSON")?;
    let (from, to) = (count(permit, "from"), count(permit, "to"));
    if members.is_some() && (from.is_some() || to.is_some()) {
        return Err(mendable(
            Fault::Value,
            "policy",
            "a policy is compared with the version in force, not with another one",
            "give `policy` alone, or `from` and `to`",
        ));
    }
    let live = Arc::clone(&governance.gate().situation().engine);
    let now = governance.gate().clock().now();
    let policies = Arc::clone(&governance.policies);
    let work = move || {
        if let Some(members) = members {
            let draft = Draft::of_members(&members)?;
            let candidate = policies.tried(&live, draft, now)?.map_err(unfit)?;
            return Ok(shown(&live, &candidate.engine, &candidate.diff, None));
        }
        let to = to.unwrap_or(live.version());
        let before = from.or_else(|| to.checked_sub(1).filter(|from| *from > 0));
        let from = before.ok_or_else(|| unknown_version(0))?;
        let (before, after) = (policies.engine_of(from)?, policies.engine_of(to)?);
        let diff = policy::diff(&before, &after, now);
        Ok(shown(&before, &after, &diff, Some(to)))
    };
    Ok(Output::of(apart(work).await?))
}

fn shown(before: &Engine, after: &Engine, diff: &policy::Diff, to: Option<u64>) -> Value {
    let (old, new) = (policies_of(before.bundle()), policies_of(after.bundle()));
    let added: Vec<_> = new.keys().filter(|id| !old.contains_key(*id)).collect();
    let removed: Vec<_> = old.keys().filter(|id| !new.contains_key(*id)).collect();
    let changed = new.iter().filter(|(id, digest)| {
        let before = old.get(*id);
        before.is_some_and(|before| before != *digest)
    });
    let changed: Vec<_> = changed.map(|(id, _)| id).collect();
    json!({
        "from": before.version(),
        "to": to,
        "added": added,
        "removed": removed,
        "changed": changed,
        "becomes_callable": diff.loosened(),
        "stops_being_callable": diff.tightened(),
        "access": diff,
    })
}

/// The policies of the bundle, each with what names its content.
fn policies_of(bundle: &Bundle) -> BTreeMap<&PolicyId, Digest> {
    let policies = bundle.policies.iter();
    let content = |policy| Digest::of(policy::written(policy).to_string().as_bytes());
    policies
        .map(|policy| (&policy.id, content(policy)))
        .collect()
}
