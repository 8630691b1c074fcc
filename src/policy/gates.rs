//! The stages before the rules that look at who, what and in which mode: 1 to 9.

use crate::domain::{
    ActionType, Integrity, PrincipalStatus, Purpose, check_run_name, check_target, check_tool_name,
};

use super::code::Code;
use super::evaluation::{Evaluation, Passed};
use super::plan::CompiledMode;
use super::trace::Trace;
use super::verdict;

impl<T: Trace> Evaluation<'_, T> {
    /// Stage 1. The safety set is the gateway's alone; `set_mode` is in it only towards the default mode.
    pub(super) fn safety(&mut self) -> Passed {
        let context = &self.request.context;
        let failed = context.integrity == Integrity::Failed;
        if !context.lockdown && !failed {
            return Ok(());
        }
        let name = self.name_of_tool();
        let mends = matches!(name, "rollback_policy" | "activate_policy");
        let homeward = || {
            let mode = self
                .request
                .arguments
                .get("mode")
                .and_then(serde_json::Value::as_str);
            mode == Some(self.engine.bundle.default_mode.as_str())
        };
        let safe = self
            .plan
            .is_some_and(|plan| plan.is_gateway() && plan.facts.safety)
            && (name != "set_mode" || homeward());
        if context.lockdown && (mends || !safe) {
            return Err(verdict::lockdown());
        }
        if failed && !safe && !(mends && self.is_gateway()) {
            return Err(verdict::integrity());
        }
        Ok(())
    }

    /// Stage 2. A quarantined tool is denied in questions too: the answer is what a run would get.
    pub(super) fn name(&mut self) -> Passed {
        let name = self.name_of_tool();
        if let Some(plan) = self.plan {
            return if plan.facts.quarantined {
                Err(verdict::quarantined(name))
            } else {
                Ok(())
            };
        }
        let checked = match (self.request.purpose, &self.request.action) {
            (Purpose::Run | Purpose::DryRun, _) => check_run_name(name),
            (Purpose::Question, ActionType::ToolCall) => check_tool_name(name),
            (
                Purpose::Question,
                ActionType::ResourceAccess
                | ActionType::DataRead
                | ActionType::DataWrite
                | ActionType::Other(_),
            ) => check_target(name),
        };
        checked.map_err(|fault| verdict::invalid_name(&fault))?;
        match self.request.purpose {
            Purpose::Run | Purpose::DryRun => {
                Err(verdict::unknown_tool(name, &self.request.context.mode))
            }
            Purpose::Question => Ok(()),
        }
    }

    /// Stage 3.
    pub(super) fn caller(&mut self) -> Passed {
        let principal = &self.request.principal;
        match principal.status {
            PrincipalStatus::Suspended => Err(verdict::suspended(&principal.agent_id)),
            PrincipalStatus::Active if principal.authentication.is_known() => Ok(()),
            PrincipalStatus::Active => Err(verdict::unauthenticated()),
        }
    }

    /// Stage 4. For a question about another type of action the target is a text like the arguments are.
    pub(super) fn never(&mut self) -> Passed {
        let name = self.name_of_tool();
        let engine = self.engine;
        let blocked = match self.plan {
            Some(plan) => plan.always_blocked,
            None => engine.bundle.always_blocked.matches(name),
        };
        if blocked {
            return Err(verdict::always_blocked(
                name,
                &engine.bundle.always_blocked_because,
            ));
        }
        let reads = match self.plan {
            Some(plan) => !plan.facts.class.modifies(),
            None => self.request.action == ActionType::DataRead,
        };
        let exempt = self.is_gateway() || reads && engine.bundle.protected_allow_read;
        if exempt || engine.protected.is_empty() {
            return Ok(());
        }
        let names_target = self.plan.is_none() && self.request.action != ActionType::ToolCall;
        let reached = engine.protected.is_reached_by(&self.request.arguments)
            || names_target && engine.protected.covers(name);
        if reached {
            Err(verdict::protected_path(name))
        } else {
            Ok(())
        }
    }

    /// Stage 5. A gateway tool is touched by its name in full alone.
    pub(super) fn agent_denied(&mut self) -> Passed {
        let name = self.name_of_tool();
        let gateway = self.is_gateway();
        let mut denied = self.request.principal.denied_tools.patterns().iter();
        if denied.any(|p| (!gateway || p.exact().is_some()) && p.matches(name)) {
            return Err(verdict::agent_denied(
                name,
                &self.request.principal.agent_id,
            ));
        }
        Ok(())
    }

    /// Stage 6. That a list lacks a gateway tool does not touch it.
    pub(super) fn agent_allowed(&mut self) -> Passed {
        let name = self.name_of_tool();
        let allowed = &self.request.principal.allowed_tools;
        if self.is_gateway() || allowed.is_empty() || allowed.is_any() || allowed.matches(name) {
            return Ok(());
        }
        Err(verdict::agent_not_allowed(
            name,
            &self.request.principal.agent_id,
        ))
    }

    /// Stage 7: what the tool needs, and what this call of it needs besides.
    pub(super) fn roles(&mut self) -> Passed {
        let Some(plan) = self.plan else { return Ok(()) };
        let request = self.request;
        for needs in [plan.facts.needs, request.context.required] {
            if needs.bits() != 0 && !needs.meets(request.principal.roles) {
                return Err(verdict::role_required(request, needs));
            }
        }
        Ok(())
    }

    /// Stage 8.
    pub(super) fn mode_blocked(&mut self) -> Passed {
        let Some(mode) = self.mode else { return Ok(()) };
        let blocked = if let Some(plan) = self.plan {
            mode.blocked.has(plan.place)
        } else {
            let rules = self.engine.bundle.modes.get(&mode.name);
            let list = rules.and_then(|rules| rules.blocked_tools.as_ref());
            list.is_some_and(|list| list.matches(self.name_of_tool()))
        };
        if blocked {
            self.refuse(Code::ModeBlocked, None, verdict::mode_blocked)
        } else {
            Ok(())
        }
    }

    /// Stage 9. A mode that the bundle doesn't know lists nothing, and no override lifts that.
    pub(super) fn mode_listed(&mut self) -> Passed {
        if self.is_gateway() {
            return Ok(());
        }
        let Some(mode) = self.mode else {
            return Err(verdict::mode_not_listed(self));
        };
        if !mode.ceiling || self.is_listed(mode) {
            return Ok(());
        }
        self.refuse(Code::ModeNotListed, None, verdict::mode_not_listed)
    }

    fn is_listed(&self, mode: &CompiledMode) -> bool {
        let name = self.name_of_tool();
        match self.plan {
            Some(plan) => mode.listed.has(plan.place),
            None => self
                .engine
                .bundle
                .modes
                .get(&mode.name)
                .is_some_and(|rules| {
                    let lists = [&rules.allowed_tools, &rules.reachable_tools];
                    lists.into_iter().flatten().any(|list| list.matches(name))
                }),
        }
    }

    pub(super) fn is_granted_by_mode(&self) -> bool {
        let Some(mode) = self.mode else { return false };
        if let Some(plan) = self.plan {
            mode.allowed.has(plan.place)
        } else {
            let rules = self.engine.bundle.modes.get(&mode.name);
            let list = rules.and_then(|rules| rules.allowed_tools.as_ref());
            list.is_some_and(|list| list.matches(self.name_of_tool()))
        }
    }
}
