//! What the simulated cloud promises, figure by figure.

mod apply;
mod definitions;
mod operation;
mod plan;
mod scenario;

use serde_json::{Map, Value, json};

use super::{Actor, Operation, Report, State, apply as apply_operation, simulate_incident};
use crate::domain::{ActionId, AgentId, Timestamp};

/// The instant at which everything here happens.
const NOW: &str = "2026-01-02T03:04:05.678Z";

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

fn actor() -> Actor {
    Actor {
        agent_id: AgentId::parse("agent-1").unwrap(),
        action_id: ActionId::from_bits(7),
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else {
        panic!("not an object: {value}");
    };
    map
}

fn operation(tool: &str, arguments: Value) -> Operation {
    Operation::parse(tool, &object(arguments)).unwrap()
}

/// Runs a call on a state.
fn run(state: &State, tool: &str, arguments: Value) -> Report {
    apply_operation(state, &operation(tool, arguments), &actor(), now())
}

/// Runs a call that must change the state, and gives the state afterwards.
fn changed(state: &State, tool: &str, arguments: Value) -> State {
    let report = run(state, tool, arguments);
    assert_eq!(report.error, None);
    report.next.unwrap()
}

/// The cloud of the first day in which a service has this health.
fn with_health(service: &str, status: &str) -> State {
    let report = simulate_incident(&State::default(), service, Some(status), &actor(), now());
    report.unwrap().next.unwrap()
}

/// Asserts the whole answer of a call on a state.
fn check(state: &State, tool: &str, arguments: Value, expected: Value) {
    let mut expected = object(expected);
    expected.insert("timestamp".to_owned(), json!(NOW));
    let report = run(state, tool, arguments);
    assert_eq!(report.result, Value::Object(expected), "{tool}");
}
