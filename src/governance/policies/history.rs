//! Tool `policy_history`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::policy_admin::PastRelease;
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, count, cursor, text};
use super::{apart, unread};

/// What cursors of this list are signed for.
const SCOPE: &str = "policy_history";

pub(in crate::governance) async fn history(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let before = match text(permit, "cursor") {
        None => u64::MAX,
        Some(given) => {
            let version = governance.cursors.read_text(given, SCOPE).map_err(cursor)?;
            version.parse().unwrap_or(0)
        }
    };
    let limit = count(permit, "limit").and_then(|limit| u32::try_from(limit).ok());
    let limit = limit.unwrap_or(20);
    let policies = Arc::clone(&governance.policies);
    // One more than is shown tells whether there is a next page.
    let read = move || {
        let past = policies.store.history(before, limit.saturating_add(1));
        past.map_err(|fault| unread(&fault))
    };
    let mut past = apart(read).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = past.len() > shown;
    past.truncate(shown);
    let next_cursor = past.last().filter(|_| more).map(|last| {
        governance
            .cursors
            .write_text(&last.version.to_string(), SCOPE)
    });
    Ok(Output::of(json!({
        "versions": past.iter().map(line).collect::<Vec<_>>(),
        "count": past.len(),
        "next_cursor": next_cursor,
        "policy_version": governance.gate().situation().engine.version(),
    })))
}

fn line(release: &PastRelease) -> Value {
    let changed = release.changed.iter();
    let changed: Vec<Value> = changed
        .map(|(id, step)| json!({ "policy_id": id, "step": step.as_str() }))
        .collect();
    json!({
        "version": release.version,
        "author": release.author,
        "reason": release.reason,
        "parent": release.parent,
        "digest": release.digest,
        "policy_name": release.name,
        "files_changed": release.files_changed,
        "policies": changed,
    })
}
