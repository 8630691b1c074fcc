//! The second station: a call and an identity become an ask.

use std::sync::Arc;

use crate::decision_point::Ask;
use crate::domain::{Arguments, Purpose, Resource, Stated};
use crate::identity::Identity;

use super::{Call, Pipeline, Unanswered};

impl Pipeline {
    /// The ask of this call: the principal it is decided for, what is asked, with which arguments.
    ///
    /// # Errors
    /// When the caller names an agent for whom it may not act.
    pub(super) fn normalize(&self, call: Call, identity: &Identity) -> Result<Ask, Unanswered> {
        let principal = self
            .registry
            .resolve(identity, call.agent_id)
            .map_err(Unanswered::NotForThem)?;
        let quota = self.decision_point.take(&principal, &call.tool);
        Ok(Ask {
            action_id: self.recorder.next_action_id(),
            principal,
            action: call.action,
            resource: Resource {
                name: Arc::from(call.tool),
            },
            arguments: Arguments(call.arguments),
            stated: Arc::new(Stated(call.stated)),
            purpose: if call.shadow {
                Purpose::DryRun
            } else {
                Purpose::Run
            },
            correlation_id: call.correlation_id,
            quota,
        })
    }
}
