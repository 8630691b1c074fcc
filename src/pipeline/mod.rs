//! The policy enforcement point (PEP): one road for every call, from every door.

mod admit; // who calls
mod answer; // what the caller gets
mod call; // what every door hands in
mod metrics; // figures of the road
mod dispatch; // from permit to output, under the gate and a deadline
mod filter; // what may leave
mod journey; // who is told how a call gets on
mod closing; // the outcome on record, before anyone sees it
mod normalize; // call and identity become an ask
mod sessions; // which client speaks, on record
mod shown; // which tools a caller is shown
mod source; // values that tools answer, asked on this same road

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::audit::{AuditError, Recorded, Recorder};
use crate::decision_point::{DecisionPoint, Stale};
use crate::domain::Clock;
use crate::identity::{Authenticator, Sessions};
use crate::registry::Registry;
use crate::tools::{Catalog, Line, Permit};

// What doors need of the rooms below: where a call came from, with which credential, and what was decided.
pub use crate::audit::{Caller, Door, Source};
pub use crate::domain::{Role, Roles};
pub use crate::identity::{Credentials, KeyText, Shown};
pub use crate::policy::{Code, Decision, Effect, Explanation};

use closing::Closing;

pub use answer::{Answer, Body, Unanswered};
pub use call::Call;
pub use filter::Screened;
pub use journey::{Companion, Journey, Station};
pub use metrics::PipelineMetrics;
pub use sessions::{Greeting, SessionRefused};
pub use shown::ListStanding;
pub use source::RoadValues;

/// The longest a tool may take (`spec/limits.md`).
pub const TOOL_DEADLINE: Duration = Duration::from_secs(30);
/// How often a call is decided before a situation that keeps changing is answered with an error.
const DECISIONS: usize = 4;
/// What a tool is called that the catalogue does not have, where names must be few.
const OTHER: &str = "_other";

/// The road and what stands along it.
pub struct Pipeline {
    authenticator: Box<dyn Authenticator>,
    registry: Arc<Registry>,
    decision_point: Arc<DecisionPoint>,
    catalog: Arc<Catalog>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    sessions: Arc<Sessions>,
    deadline: Duration,
    auto_register: bool,
    metrics: PipelineMetrics,
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
    /// Which clients have a session.
    pub sessions: Arc<Sessions>,
    /// The longest a tool may take.
    pub deadline: Duration,
    /// Whether an agent that nobody knows is registered by its first call.
    pub auto_register: bool,
}

/// Where a decided call came from, and who hears of it on its way.
#[derive(Clone, Copy)]
struct Way<'a> {
    caller: &'a Caller,
    line: &'a Line,
    journey: &'a Journey,
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
            sessions,
            deadline,
            auto_register,
        } = stations;
        Self {
            authenticator,
            registry,
            decision_point,
            catalog,
            recorder,
            clock,
            sessions,
            deadline,
            auto_register,
            metrics: PipelineMetrics::default(),
        }
    }

    /// Takes a call down the road.
    ///
    /// Drop the future and the call is cancelled where it stands; doors run it on a task of its own.
    ///
    /// # Errors
    /// When the call could not be decided or put on record: then nothing ran, or its output is withheld.
    pub async fn handle(&self, call: Call) -> Result<Answer, Unanswered> {
        let door = call.caller.door;
        let _on_the_road = self.metrics.enter();
        let journey = call.journey.clone();
        if journey.is_watched() {
            journey.sets_out(self.known_name(&call.tool));
        }
        let end = self.walk(call).await;
        self.metrics.arrived(door, &end);
        journey.arrives(&end);
        end
    }

    async fn walk(&self, call: Call) -> Result<Answer, Unanswered> {
        let identity = self.admit(&call.caller, &call.credentials)?;
        self.welcome(&call, &identity).await?;
        let caller = call.caller.clone();
        let line = call.line.clone();
        let journey = call.journey.clone();
        let shadow = call.shadow;
        let ask = self.normalize(call, &identity)?;
        let unrecorded = |fault: AuditError| Unanswered::audit(&ask, &fault);
        journey.reaches(Station::Decide);
        if shadow {
            let decision = self
                .decision_point
                .simulate(&ask, &caller)
                .await
                .map_err(unrecorded)?;
            return Ok(self.shadow(decision.into_inner().0));
        }
        for _ in 0..DECISIONS {
            let decision = self
                .decision_point
                .decide(&ask, &caller, || journey.reaches(Station::Record))
                .await
                .map_err(unrecorded)?;
            let way = Way {
                caller: &caller,
                line: &line,
                journey: &journey,
            };
            if let Ok(answer) = self.carry_out(decision, way).await? {
                return Ok(answer);
            }
            journey.reaches(Station::Decide);
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
        way: Way<'_>,
    ) -> Result<Result<Answer, Stale>, Unanswered> {
        let permit = match Permit::issue(decision, way.caller) {
            Ok(permit) => permit.with_line(way.line.clone()),
            Err(refused) => return Ok(Ok(Answer::refused(refused.into_inner()))),
        };
        let decided = permit.decision().clone();
        let begun = self.clock.monotonic();
        let close = Closing::of(&self.recorder, &permit);
        way.journey.reaches(Station::Dispatch);
        let work = self.dispatch(permit).await;
        way.journey.reaches(Station::RecordOutcome);
        let took = self.clock.monotonic().saturating_sub(begun);
        match work {
            Err(Stale) => close.cancelled(took).await.map(|()| Err(Stale)),
            Ok(work) => close
                .done(work, took)
                .await
                .map(|body| Ok(Answer::new(decided, body))),
        }
    }

    /// What a run would do: the decision it would get, and the plan of the tool.
    fn shadow(&self, decision: Decision) -> Answer {
        let request = decision.request();
        let tool = &request.resource.name;
        let plan = self
            .catalog
            .backend(tool)
            .and_then(|backend| backend.plan(tool, &request.arguments, request.context.now));
        Answer::new(decision, Body::Shadow { plan })
    }

    /// The tool's name if the catalogue has it, else a word for all others.
    #[must_use]
    pub fn known_name(&self, tool: &str) -> &str {
        let definition = self.catalog.definition(tool);
        definition.map_or(OTHER, |definition| &definition.facts.name)
    }

    /// The figures of the road.
    #[must_use]
    pub const fn metrics(&self) -> &PipelineMetrics {
        &self.metrics
    }

    /// Who decides on this road.
    #[must_use]
    pub const fn decision_point(&self) -> &Arc<DecisionPoint> {
        &self.decision_point
    }

    /// The tools that this road leads to.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Counts on the trail what a door turned away before it was a call.
    pub fn note_refused(&self, caller: &Caller, reason: &str) {
        self.metrics.refused(reason);
        self.recorder.refused(caller, reason);
    }

    /// Changes whenever something was recorded, so that streams need not look again and again.
    #[must_use]
    pub fn news(&self) -> tokio::sync::watch::Receiver<u64> {
        self.recorder.news()
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
}
