//! The stages that look at what a call would do to what: services, hours, resources, arguments.

use crate::domain::{ActionType, Health};

use super::code::Code;
use super::constraint::check_parameter;
use super::evaluation::{Ask, Evaluation, Passed};

use super::bundle::{Additional, ResourceName, ToolConstraints};
use super::ruling;
use super::sections::{CompiledResource, Hours};
use super::trace::Trace;
use super::verdict;
use super::words::Name;

/// Where problems go, as in `constraint`.
type Report<'r> = &'r mut dyn FnMut(std::fmt::Arguments<'_>);

/// The operations that a call may mean.
enum Operations<'a> {
    /// This one.
    One(&'a str),
    /// One of these two; both must pass.
    ReadOrWrite,
    /// Nobody can tell.
    Unknown,
}

impl<'a, T: Trace> Evaluation<'a, T> {
    /// Stage 9a. A service of which nothing is known counts as healthy, and a tool that takes a service must name one:
    /// a fact that is missing never allows more.
    pub(super) fn services(&mut self) -> Passed {
        let restricted = self
            .mode
            .and_then(|mode| self.engine.bundle.modes.get(&mode.name));
        if !self.regard.is_call() || !restricted.is_some_and(|rules| rules.service_restrictions) {
            return Ok(());
        }
        let sent = self.request.arguments.get("service_name");
        let concerned = match self.plan {
            Some(plan) => {
                !plan.is_gateway()
                    && plan.facts.class.modifies()
                    && (plan.takes_service || sent.is_some())
            }
            None => {
                self.request.action != ActionType::DataRead
                    && (sent.is_some() || self.is_constrained("service_name"))
            }
        };
        if !concerned {
            return Ok(());
        }
        let Some(service) = sent.and_then(serde_json::Value::as_str) else {
            // Any service may be meant: a healthy one, and one outside the scope.
            self.refuse(Code::ServiceHealthy, None, verdict::service_unnamed)?;
            return match self.request.context.incident_scope {
                Some(_) => self.refuse(Code::OutOfScope, None, |_| verdict::scope_unnamed()),
                None => Ok(()),
            };
        };
        let context = &self.request.context;
        match context.service_health.get(service) {
            Some(Health::Degraded | Health::Critical) => {}
            Some(Health::Healthy) => {
                self.refuse(Code::ServiceHealthy, None, |this| {
                    verdict::service_healthy(this, service)
                })?;
            }
            None => {
                self.refuse(Code::ServiceHealthy, None, |this| {
                    verdict::service_unknown(this, service)
                })?;
            }
        }
        match &context.incident_scope {
            Some(scope) if !scope.iter().any(|affected| affected == service) => {
                self.refuse(Code::OutOfScope, None, |_| verdict::out_of_scope(service))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a constraint on a name outside the catalogue has this parameter.
    fn is_constrained(&self, parameter: &str) -> bool {
        let name = self.name_of_tool();
        let mut matching = self
            .engine
            .constraints
            .iter()
            .filter(|c| c.tools.matches(name));
        matching.any(|constraint| constraint.parameters.contains_key(parameter))
    }

    /// Stage 9b. Where several windows hold, the hour must be in all of them.
    pub(super) fn hours(&mut self) -> Passed {
        if self.regard.suits_caller() {
            return Ok(());
        }
        let all = &self.engine.hours;
        if let Some(plan) = self.plan {
            plan.hours
                .iter()
                .filter_map(|&at| all.get(at as usize))
                .try_for_each(|window| self.within(window))
        } else {
            let name = self.name_of_tool();
            all.iter()
                .filter(|window| window.tools.matches(name))
                .try_for_each(|w| self.within(w))
        }
    }

    fn within(&mut self, window: &Hours) -> Passed {
        if window.holds(self.request.context.now) {
            return Ok(());
        }
        self.refuse(Code::OutsideHours, None, |this| {
            verdict::outside_hours(this, window)
        })
    }

    /// Stage 9c, with the floors of 10a that resource policies set.
    ///
    /// A resource that can't be told (the argument that names it is missing or no text) may be any.
    pub(super) fn resources(&mut self) -> Passed {
        if self.engine.resources.is_empty() || self.regard.suits_caller() {
            return Ok(());
        }
        let Some((resource, operations)) = self.meaning() else {
            return Ok(());
        };
        for policy in &self.engine.resources {
            if resource.is_none_or(|name| policy.resources.matches(name)) {
                self.resource(policy, resource, &operations)?;
            }
        }
        Ok(())
    }

    fn resource(
        &mut self,
        policy: &'a CompiledResource,
        resource: Option<&str>,
        operations: &Operations<'_>,
    ) -> Passed {
        let (denied, asked) = match operations {
            Operations::One(one) => (policy.denies(Some(one)), policy.asks(Some(one))),
            Operations::ReadOrWrite => (
                policy.denies(Some("read")) || policy.denies(Some("write")),
                policy.asks(Some("read")) || policy.asks(Some("write")),
            ),
            Operations::Unknown => (policy.denies(None), policy.asks(None)),
        };
        if denied {
            let words = match operations {
                Operations::One(one) => one,
                Operations::ReadOrWrite => "read or write",
                Operations::Unknown => "unknown",
            };
            self.refuse(Code::ResourceDenied, None, |this| {
                verdict::resource_denied(this, policy, resource, words)
            })?;
        }
        if asked {
            self.raise_floor(Ask {
                determinant: &policy.determinant,
                terms: &policy.terms,
            });
        }
        Ok(())
    }

    /// Which resource the call means, where that can be told, and which operation; `None` when it means none.
    fn meaning(&self) -> Option<(Option<&'a str>, Operations<'a>)> {
        let arguments = &self.request.arguments;
        if let Some(plan) = self.plan {
            let map = plan.operation.as_ref()?;
            return Some((
                named(&map.resource, arguments),
                Operations::One(&map.operation),
            ));
        }
        let fallback = match self.request.action {
            ActionType::DataRead => Operations::One("read"),
            ActionType::DataWrite => Operations::One("write"),
            ActionType::ResourceAccess => Operations::ReadOrWrite,
            ActionType::ToolCall => {
                let name = self.name_of_tool();
                let mut all = self.engine.bundle.operations.iter();
                let (_, map) = all.find(|(tool, _)| tool.eq_ignore_ascii_case(name))?;
                return Some((
                    named(&map.resource, arguments),
                    Operations::One(&map.operation),
                ));
            }
            ActionType::Other(_) => return None,
        };
        let operations = match arguments.get("operation") {
            None => fallback,
            Some(value) => value.as_str().map_or(Operations::Unknown, Operations::One),
        };
        Some((Some(self.name_of_tool()), operations))
    }

    /// Stage 12: the schema, then every constraint; each tells every problem.
    pub(super) fn arguments(&mut self) -> Passed {
        if !self.regard.is_call() {
            return Ok(());
        }
        if self.holds(|this, report| this.check_schema(report)) {
            if self.holds(|this, report| this.check_constraints(report)) {
                return Ok(());
            }
            let problems = self.problems(|this, report| this.check_constraints(report));
            return Err(ruling::constraint_violated(problems));
        }
        let problems = self.problems(|this, report| this.check_schema(report));
        Err(ruling::invalid_parameters(problems))
    }

    /// Whether the check finds nothing; builds no words.
    fn holds(&self, check: impl Fn(&Self, Report<'_>)) -> bool {
        let mut holds = true;
        check(self, &mut |_| holds = false);
        holds
    }

    /// Everything that the check finds, in words.
    pub(super) fn problems(&self, check: impl Fn(&Self, Report<'_>)) -> Vec<String> {
        let mut problems = Vec::new();
        let mut more = 0_usize;
        check(self, &mut |problem| {
            if problems.len() < ruling::MAX_PROBLEMS {
                problems.push(problem.to_string());
            } else {
                more += 1;
            }
        });
        if more > 0 {
            problems.push(format!("and {more} more problems"));
        }
        problems
    }

    pub(super) fn check_schema(&self, report: Report<'_>) {
        if let Some(plan) = self.plan {
            plan.schema.check(&self.request.arguments, report);
        }
    }

    pub(super) fn check_constraints(&self, report: Report<'_>) {
        let all = &self.engine.constraints;
        match self.plan {
            Some(plan) if plan.constraints.is_empty() => {}
            Some(plan) => {
                let matching = || {
                    plan.constraints
                        .iter()
                        .filter_map(|&at| all.get(at as usize))
                };
                self.check_each(matching, report);
            }
            None => {
                let name = self.name_of_tool();
                self.check_each(|| all.iter().filter(|c| c.tools.matches(name)), report);
            }
        }
    }

    fn check_each<'c, I: Iterator<Item = &'c ToolConstraints>>(
        &self,
        matching: impl Fn() -> I,
        report: Report<'_>,
    ) {
        let arguments = &self.request.arguments;
        for constraint in matching() {
            for (name, parameter) in &constraint.parameters {
                let value = arguments.get(name);
                check_parameter(name, parameter, value, &self.request.context.values, report);
            }
        }
        if !matching().any(|constraint| constraint.additional == Additional::Deny) {
            return;
        }
        for name in arguments.0.keys() {
            let declared = self.plan.is_some_and(|plan| plan.schema.declares(name));
            if !declared && !matching().any(|c| c.parameters.contains_key(name)) {
                report(format_args!("parameter {}: no such parameter", Name(name)));
            }
        }
    }
}

fn named<'a>(
    resource: &'a ResourceName,
    arguments: &'a crate::domain::Arguments,
) -> Option<&'a str> {
    match resource {
        ResourceName::Fixed(name) => Some(name),
        ResourceName::Argument(argument) => arguments.get(argument)?.as_str(),
    }
}
