//! Which tools a caller is shown, for doors that list them.

use std::collections::HashSet;
use std::sync::Arc;

use crate::audit::Caller;
use crate::domain::{Owner, Principal, Roles, ToolClass};
use crate::identity::Credentials;
use crate::tools::ToolDefinition;

use super::{Pipeline, Unanswered};

/// What a caller's list of tools depends on.
///
/// As long as it stays the same the list does, so that a stream need not make the list to see whether it changed. The
/// catalogue is not in it: it stands as long as the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListStanding {
    policy_version: u64,
    agent_stamp: u64,
    roles: Roles,
}

impl ListStanding {
    /// The version of the policy.
    #[must_use]
    pub const fn policy_version(&self) -> u64 {
        self.policy_version
    }
}

impl Pipeline {
    /// The tools that this caller is shown (`spec/mcp.md`, "Shown").
    ///
    /// The order is always the same: the gateway's own reads, the gateway's other tools, then everything else, each as
    /// the catalogue has them. Clients that cut a long list keep its beginning, and with it what explains a denial.
    ///
    /// # Errors
    /// When the credential is not accepted.
    pub fn tools_for(
        &self,
        caller: &Caller,
        credentials: &Credentials,
    ) -> Result<Vec<&ToolDefinition>, Unanswered> {
        let identity = self.admit(caller, credentials)?;
        let resolved = self.registry.resolve(&identity, None);
        let principal = resolved.map_err(Unanswered::NotForThem)?;
        let shown: HashSet<Arc<str>> = self.decision_point.shown(&principal).into_iter().collect();
        let all = self.catalog.definitions().iter();
        let mut tools: Vec<_> = all
            .filter(|tool| shown.contains(&tool.facts.name))
            .collect();
        tools.sort_by_key(|tool| group(tool));
        Ok(tools)
    }

    /// Whether this caller is shown the tool, for answers that must not tell of tools that are not.
    #[must_use]
    pub fn is_shown(&self, principal: &Principal, tool: &str) -> bool {
        self.decision_point.is_shown(principal, tool)
    }

    /// What this caller's list of tools depends on now.
    ///
    /// Ask before the list is made: then a change in between is seen at the next look and not lost.
    ///
    /// # Errors
    /// When the credential is not accepted.
    pub fn standing_for(
        &self,
        caller: &Caller,
        credentials: &Credentials,
    ) -> Result<ListStanding, Unanswered> {
        let identity = self.admit(caller, credentials)?;
        let situation = self.decision_point.gate().situation();
        Ok(ListStanding {
            policy_version: situation.engine.version(),
            agent_stamp: self.registry.stamp(&identity.id),
            roles: identity.roles,
        })
    }
}

/// Of which part of a list the tool is.
fn group(tool: &ToolDefinition) -> u8 {
    match (tool.facts.owner, tool.facts.class) {
        (Owner::Gateway, ToolClass::Read) => 0,
        (Owner::Gateway, ToolClass::Modify | ToolClass::Destructive) => 1,
        (Owner::Cloud | Owner::Upstream, _) => 2,
    }
}
