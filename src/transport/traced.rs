//! Calls as spans: what a trace tells of a decision, and nothing of what the caller sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pipeline::{Answer, Body, Companion, Journey, Station, Unanswered};
use crate::telemetry::Span;

/// A call that a span follows.
struct Traced {
    /// Whose part the call is, where it has a span of its own; else the call's.
    around: Span,
    is_part: bool,
    /// Guards what is under way; held for a change of spans.
    now: Mutex<Now>,
}

/// The spans that are under way.
#[derive(Default)]
struct Now {
    call: Span,
    station: Span,
}

/// The journey of the call of which this span tells.
pub(super) fn told_by(span: &Span) -> Journey {
    let now = Now {
        call: span.clone(),
        station: Span::default(),
    };
    journey(span, false, now)
}

/// The journey of one of the calls within this span.
pub(super) fn within(span: &Span) -> Journey {
    journey(span, true, Now::default())
}

fn journey(span: &Span, is_part: bool, now: Now) -> Journey {
    if !span.is_on() {
        return Journey::default();
    }
    Journey::with(Arc::new(Traced {
        around: span.clone(),
        is_part,
        now: Mutex::new(now),
    }))
}

impl Traced {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Companion for Traced {
    fn sets_out(&self, tool: &str) {
        if !self.is_part {
            return;
        }
        let call = self.around.child(format!("execute_tool {tool}"));
        call.say("gen_ai.operation.name", "execute_tool");
        call.say("gen_ai.tool.name", tool.to_owned());
        self.now().call = call;
    }

    fn reaches(&self, station: Station) {
        let mut now = self.now();
        // In this order: the station before ends before the next begins.
        now.station = Span::default();
        now.station = now.call.child(station.as_str());
    }

    fn arrives(&self, end: &Result<Answer, Unanswered>) {
        let mut now = self.now();
        now.station = Span::default();
        let call = std::mem::take(&mut now.call);
        drop(now);
        match end {
            Ok(answer) => tell(&call, answer),
            Err(unanswered) => call.fail(kind(unanswered)),
        }
    }
}

/// What was decided, and how it went.
fn tell(call: &Span, answer: &Answer) {
    if !call.is_on() {
        return;
    }
    let decision = &answer.decision;
    call.say("policyguard.effect", decision.effect().as_str());
    call.say("policyguard.code", decision.code().as_str());
    call.say("policyguard.mode", decision.mode().to_string());
    let action_id = decision.request().action_id;
    call.say("policyguard.action_id", action_id.to_string());
    let version = i64::try_from(decision.policy_version()).unwrap_or(i64::MAX);
    call.count("policyguard.policy_version", version);
    match &answer.body {
        Body::Done(_) => {}
        Body::Shadow { .. } => call.say("policyguard.shadow", "true"),
        Body::Refused => call.fail(decision.code().as_str()),
        Body::Mendable { error, .. } => call.fail(*error),
        Body::Failed { .. } => call.fail("tool_error"),
    }
}

/// Why there is no answer, in one word.
const fn kind(unanswered: &Unanswered) -> &'static str {
    match unanswered {
        Unanswered::Unauthenticated => "unauthenticated",
        Unanswered::NotForThem(_) => "forbidden",
        Unanswered::Full(_) => "registry_full",
        Unanswered::Unavailable { .. } | Unanswered::Unregistered(_) => "audit_unavailable",
        Unanswered::Withheld { .. } => "withheld",
        Unanswered::Unsettled { .. } => "unsettled",
        Unanswered::Broken => "internal",
    }
}
