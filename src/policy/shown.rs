//! Which tools a caller is shown: those that it could call in some case.

use std::sync::Arc;

use crate::domain::{
    ActionId, ActionRequest, ActionType, Arguments, Authentication, Context, Principal,
    PrincipalStatus, Purpose, Resource, Role, Timestamp, ToolFacts,
};

use super::decision::Effect;
use super::engine::Engine;
use super::plan::ToolPlan;
use super::regard::Regard;

impl Engine {
    /// Whether some mode, time, argument, approval or override could let this caller run the catalogued tool.
    ///
    /// A list of tools is read once by some clients, so it must not depend on what passes: not on mode or hour, nor
    /// on lockdown or suspension. Only the policy, the catalogue, and what the agent and its caller are, change it.
    /// What is not shown is denied whatever the call; what is shown may still be denied whenever it is called.
    #[must_use]
    pub fn is_shown(&self, tool: &str, principal: &Principal) -> bool {
        self.plan(tool)
            .is_some_and(|plan| Wish::new(self, principal).may_come_true(plan))
    }

    /// The tools that this caller is shown, in the order of the catalogue.
    #[must_use]
    pub fn shown(&self, principal: &Principal) -> Vec<&ToolFacts> {
        let mut wish = Wish::new(self, principal);
        self.tools
            .iter()
            .filter(|plan| wish.may_come_true(plan))
            .map(|plan| &plan.facts)
            .collect()
    }
}

/// A caller's wish to call a tool one day.
struct Wish<'a> {
    engine: &'a Engine,
    /// One request for all tools and modes; nothing that passes stands in its way.
    request: ActionRequest,
    /// Whether the caller only lists tools and calls none (role `catalog`): it is shown all.
    lists_all: bool,
}

impl<'a> Wish<'a> {
    fn new(engine: &'a Engine, principal: &Principal) -> Self {
        let known = principal.authentication != Authentication::None;
        // The instant is that of no window and no policy's dates: `Regard::Ever` asks none of them.
        let context = Context::at(
            Timestamp::from_millis(0),
            engine.bundle.default_mode.clone(),
        );
        Self {
            engine,
            request: ActionRequest {
                action_id: ActionId::from_bits(0),
                principal: Principal {
                    status: PrincipalStatus::Active,
                    ..principal.clone()
                },
                action: ActionType::ToolCall,
                resource: Resource {
                    name: Arc::default(),
                },
                arguments: Arguments::default(),
                context,
                stated: Arc::default(),
                purpose: Purpose::Run,
                correlation_id: None,
            },
            lists_all: known && principal.roles.has(Role::Catalog),
        }
    }

    /// Whether there is a mode in which it is not denied in any case.
    fn may_come_true(&mut self, plan: &ToolPlan) -> bool {
        if self.lists_all {
            return true;
        }
        self.request.resource.name = Arc::clone(&plan.facts.name);
        self.engine.modes.iter().any(|mode| {
            self.request.context.mode = mode.name.clone();
            self.engine.effect(&self.request, Regard::Ever) != Effect::Deny
        })
    }
}
