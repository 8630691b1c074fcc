//! From what was counted to who is suspended. What could not be done is tried again until it is.

use std::time::Duration;

use serde_json::{Map, Value};

use super::book::Crossing;
use super::desk::{Desk, Inner};
use super::draft::Draft;
use super::{Failure, SuspensionOrder};
use crate::domain::{AgentId, Incident, IncidentSuspension, SuspensionState};

/// How long to wait before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The most that waits. Beyond, a suspension waits for the next start, which finds it in its incident.
const WAITING: usize = 1000;

/// Something that follows from what was counted.
#[derive(Debug)]
pub(super) struct Todo {
    what: What,
    /// Not before this instant of the clock that never goes back.
    not_before: Duration,
}

#[derive(Debug)]
enum What {
    /// An incident is opened for an agent that was denied too often.
    Open(Crossing),
    /// An agent is suspended.
    Suspend { order: SuspensionOrder, number: u64 },
}

/// An order with the number of its incident.
pub(super) struct Ordered {
    pub(super) order: SuspensionOrder,
    pub(super) number: u64,
}

impl Todo {
    pub(super) const fn open(crossing: Crossing) -> Self {
        Self {
            what: What::Open(crossing),
            not_before: Duration::ZERO,
        }
    }

    pub(super) fn suspend(ordered: Ordered) -> Self {
        let Ordered { order, number } = ordered;
        Self {
            what: What::Suspend { order, number },
            not_before: Duration::ZERO,
        }
    }
}

impl Desk {
    /// Puts something on the list.
    pub(super) fn expect(&mut self, todo: Todo) {
        if self.todo.len() < WAITING {
            self.todo.push_back(todo);
        } else {
            tracing::error!("too many suspensions wait; the next start carries this one out");
        }
    }
}

impl Inner {
    /// The order to suspend the incident's agent, noted in the incident; `None` for those who never are.
    pub(super) fn order(incident: &mut Incident, numbers: Map<String, Value>) -> Option<Ordered> {
        let agent_id = incident.agent_id.clone()?;
        if agent_id.is_reserved() {
            return None;
        }
        incident.suspension = Some(IncidentSuspension {
            state: SuspensionState::Ordered,
            numbers: numbers.clone(),
        });
        Some(ordered(incident, agent_id, numbers))
    }

    /// Does what is on the list and due; what fails goes back on it.
    pub(super) async fn carry_out(&self, desk: &mut Desk) {
        let now = self.parts.clock.monotonic();
        for _ in 0..desk.todo.len() {
            let Some(todo) = desk.todo.pop_front() else {
                return;
            };
            if todo.not_before > now {
                desk.todo.push_back(todo);
                continue;
            }
            if let Err(failure) = self.carry_out_one(desk, &todo).await {
                tracing::error!(%failure, what = ?todo.what, "not done for an incident, tried again");
                let not_before = now + RETRY;
                desk.todo.push_back(Todo { not_before, ..todo });
            }
        }
    }

    async fn carry_out_one(&self, desk: &mut Desk, todo: &Todo) -> Result<(), String> {
        match &todo.what {
            What::Open(crossing) => {
                let draft = Draft::of_crossing(crossing, &self.parts.config);
                let filed = self.file(desk, draft, None).await;
                filed.map(drop).map_err(|failure| failure.to_string())
            }
            What::Suspend { order, number } => self.suspend(desk, order, *number).await,
        }
    }

    async fn suspend(
        &self,
        desk: &mut Desk,
        order: &SuspensionOrder,
        number: u64,
    ) -> Result<(), String> {
        let suspended = self.parts.suspend.suspend(order.clone()).await?;
        let agent = &order.agent_id;
        let (state, event) = if suspended {
            tracing::warn!(%agent, incident = %order.incident_id, "agent_suspended");
            desk.book.note(agent, true);
            (
                SuspensionState::Suspended,
                format!("agent `{agent}` was suspended"),
            )
        } else {
            (
                SuspensionState::NotRegistered,
                format!("agent `{agent}` is not registered, so nobody was suspended"),
            )
        };
        let told = |incident: &mut Incident| {
            if let Some(suspension) = &mut incident.suspension {
                suspension.state = state;
            }
        };
        let amended = self.amend(desk, number, event, told).await;
        amended.map_err(|failure: Failure| failure.to_string())
    }
}

/// The order for an incident.
pub(super) fn ordered(
    incident: &Incident,
    agent_id: AgentId,
    numbers: Map<String, Value>,
) -> Ordered {
    let incident_id = incident.incident_id;
    let order = SuspensionOrder {
        agent_id,
        reason: format!("Auto-suspended due to critical incident: {incident_id}"),
        incident_id,
        by: incident.reported_by.clone(),
        numbers,
    };
    Ordered {
        order,
        number: incident.number,
    }
}
