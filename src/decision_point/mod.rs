//! The policy decision point (PDP) as a service: facts, engine, durable record.

mod events; // what the log says of decisions
mod expiry; // the mode that falls back by itself
mod facts; // the policy information point (PIP)
mod gate; // nothing starts under an old state
mod limits; // what one caller may ask of us in a time
mod metrics; // figures of decisions and of what holds
mod registration; // agents that register themselves
mod requirements; // roles that a call needs for its arguments
mod shown; // which tools a caller is shown
mod situation; // policy, mode and lockdown as they stand
mod values; // allow-lists that tools answer

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::audit::{AuditError, Caller, Recorded, Recorder, Simulated};
use crate::domain::{
    ActionId, ActionRequest, ActionType, Arguments, Clock, CorrelationId, Principal, Purpose,
    QuotaVerdict, Resource, Stated,
};
use crate::modes::HealthBook;
use crate::policy::{Code, Decision, Effect, Explanation};

pub use crate::audit::ChangeError;
pub use expiry::keep_time;
pub use gate::{AgentEdit, Edit, Gate, Stale};
pub use limits::{RateLimits, Rates};
pub use metrics::{DecisionMetrics, SituationGauges};
pub use registration::NotRegistered;
pub use requirements::Requirements;
pub use situation::{Moment, Situation};
pub use values::{ValueSource, Values};

/// A call that waits for its facts.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The name of this attempt.
    pub action_id: ActionId,
    /// For whom it is decided.
    pub principal: Principal,
    /// What kind of act.
    pub action: ActionType,
    /// On what.
    pub resource: Resource,
    /// The arguments as they were sent.
    pub arguments: Arguments,
    /// What the caller says.
    pub stated: Arc<Stated>,
    /// To act or to know.
    pub purpose: Purpose,
    /// The caller's own name for the work.
    pub correlation_id: Option<CorrelationId>,
    /// Which of its limits the caller has used up.
    pub quota: Option<QuotaVerdict>,
}

/// A question's answer with everything that led to it.
#[derive(Debug)]
pub struct Explained {
    /// The answer, as it is on record.
    pub decision: Recorded<Simulated>,
    /// What led to it.
    pub explanation: Explanation,
    /// What is wrong with the arguments, whatever the answer rests on.
    pub parameter_problems: Vec<String>,
}

/// Decides asks: the only place where an engine meets the facts of the moment.
pub struct DecisionPoint {
    gate: Arc<Gate>,
    recorder: Recorder,
    health: Arc<HealthBook>,
    values: Values,
    requirements: Arc<dyn Requirements>,
    rates: Rates,
    clock: Arc<dyn Clock>,
    metrics: DecisionMetrics,
}

impl DecisionPoint {
    /// The decision point over this gate and trail.
    #[must_use]
    pub fn new(
        gate: Arc<Gate>,
        recorder: Recorder,
        health: Arc<HealthBook>,
        requirements: Arc<dyn Requirements>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let situation = gate.situation();
        let tools = situation.engine.tools().map(|tool| Arc::clone(&tool.name));
        let metrics = DecisionMetrics::new(tools.collect());
        Self {
            gate,
            recorder,
            health,
            values: Values::default(),
            requirements,
            rates: Rates::default(),
            clock,
            metrics,
        }
    }

    /// The same, with limits for every caller.
    #[must_use]
    pub fn with_rates(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }

    /// What callers have used of their limits.
    #[must_use]
    pub const fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Counts a call of this tool against the limits of its caller; tells which one it is beyond, if it is.
    #[must_use]
    pub fn take(&self, principal: &Principal, tool: &str) -> Option<QuotaVerdict> {
        if self.rates.are_unlimited() {
            return None;
        }
        let situation = self.gate.situation();
        let known = situation.engine.tool(tool);
        self.rates.take(principal, known, self.clock.monotonic())
    }

    /// The gate before dispatch.
    #[must_use]
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The figures of decisions.
    #[must_use]
    pub const fn metrics(&self) -> &DecisionMetrics {
        &self.metrics
    }

    /// Writes the denials that are only counted so far, so that who reads the trail now finds them.
    pub fn write_repeats(&self) {
        self.recorder.write_repeats();
    }

    /// What tools answered to questions for valid values; the road is told here how to ask.
    #[must_use]
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// Decides and records. The answer stands in the trail, as durable as its class asks, before anyone sees it.
    ///
    /// An allowed read of the gateway's own data is counted instead, with the reads of its minute. Between the two,
    /// `decided` is called.
    ///
    /// # Errors
    /// When the decision could not be recorded; then there is none.
    pub async fn decide(
        &self,
        ask: &Ask,
        caller: &Caller,
        decided: impl FnOnce(),
    ) -> Result<Recorded<Decision>, AuditError> {
        events::started(ask);
        let begun = self.clock.monotonic();
        let decision = self.consider(ask).await;
        let took = self.clock.monotonic().saturating_sub(begun);
        decided();
        if decision.effect() == Effect::Allow
            && ask.purpose == Purpose::Run
            && decision.carries_question()
        {
            // A question counts once, as what is asked.
            return Ok(self.recorder.carried(decision));
        }
        self.metrics.count(&decision, took);
        events::ended(&decision);
        let managed_read = decision.code() == Code::Builtin && !decision.modifies();
        if managed_read && ask.purpose == Purpose::Run {
            return Ok(self.recorder.counted(decision, caller));
        }
        self.recorder.decision(decision, caller).await
    }

    /// Decides a dry run and records that it was one; nothing can be done with the answer.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn simulate(
        &self,
        ask: &Ask,
        caller: &Caller,
    ) -> Result<Recorded<Simulated>, AuditError> {
        self.recorder
            .simulation(self.consider(ask).await, caller)
            .await
    }

    /// Decides a question with everything that leads to the answer, and records it as one that does nothing.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn explain(&self, ask: &Ask, caller: &Caller) -> Result<Explained, AuditError> {
        let situation = self.gate.situation();
        let request = self.facts(&situation, ask).await;
        let engine = &situation.engine;
        let explained = catch_unwind(AssertUnwindSafe(|| {
            let problems = engine.argument_problems(&request);
            (engine.decide(&request), engine.explain(&request), problems)
        }));
        let (decision, explanation, parameter_problems) = explained.map_err(|_| {
            tracing::error!(action_id = %request.action_id, "the rules panicked");
            AuditError::Unavailable("the rules broke on this question".to_owned())
        })?;
        Ok(Explained {
            decision: self.recorder.simulation(decision, caller).await?,
            explanation,
            parameter_problems,
        })
    }

    /// Decides without recording: for questions about many tools at once, whose record is that of the question.
    pub async fn consider(&self, ask: &Ask) -> Decision {
        self.consider_in(&self.gate.situation(), ask).await
    }

    /// As [`DecisionPoint::consider`], in a situation that may not be the one that holds: for questions about policies
    /// and modes that are not in force.
    pub async fn consider_in(&self, situation: &Situation, ask: &Ask) -> Decision {
        let request = self.facts(situation, ask).await;
        let engine = &situation.engine;
        // A panic in the rules is a bug, and a bug must not allow: it becomes a denial on record.
        catch_unwind(AssertUnwindSafe(|| engine.decide(&request))).unwrap_or_else(|_| {
            tracing::error!(action_id = %request.action_id, "the rules panicked; denied");
            engine.refuse(&request)
        })
    }

    /// What the engine would say of the name alone, whatever the arguments: for lists of tools.
    pub async fn consider_name(&self, ask: &Ask) -> Effect {
        let situation = self.gate.situation();
        let request = self.facts(&situation, ask).await;
        situation.engine.effect_by_name(&request)
    }

    /// The request: the ask with defaults filled in, and everything we found out.
    async fn facts(&self, situation: &Situation, ask: &Ask) -> Arc<ActionRequest> {
        let engine = &situation.engine;
        let arguments = engine.complete(&ask.resource.name, ask.arguments.clone());
        let mut context = facts::context(situation, Moment::of(&*self.clock), &self.health);
        context.quota.clone_from(&ask.quota);
        context.required = self.requirements.needs(ask);
        let sources = engine.value_sources(&ask.resource.name);
        if !sources.is_empty() {
            context.values = self
                .values
                .lists(sources, &arguments, &ask.principal, &*self.clock)
                .await;
        }
        Arc::new(ActionRequest {
            action_id: ask.action_id,
            principal: ask.principal.clone(),
            action: ask.action.clone(),
            resource: ask.resource.clone(),
            arguments,
            context,
            stated: Arc::clone(&ask.stated),
            purpose: ask.purpose,
            correlation_id: ask.correlation_id.clone(),
        })
    }
}
