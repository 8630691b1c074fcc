//! The last station: the outcome on record, before anyone sees it.

use std::time::Duration;

use serde_json::Value;

use crate::audit::{AuditError, Outcome, OutcomeOf, OutcomeStatus, Recorder, StateChange};
use crate::domain::ActionId;
use crate::tools::{Output, Permit, ToolError};

use super::filter;
use super::{Body, Unanswered};

/// What is left to do for a call that was let through: to write down what came of it.
pub(super) struct Closing<'a> {
    recorder: &'a Recorder,
    action_id: ActionId,
    /// `None` for a counted read, which has no record of its own, so it has no outcome either.
    of: Option<OutcomeOf>,
}

impl<'a> Closing<'a> {
    /// What is left to do for the call of this permit.
    pub(super) fn of(recorder: &'a Recorder, permit: &Permit) -> Self {
        let of = (!permit.is_counted()).then(|| permit.outcome_of());
        Self {
            recorder,
            action_id: permit.request().action_id,
            of,
        }
    }

    /// Writes down that it did not start.
    pub(super) async fn cancelled(self, took: Duration) -> Result<(), Unanswered> {
        let why = "the situation changed before it started";
        self.write(failure(OutcomeStatus::Cancelled, took, why), Vec::new())
            .await
    }

    /// Writes down what came of it, and only then hands it on.
    pub(super) async fn done(
        self,
        work: Result<Output, ToolError>,
        took: Duration,
    ) -> Result<Body, Unanswered> {
        let error = match work {
            Ok(output) => return self.succeeded(output, took).await,
            Err(error) => error,
        };
        let message = error.to_string();
        let status = match error {
            ToolError::Late(_) => OutcomeStatus::Timeout,
            ToolError::Failed { .. } | ToolError::Mendable { .. } | ToolError::Unavailable(_) => {
                OutcomeStatus::Failed
            }
        };
        let failed = failure(status, took, &message);
        let (body, changes) = match error {
            ToolError::Unavailable(why) => {
                let action_id = self.action_id;
                // What could not be written before may be now; if not, the next start closes the call as unknown.
                drop(self.write(failed, Vec::new()).await);
                return Err(Unanswered::Unavailable { action_id, why });
            }
            ToolError::Late(_) => {
                let detail = Value::Null;
                (Body::Failed { message, detail }, Vec::new())
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
        self.write(failed, changes).await.map(|()| body)
    }

    async fn succeeded(self, output: Output, took: Duration) -> Result<Body, Unanswered> {
        let Output {
            result,
            changes,
            note,
            recorded,
        } = output;
        let screened = filter::screen(result);
        match note {
            Some(note) => {
                let Self {
                    recorder,
                    action_id,
                    of,
                } = self;
                let written = recorder.change(note, changes, of).await;
                written.map_err(|fault| withheld(action_id, &fault))?;
            }
            None if recorded => {}
            None => {
                let result = Some(screened.value());
                self.write(
                    Outcome {
                        result,
                        ..outcome(OutcomeStatus::Ok, took)
                    },
                    changes,
                )
                .await?;
            }
        }
        Ok(Body::Done(screened.into_value()))
    }

    async fn write(
        self,
        outcome: Outcome<'_>,
        changes: Vec<StateChange>,
    ) -> Result<(), Unanswered> {
        let Self {
            recorder,
            action_id,
            of,
        } = self;
        let Some(of) = of else { return Ok(()) };
        let written = recorder.outcome(of, outcome, changes).await;
        written
            .map(drop)
            .map_err(|fault| withheld(action_id, &fault))
    }
}

fn withheld(action_id: ActionId, fault: &AuditError) -> Unanswered {
    Unanswered::Withheld {
        action_id,
        why: fault.to_string(),
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
