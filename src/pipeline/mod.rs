//! The policy enforcement point (PEP): one road for every call, from every door.

mod admit; // who calls
mod answer; // what the caller gets
mod call; // what every door hands in
mod dispatch; // from permit to output, under the gate and a deadline
mod filter; // what may leave
mod normalize; // call and identity become an ask
mod source; // values that tools answer, asked on this same road

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::audit::{AuditError, Outcome, OutcomeOf, OutcomeStatus, Recorded, Recorder};
use crate::decision_point::{Ask, DecisionPoint, Stale};
use crate::domain::Clock;
use crate::identity::Authenticator;
use crate::registry::Registry;
use crate::tools::{Catalog, Output, Permit, ToolError};

// What doors need of the rooms below: where a call came from, and what was decided.
pub use crate::audit::{Caller, Door, Source};
pub use crate::policy::{Code, Decision, Effect};

pub use answer::{Answer, Body, Unanswered};
pub use call::Call;
pub use filter::Screened;
pub use source::RoadValues;

/// How often a call is decided before a situation that keeps changing is answered with an error.
const DECISIONS: usize = 4;

/// The road and what stands along it.
pub struct Pipeline {
    authenticator: Box<dyn Authenticator>,
    registry: Arc<Registry>,
    decision_point: Arc<DecisionPoint>,
    catalog: Arc<Catalog>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
}

/// The rooms that the road leads through.
pub struct Stations {
    /// Who calls.
    pub authenticator: Box<dyn Authenticator>,
    /// Which agents there are.
    pub registry: Arc<Registry>,
    /// Who decides.
    pub decision_point: Arc<DecisionPoint>,
    /// Who does the work.
    pub catalog: Arc<Catalog>,
    /// Who writes it down.
    pub recorder: Recorder,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Pipeline {
    /// The road through these rooms.
    #[must_use]
    pub fn new(stations: Stations) -> Self {
        let Stations {
            authenticator,
            registry,
            decision_point,
            catalog,
            recorder,
            clock,
        } = stations;
        Self {
            authenticator,
            registry,
            decision_point,
            catalog,
            recorder,
            clock,
        }
    }

    /// Takes a call down the road.
    ///
    /// Drop the future and the call is cancelled where it stands; doors run it on a task of its own.
    ///
    /// # Errors
    /// When the call could not be decided or put on record: then nothing ran, or its output is withheld.
    pub async fn handle(&self, call: Call) -> Result<Answer, Unanswered> {
        let identity = self.admit(&call)?;
        let caller = call.caller.clone();
        let shadow = call.shadow;
        let ask = self.normalize(call, &identity)?;
        for _ in 0..DECISIONS {
            let decision = self
                .decision_point
                .decide(&ask, &caller)
                .await
                .map_err(|fault| Unanswered::audit(&ask, &fault))?;
            if shadow {
                return Ok(self.shadow(&ask, decision.get().clone()));
            }
            if let Ok(answer) = self.carry_out(decision, &caller).await? {
                return Ok(answer);
            }
            tracing::debug!(action_id = %ask.action_id, "decided again");
        }
        Err(Unanswered::Unsettled {
            action_id: ask.action_id,
        })
    }

    /// From a recorded decision to an answer: a refusal at once, or the work and its outcome.
    async fn carry_out(
        &self,
        decision: Recorded<Decision>,
        caller: &Caller,
    ) -> Result<Result<Answer, Stale>, Unanswered> {
        let permit = match Permit::issue(decision, caller) {
            Ok(permit) => permit,
            Err(refused) => return Ok(Ok(Answer::refused(refused.into_inner()))),
        };
        let decided = permit.decision().clone();
        let of = permit.outcome_of();
        let begun = self.clock.monotonic();
        let work = self.dispatch(permit).await;
        let took = self.clock.monotonic().saturating_sub(begun);
        let written = match work {
            Err(Stale) => {
                let outcome = failure(
                    OutcomeStatus::Cancelled,
                    took,
                    "the situation changed before it started",
                );
                self.recorder
                    .outcome(of, outcome, Vec::new())
                    .await
                    .map(|_| Err(Stale))
            }
            Ok(Ok(output)) => self.keep(of, output, took).await.map(Ok),
            Ok(Err(error)) => self.keep_failure(of, error, took).await?.map(Ok),
        };
        match written {
            Ok(Ok(body)) => Ok(Ok(Answer::new(decided, body))),
            Ok(Err(stale)) => Ok(Err(stale)),
            Err(fault) => Err(Unanswered::withheld(&decided, &fault)),
        }
    }

    /// Puts on record what a tool gave back; only then it may leave.
    async fn keep(
        &self,
        of: OutcomeOf,
        output: Output,
        took: Duration,
    ) -> Result<Body, AuditError> {
        let Output {
            result,
            changes,
            note,
            recorded,
        } = output;
        let screened = filter::screen(result);
        if let Some(note) = note {
            self.recorder.change(note, changes, Some(of)).await?;
        } else if !recorded {
            let outcome = Outcome {
                result: Some(screened.value()),
                ..outcome(OutcomeStatus::Ok, took)
            };
            self.recorder.outcome(of, outcome, changes).await?;
        }
        Ok(Body::Done(screened.into_value()))
    }

    /// Puts on record why a tool did not do its work.
    async fn keep_failure(
        &self,
        of: OutcomeOf,
        error: ToolError,
        took: Duration,
    ) -> Result<Result<Body, AuditError>, Unanswered> {
        let failed = failure(OutcomeStatus::Failed, took, &error.to_string());
        let (body, changes) = match error {
            ToolError::Unavailable(why) => {
                return Err(Unanswered::Unavailable {
                    action_id: of.action_id(),
                    why,
                });
            }
            ToolError::Failed {
                message,
                detail,
                changes,
            } => {
                let detail = filter::screen(detail).into_value();
                (Body::Failed { message, detail }, changes)
            }
            ToolError::Mendable {
                fault,
                error,
                message,
                hint,
            } => (
                Body::Mendable {
                    fault,
                    error,
                    message,
                    hint,
                },
                Vec::new(),
            ),
        };
        Ok(self
            .recorder
            .outcome(of, failed, changes)
            .await
            .map(|_| body))
    }

    /// What a run would do: the decision it would get, and the plan of the tool.
    fn shadow(&self, ask: &Ask, decision: Decision) -> Answer {
        let request = decision.request();
        let plan = self
            .catalog
            .backend(&ask.resource.name)
            .and_then(|backend| {
                backend.plan(&ask.resource.name, &request.arguments, request.context.now)
            });
        Answer::new(decision, Body::Shadow { plan })
    }

    /// What the catalogue holds, for doors that list it without asking about a caller.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The mode and its end, for the doors' front page.
    #[must_use]
    pub fn status(&self) -> Value {
        let moment = crate::decision_point::Moment::of(&*self.clock);
        let state = self.decision_point.gate().situation().mode_state(moment);
        serde_json::json!({
            "current_mode": state.mode,
            "mode_expires_at": state.expires_at,
            "remaining_seconds": state.expires_at.map(|end| moment.wall.seconds_until(end)),
        })
    }

    /// Whether the effect lets a run start; for doors that word it.
    #[must_use]
    pub fn allows(decision: &Decision) -> bool {
        decision.effect() == Effect::Allow
    }
}

fn outcome(status: OutcomeStatus, duration: Duration) -> Outcome<'static> {
    Outcome {
        status,
        duration,
        result: None,
        findings: Vec::new(),
        error: None,
    }
}

fn failure(status: OutcomeStatus, duration: Duration, why: &str) -> Outcome<'static> {
    Outcome {
        error: Some(why.to_owned()),
        ..outcome(status, duration)
    }
}
