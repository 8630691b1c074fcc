//! Sample agents at work: a few calls a second, most of them allowed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::client::Gateway;

/// Between two calls.
const PACE: Duration = Duration::from_millis(330);

/// Gives the further agents their names.
pub(super) async fn introduce(gateway: &Gateway) -> Result<(), CliError> {
    let agents = [
        (
            "/api/v1/agents/etl-1",
            json!({ "name": "Nightly ETL", "trust_level": "medium", "denied_tools": ["drop_*"] }),
        ),
        (
            "/api/v1/agents/rogue-9",
            json!({ "name": "Nobody knows why", "trust_level": "low" }),
        ),
    ];
    for (path, body) in agents {
        gateway.send("PUT", path, Some(&body)).await?.success()?;
    }
    Ok(())
}

/// Calls until the gateway does not answer as it should.
pub(super) async fn run(gateway: &Gateway) -> Result<(), CliError> {
    let mut number = 0;
    loop {
        for (path, body) in turn(number) {
            // A denial is an answer like any other.
            gateway.post(path, &body).await?.success()?;
            tokio::time::sleep(PACE).await;
        }
        number += 1;
    }
}

/// What the agents do in a turn of this number.
fn turn(number: u64) -> Vec<(&'static str, Value)> {
    let question =
        json!({ "action_type": "tool_call", "target": "drop_table", "agent_id": "etl-1" });
    vec![
        call("sre-1", "list_services", &json!({})),
        call(
            "sre-1",
            "get_service_status",
            &json!({ "service_name": "cache" }),
        ),
        call("etl-1", "backup_database", &json!({ "db_name": "users" })),
        // It asks before it acts: a question that is answered with no is held against nobody.
        ("/api/v1/decisions/validate", question),
        call("sre-1", "read_logs", &json!({ "service_name": "cache" })),
        call(
            "rogue-9",
            "scale_fleet",
            &json!({ "count": 2 + number % 90 }),
        ),
        call(
            "etl-1",
            "get_service_status",
            &json!({ "service_name": "cache" }),
        ),
        call(
            "rogue-9",
            "delete_database",
            &json!({ "db_name": format!("users-{number}") }),
        ),
    ]
}

fn call(agent: &str, tool: &str, arguments: &Value) -> (&'static str, Value) {
    let body = json!({ "tool_name": tool, "agent_id": agent, "arguments": arguments });
    ("/tools/execute", body)
}
