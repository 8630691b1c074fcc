//! Agents that registered themselves and were not seen for long are forgotten (`spec/identity.md`, "Agents").

use std::time::Duration;

use serde_json::json;

use crate::audit::{ChangeNote, TrailReader};
use crate::decision_point::{AgentEdit, ChangeError, Gate};
use crate::domain::{Agent, PrincipalStatus};
use crate::registry::AgentFilter;

/// How long such an agent is kept after it was last seen.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// More of them than there may be.
const ALL: usize = 10_000;

/// Forgets those that nobody adopted, suspended or saw for thirty days; returns how many.
///
/// One whose records cannot be read stays: it may have been seen.
pub async fn forget_unseen(gate: &Gate, reader: &dyn TrailReader) -> usize {
    let filter = AgentFilter {
        auto_registered: true,
        status: Some(PrincipalStatus::Active),
        ..AgentFilter::default()
    };
    let Ok(agents) = gate.registry().store().list(filter, "", ALL) else {
        return 0;
    };
    let mut forgotten = 0;
    for agent in agents {
        if !is_long_unseen(gate, reader, &agent) {
            continue;
        }
        let edit = gate.change_agent(&agent.agent_id, |now, _| match now {
            Some(now) if now.revision == agent.revision => Ok(forgetting(&agent)),
            Some(_) | None => Err(()),
        });
        match edit.await {
            Ok(_) => forgotten += 1,
            Err(ChangeError::Refused(())) => {}
            Err(ChangeError::Audit(fault)) => {
                tracing::warn!(%fault, "agents that nobody saw for long stay registered");
                return forgotten;
            }
        }
    }
    forgotten
}

fn is_long_unseen(gate: &Gate, reader: &dyn TrailReader, agent: &Agent) -> bool {
    let now = gate.clock().now();
    let Ok(seen) = reader.last_seen(agent.agent_id.as_str()) else {
        return false;
    };
    let last = seen.map_or(agent.updated_at, |seen| seen.max(agent.updated_at));
    last < now && last.until(now) >= KEPT
}

fn forgetting(agent: &Agent) -> AgentEdit {
    let note = ChangeNote::new("agent_removal", "gateway")
        .with("agent_id", json!(agent.agent_id))
        .with("reason", json!("not seen for 30 days"));
    AgentEdit {
        next: None,
        note,
        changes: Vec::new(),
        of: None,
    }
}
