//! The words of denials before the rules: the reasons that clients match on, and what would change the answer.
#![expect(
    clippy::unnecessary_box_returns,
    reason = "a denial travels as the error of every stage, where it has to be small"
)]

use std::sync::Arc;

use crate::domain::{ActionRequest, AgentId, Authentication, ModeName, NameError, Role, Roles};

use super::code::Code;
use super::decision::{Remedy, RemedyKind, Text};
use super::evaluation::{Denial, Evaluation};
use super::sections::{CompiledResource, Hours};
use super::trace::Trace;

/// A denial without a rule and without problems.
pub(super) fn denial(
    code: Code,
    reason: impl Into<Text>,
    kind: RemedyKind,
    remedy: impl Into<String>,
) -> Box<Denial> {
    Box::new(Denial {
        code,
        reason: reason.into(),
        determined_by: None,
        problems: Vec::new(),
        remedy: Remedy {
            kind,
            text: remedy.into(),
        },
        retry_after_seconds: None,
    })
}

/// The remedy of what an operator may lift for one call.
pub(super) fn by_override(code: Code) -> String {
    format!("an operator's override for {code} lifts it")
}

/// Where the rules broke; no code is closer than that nothing allowed it.
pub(super) fn broken() -> Box<Denial> {
    let reason = "No decision could be made: internal error";
    denial(
        Code::DefaultDeny,
        reason,
        RemedyKind::Operator,
        "the log names the cause under the action id",
    )
}

pub(super) fn lockdown() -> Box<Denial> {
    let reason = "Lockdown is on: only what ends it or looks at it runs";
    denial(
        Code::Lockdown,
        reason,
        RemedyKind::Operator,
        "an operator lifts the lockdown",
    )
}

pub(super) fn integrity() -> Box<Denial> {
    let reason = "Policy integrity check failed: the policy is not the one that was signed";
    let remedy = "an operator restores the signed policy or activates a release";
    denial(Code::Integrity, reason, RemedyKind::Operator, remedy)
}

pub(super) fn quarantined(tool: &str) -> Box<Denial> {
    let reason = format!("Tool '{tool}' is quarantined: its definition has changed");
    denial(
        Code::Quarantined,
        reason,
        RemedyKind::Operator,
        "an operator approves the new definition",
    )
}

/// The name itself is not repeated: it may hold anything.
pub(super) fn invalid_name(fault: &NameError) -> Box<Denial> {
    denial(
        Code::InvalidName,
        format!("Invalid name: {fault}"),
        RemedyKind::Name,
        "use the exact name of a tool",
    )
}

pub(super) fn unknown_tool(tool: &str, mode: &ModeName) -> Box<Denial> {
    let reason =
        format!("Tool '{tool}' is not in the allowed list for {mode} mode: there is no such tool");
    denial(
        Code::UnknownTool,
        reason,
        RemedyKind::Name,
        "use a tool that the catalogue lists",
    )
}

pub(super) fn suspended(agent: &AgentId) -> Box<Denial> {
    let reason = format!("Agent '{agent}' is suspended");
    denial(
        Code::AgentSuspended,
        reason,
        RemedyKind::Operator,
        "an operator reinstates the agent",
    )
}

pub(super) fn unauthenticated() -> Box<Denial> {
    denial(
        Code::Unauthenticated,
        "Not authenticated",
        RemedyKind::Role,
        "send a credential",
    )
}

pub(super) fn always_blocked(tool: &str, because: &str) -> Box<Denial> {
    let reason = format!("Tool '{tool}' is globally blocked and can never be executed");
    let because = if because.is_empty() {
        String::new()
    } else {
        format!(" ({because})")
    };
    let remedy = format!("nothing: no mode, trust, approval or override changes this{because}");
    denial(Code::AlwaysBlocked, reason, RemedyKind::None, remedy)
}

/// The path is not repeated: which ones are protected is nobody's business.
pub(super) fn protected_path(tool: &str) -> Box<Denial> {
    let reason = format!("Tool '{tool}' may not touch a protected file");
    denial(
        Code::ProtectedPath,
        reason,
        RemedyKind::Arguments,
        "name another path in the arguments",
    )
}

pub(super) fn agent_denied(tool: &str, agent: &AgentId) -> Box<Denial> {
    let reason = format!("Tool '{tool}' is explicitly denied for agent '{agent}'");
    denial(
        Code::AgentDeniedTools,
        reason,
        RemedyKind::Operator,
        "an admin changes the agent's denied_tools",
    )
}

pub(super) fn agent_not_allowed(tool: &str, agent: &AgentId) -> Box<Denial> {
    let reason = format!("Tool '{tool}' is not in allowed list for agent '{agent}'");
    denial(
        Code::AgentAllowedTools,
        reason,
        RemedyKind::Operator,
        "an admin changes the agent's allowed_tools",
    )
}

pub(super) fn role_required(request: &ActionRequest, needs: Roles) -> Box<Denial> {
    let tool = &request.resource.name;
    let roles: Vec<&str> = needs.iter().map(Role::as_str).collect();
    let roles = roles.join(" or ");
    let reason = format!("Tool '{tool}' needs role {roles}");
    // In local mode only a model lacks roles; the person at the keyboard has them all.
    let mut remedy = format!("a caller with role {roles}");
    if request.principal.authentication == Authentication::Local {
        remedy.push_str(": the person at the keyboard over REST or CLI");
        // Models are given no other role that a person has.
        let for_models = |role: &Role| matches!(role, Role::Operator | Role::Admin);
        if let Some(role) = needs.iter().find(for_models) {
            remedy.push_str(", or a gateway started with `--mcp-role ");
            remedy.push_str(role.as_str());
            remedy.push('`');
        }
    }
    denial(Code::RoleRequired, reason, RemedyKind::Role, remedy)
}

pub(super) fn mode_blocked<T: Trace>(evaluation: &Evaluation<'_, T>) -> Box<Denial> {
    let (tool, mode) = (evaluation.name_of_tool(), &evaluation.request.context.mode);
    let rules = evaluation.engine.bundle.modes.get(mode);
    let reason = match rules
        .map(|rules| rules.rationale.as_str())
        .filter(|text| !text.is_empty())
    {
        Some(rationale) => {
            format!("Tool '{tool}' is blocked in {mode} mode. Rationale: {rationale}")
        }
        None => format!("Tool '{tool}' is blocked in {mode} mode"),
    };
    by_mode(evaluation, Code::ModeBlocked, reason.into())
}

pub(super) fn mode_not_listed<T: Trace>(evaluation: &Evaluation<'_, T>) -> Box<Denial> {
    let (tool, mode) = (evaluation.name_of_tool(), &evaluation.request.context.mode);
    let reason = format!("Tool '{tool}' is not in the allowed list for {mode} mode");
    by_mode(evaluation, Code::ModeNotListed, reason.into())
}

/// A denial that another mode would not make, when there is one.
pub(super) fn by_mode<T: Trace>(
    evaluation: &Evaluation<'_, T>,
    code: Code,
    reason: Text,
) -> Box<Denial> {
    let modes = evaluation.modes_that_grant();
    if modes.is_empty() {
        return denial(code, reason, RemedyKind::Override, by_override(code));
    }
    denial(
        code,
        reason,
        RemedyKind::Mode,
        format!(
            "{} mode allows it; an operator may switch",
            modes.join(" or ")
        ),
    )
}

pub(super) fn service_healthy<T: Trace>(
    evaluation: &Evaluation<'_, T>,
    service: &str,
) -> Box<Denial> {
    let mode = &evaluation.request.context.mode;
    let reason = format!(
        "Service '{service}' is healthy: {mode} mode allows changes to unhealthy services only"
    );
    denial(
        Code::ServiceHealthy,
        reason,
        RemedyKind::Arguments,
        "name a service that is unhealthy",
    )
}

/// Nothing is known of its health, which is not the same as being healthy, and is not said to be.
pub(super) fn service_unknown<T: Trace>(
    evaluation: &Evaluation<'_, T>,
    service: &str,
) -> Box<Denial> {
    let mode = &evaluation.request.context.mode;
    let reason = format!(
        "Service '{service}' is not known to be unhealthy: {mode} mode allows changes to unhealthy services only"
    );
    let remedy = "ask for the service's status first, or name a service that is unhealthy";
    denial(Code::ServiceHealthy, reason, RemedyKind::Arguments, remedy)
}

pub(super) fn service_unnamed<T: Trace>(evaluation: &Evaluation<'_, T>) -> Box<Denial> {
    let mode = &evaluation.request.context.mode;
    let reason =
        format!("No service is named: {mode} mode allows changes to unhealthy services only");
    denial(
        Code::ServiceHealthy,
        reason,
        RemedyKind::Arguments,
        "name an unhealthy service in service_name",
    )
}

pub(super) fn scope_unnamed() -> Box<Denial> {
    let reason = "No service is named: changes are confined to the incident scope";
    let remedy = "name a service of the incident in service_name";
    denial(Code::OutOfScope, reason, RemedyKind::Arguments, remedy)
}

pub(super) fn out_of_scope(service: &str) -> Box<Denial> {
    let reason = format!("Service '{service}' is outside the incident scope");
    denial(
        Code::OutOfScope,
        reason,
        RemedyKind::Arguments,
        "name a service of the incident, or an operator widens its scope",
    )
}

pub(super) fn outside_hours<T: Trace>(
    evaluation: &Evaluation<'_, T>,
    window: &Hours,
) -> Box<Denial> {
    let (tool, zone) = (evaluation.name_of_tool(), &window.zone_name);
    let clock = window.clock(evaluation.request.context.now);
    let reason = format!("Tool '{tool}' not allowed at {clock} {zone}");
    let words = window.words();
    let remedy = if words.is_empty() {
        by_override(Code::OutsideHours)
    } else {
        format!("allowed at {words} {zone}")
    };
    let kind = if words.is_empty() {
        RemedyKind::Override
    } else {
        RemedyKind::Time
    };
    let mut denial = denial(Code::OutsideHours, reason, kind, remedy);
    denial.determined_by = Some(Arc::clone(&window.determinant));
    denial
}

pub(super) fn resource_denied<T: Trace>(
    evaluation: &Evaluation<'_, T>,
    policy: &CompiledResource,
    resource: Option<&str>,
    operation: &str,
) -> Box<Denial> {
    let tool = evaluation.name_of_tool();
    let reason = match resource {
        Some(resource) => {
            format!("Operation '{operation}' is not allowed on resource '{resource}'")
        }
        None => format!("Tool '{tool}' does not say on which resource it would do '{operation}'"),
    };
    let remedy = "another operation or resource, or an operator's override for resource_denied";
    let mut denial = denial(Code::ResourceDenied, reason, RemedyKind::Arguments, remedy);
    denial.determined_by = Some(Arc::clone(&policy.determinant));
    denial
}

impl<T: Trace> Evaluation<'_, T> {
    /// The other modes that grant the tool.
    fn modes_that_grant(&self) -> Vec<&str> {
        let name = self.name_of_tool();
        let grants = |mode: &&super::plan::CompiledMode| match self.plan {
            Some(plan) => mode.allowed.has(plan.place) && !mode.blocked.has(plan.place),
            None => self
                .engine
                .bundle
                .modes
                .get(&mode.name)
                .is_some_and(|rules| {
                    let on = |list: &Option<super::bundle::NamePatterns>| {
                        list.as_ref().is_some_and(|list| list.matches(name))
                    };
                    on(&rules.allowed_tools) && !on(&rules.blocked_tools)
                }),
        };
        let other = |mode: &&super::plan::CompiledMode| mode.name != self.request.context.mode;
        self.engine
            .modes
            .iter()
            .filter(other)
            .filter(grants)
            .map(|mode| mode.name.as_str())
            .collect()
    }
}
