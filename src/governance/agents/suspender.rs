//! Suspends agents for incidents: what incidents need of the registry.

use std::sync::Arc;

use serde_json::json;

use crate::audit::ChangeNote;
use crate::decision_point::{AgentEdit, ChangeError, Gate};
use crate::domain::{Agent, PrincipalStatus};
use crate::incidents::{AGENT_SUSPENSION, Suspend, Suspending, SuspensionOrder};

/// Suspends through the gate, so that it reaches calls that are decided and have not started.
pub struct Suspender(Arc<Gate>);

/// Why nothing needs to be written.
enum Nothing {
    /// The agent is not registered.
    Unknown,
    /// It is suspended already.
    Done,
}

impl Suspender {
    /// Over this gate.
    #[must_use]
    pub const fn new(gate: Arc<Gate>) -> Self {
        Self(gate)
    }
}

impl Suspend for Suspender {
    fn suspend(&self, order: SuspensionOrder) -> Suspending<'_> {
        Box::pin(async move {
            let agent_id = order.agent_id.clone();
            let edit = self.0.change_agent(&agent_id, |before, moment| {
                let before = before.ok_or(Nothing::Unknown)?;
                if before.status == PrincipalStatus::Suspended {
                    return Err(Nothing::Done);
                }
                let mut note = ChangeNote::new(AGENT_SUSPENSION, &order.by)
                    .with("agent_id", json!(before.agent_id))
                    .with("status", json!(PrincipalStatus::Suspended))
                    .with("reason", json!(order.reason))
                    .with("incident_id", json!(order.incident_id));
                note.details.extend(order.numbers);
                let next = Agent {
                    status: PrincipalStatus::Suspended,
                    suspended_at: Some(moment.wall),
                    suspension_reason: Some(order.reason),
                    incident_id: Some(order.incident_id),
                    updated_at: moment.wall,
                    ..before
                };
                Ok(AgentEdit {
                    next: Some(next),
                    note,
                    changes: Vec::new(),
                    of: None,
                })
            });
            match edit.await {
                Ok(_) | Err(ChangeError::Refused(Nothing::Done)) => Ok(true),
                Err(ChangeError::Refused(Nothing::Unknown)) => Ok(false),
                Err(ChangeError::Audit(fault)) => Err(fault.to_string()),
            }
        })
    }
}
