//! The story: an agent looks, is refused, may repair in an emergency, and can never destroy; all of it is on record.

use serde_json::{Value, json};

use super::request::Request;
use super::told::Told;

/// The agent of the story.
pub(super) const AGENT: &str = "sre-1";
/// How long the emergency of the story lasts.
const EMERGENCY_SECONDS: u64 = 300;

/// One step.
pub(super) struct Step {
    /// What happens.
    pub(super) title: &'static str,
    /// What it shows.
    pub(super) shows: &'static str,
    /// What is asked.
    pub(super) request: Request,
    /// What must come of it.
    pub(super) told: Told,
}

/// The steps that are asked of the running gateway, in order.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = calm();
    steps.extend(emergency());
    steps.extend(record());
    steps
}

fn calm() -> Vec<Step> {
    vec![
        Step {
            title: "You give an agent a name",
            shows: "You are the operator of this machine. The agent looks after services, and has high trust.",
            request: Request {
                method: "PUT",
                path: "/api/v1/agents/sre-1",
                body: Some(json!({ "name": "Site reliability", "trust_level": "high" })),
            },
            told: Told::Done,
        },
        Step {
            title: "It may look",
            shows: "Reading is open in NORMAL mode.",
            request: call("get_service_status", &json!({ "service_name": "cache" })),
            told: Told::Allowed,
        },
        Step {
            title: "It may not touch",
            shows: "In NORMAL mode nothing is restarted, however sure the agent is. The answer says why, by which \
                    rule, and what would change it.",
            request: call("restart_service", &json!({ "service_name": "cache" })),
            told: Told::Denied("mode_blocked"),
        },
    ]
}

fn emergency() -> Vec<Step> {
    vec![
        Step {
            title: "Something breaks",
            shows: "The cache goes down (the cloud behind this gateway is simulated, so no harm is done).",
            request: Request::post(
                "/infrastructure/simulate-incident",
                json!({ "service": "cache", "status": "critical" }),
            ),
            told: Told::Done,
        },
        Step {
            title: "You declare an emergency",
            shows: "With a reason, and for five minutes: it ends by itself. No agent can do this.",
            request: Request::post(
                "/policy/set-mode",
                json!({
                    "mode": "EMERGENCY",
                    "reason": "the cache is down",
                    "duration_seconds": EMERGENCY_SECONDS,
                }),
            ),
            told: Told::Mode("EMERGENCY"),
        },
        Step {
            title: "Now the same call repairs",
            shows: "Not a word of it is different from step 3.",
            request: call("restart_service", &json!({ "service_name": "cache" })),
            told: Told::Allowed,
        },
        Step {
            title: "Even now nothing is destroyed",
            shows: "What is always blocked is blocked in every mode, for everybody, with any approval.",
            request: call("delete_database", &json!({ "db_name": "users" })),
            told: Told::Denied("always_blocked"),
        },
    ]
}

fn record() -> Vec<Step> {
    vec![
        Step {
            title: "All of it is on record",
            shows: "What was decided for the agent, newest first. No record, no action.",
            request: Request::get("/api/v1/audit?view=records&kind=decision&agent_id=sre-1"),
            told: Told::OnRecord,
        },
        Step {
            title: "The record proves itself",
            shows: "Each record is sealed by the hash of the one before.",
            request: Request::get("/api/v1/audit/verify"),
            told: Told::Intact,
        },
    ]
}

/// A call of the agent.
fn call(tool: &str, arguments: &Value) -> Request {
    Request::post(
        "/tools/execute",
        json!({ "tool_name": tool, "agent_id": AGENT, "arguments": arguments }),
    )
}
