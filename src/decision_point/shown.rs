//! Which tools a caller is shown, by the policy that holds.

use std::sync::Arc;

use crate::domain::Principal;

use super::DecisionPoint;

impl DecisionPoint {
    /// The names of the tools that this caller is shown, in the order of the catalogue.
    #[must_use]
    pub fn shown(&self, principal: &Principal) -> Vec<Arc<str>> {
        let situation = self.gate.situation();
        let shown = situation.engine.shown(principal);
        shown.iter().map(|tool| Arc::clone(&tool.name)).collect()
    }

    /// Whether this caller is shown the tool; one that is not catalogued is shown to nobody.
    #[must_use]
    pub fn is_shown(&self, principal: &Principal, tool: &str) -> bool {
        self.gate.situation().engine.is_shown(tool, principal)
    }
}
