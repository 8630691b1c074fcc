//! What the log says of decisions: a line for every denial, none for an allow unless somebody asks for debug.

use crate::policy::{Decision, Effect};

use super::Ask;

/// A decision begins.
pub(super) fn started(ask: &Ask) {
    tracing::debug!(
        tool = %ask.resource.name.escape_debug(),
        action_id = %ask.action_id,
        "policy_validation_start"
    );
}

/// A decision was made. Neither arguments nor what the caller says are ever logged.
pub(super) fn ended(decision: &Decision) {
    let request = decision.request();
    // A name that no tool has may hold anything, also the end of a line.
    let tool = request.resource.name.escape_debug();
    match decision.effect() {
        Effect::Allow => tracing::debug!(
            %tool,
            mode = %decision.mode(),
            reason = %decision.code(),
            action_id = %request.action_id,
            "policy_validation_passed"
        ),
        Effect::Deny | Effect::RequireApproval => tracing::info!(
            %tool,
            mode = %decision.mode(),
            reason = %decision.code(),
            effect = decision.effect().as_str(),
            agent = %request.principal.agent_id,
            action_id = %request.action_id,
            "policy_violation"
        ),
    }
}
