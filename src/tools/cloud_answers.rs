//! What the tools of the simulated cloud answer, as JSON Schemas.

use serde_json::{Value, json};

use super::schema::{answer, count, done, flag, instant, list, one_of, or_null, text};

/// The schema of a tool's answer; `None` for a tool that the cloud does not have.
pub(super) fn of(tool: &str) -> Option<Value> {
    let schema = match tool {
        "list_services" => answer(
            &json!({ "services": list(&service()), "count": count("How many"), "timestamp": instant() }),
            &[],
        ),
        "get_service_status" => {
            json!({ "type": "object", "anyOf": [status_of_one(), status_of_all()] })
        }
        "read_logs" => answer(
            &json!({
                "log_lines": list(&text("A line")),
                "total_available": count("Lines there are, also those cut off by the limit"),
                "timestamp": instant(),
            }),
            &[],
        ),
        "restart_service" => changed(json!({
            "service": text("The service"),
            "action": text("restart"),
            "old_health": health(),
            "new_health": health(),
        })),
        "scale_fleet" => changed(json!({
            "action": text("scale"),
            "old_size": count("Instances before"),
            "new_size": count("Instances now"),
            "change": { "type": "integer", "description": "The difference" },
        })),
        "deploy_application" => changed(json!({
            "app_name": text("The application"),
            "version": text("The version that runs now"),
        })),
        "backup_database" | "restore_database" => changed(json!({
            "db_name": text("The database"),
            "backup_id": text("The backup"),
        })),
        "delete_database" => changed(json!({
            "db_name": text("The database"),
            "remaining_databases": list(&text("A database")),
        })),
        "get_infrastructure_status" => answer(
            &json!({
                "services": services(),
                "fleet_size": count("Instances"),
                "recent_actions": { "type": "array", "maxItems": 10, "items": entry(&[]) },
            }),
            &[],
        ),
        "get_execution_history" => answer(
            &json!({
                "history": list(&entry(&["decision", "result"])),
                "total_events": count("Calls that ran, also those that are no longer kept"),
            }),
            &[],
        ),
        "simulate_incident" | "reset_cloud" => done(),
        _ => return None,
    };
    Some(schema)
}

fn health() -> Value {
    one_of(&["healthy", "degraded", "critical"])
}

fn service() -> Value {
    answer(
        &json!({ "name": text("Its exact name"), "health": health() }),
        &[],
    )
}

/// Every service's health by its name.
fn services() -> Value {
    json!({ "type": "object", "additionalProperties": health() })
}

fn status_of_one() -> Value {
    answer(
        &json!({
            "service": text("The service"),
            "health": health(),
            "is_healthy": flag("Whether it is healthy"),
            "timestamp": instant(),
        }),
        &[],
    )
}

fn status_of_all() -> Value {
    answer(
        &json!({
            "services": services(),
            "fleet_size": count("Instances"),
            "unhealthy_services": list(&text("A service")),
            "all_healthy": flag("Whether none is unhealthy"),
            "timestamp": instant(),
        }),
        &[],
    )
}

/// The answer of a change: that it was made, of what, and when.
fn changed(members: Value) -> Value {
    let mut all = json!({
        "status": one_of(&["success"]),
        "message": text("What was done, in words"),
        "timestamp": instant(),
    });
    if let (Value::Object(all), Value::Object(members)) = (&mut all, members) {
        all.extend(members);
    }
    answer(&all, &[])
}

/// One call that ran on the cloud; `more` names what the history adds to it.
fn entry(more: &[&str]) -> Value {
    let change = answer(
        &json!({ "service": text("The service"), "old_status": health(), "new_status": health() }),
        &[],
    );
    let mut members = json!({
        "timestamp": instant(),
        "action": text("The tool"),
        "details": { "type": "object", "description": "On what, and with which result" },
        "agent_id": text("Who called"),
        "action_id": text("Which call"),
        "health_change": or_null(&change),
    });
    let added = [
        ("decision", text("The code of the decision that let it run")),
        ("result", json!({ "description": "What the tool answered" })),
    ];
    if let Value::Object(members) = &mut members {
        let wanted = added.into_iter().filter(|(name, _)| more.contains(name));
        members.extend(wanted.map(|(name, schema)| (name.to_owned(), schema)));
    }
    answer(&members, &["health_change"])
}
