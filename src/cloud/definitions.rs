//! How the tools are offered: names, descriptions for models, classes, hints, and schemas of arguments.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::operation::{DEFAULT_LINES, LABEL_LENGTH, LARGEST_FLEET, MOST_LINES, NAME_LENGTH};
use crate::domain::{Annotations, Owner, Roles, ToolClass, ToolFacts};

/// A tool of the simulated cloud, as the catalogue takes it in.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudTool {
    /// What rules need to know of it.
    pub facts: ToolFacts,
    /// What it does, when to call it, and what the answer means; written for models.
    pub description: &'static str,
}

/// What is said of a tool before it becomes a [`CloudTool`].
struct Offer {
    name: &'static str,
    class: ToolClass,
    /// Whether a second call changes nothing more.
    idempotent: bool,
    description: &'static str,
    properties: Value,
    required: &'static [&'static str],
}

/// Every tool of the cloud: reads, then changes, then what destroys.
#[must_use]
pub fn definitions() -> Vec<CloudTool> {
    let mut offers = reads();
    offers.extend(service_changes());
    offers.extend(database_changes());
    offers.into_iter().map(Offer::tool).collect()
}

/// The tools that change nothing.
fn reads() -> Vec<Offer> {
    vec![
        Offer {
            name: "list_services",
            class: ToolClass::Read,
            idempotent: false,
            description: "Lists every service with its health. Call it first, to learn the exact \
                names that other tools take as service_name. Answers {services: [{name, health}], \
                count, timestamp}; health is healthy, degraded or critical.",
            properties: json!({}),
            required: &[],
        },
        Offer {
            name: "get_service_status",
            class: ToolClass::Read,
            idempotent: false,
            description: "Shows the health of one service, or of all of them with the size of the \
                fleet when service_name is left out. Call it before and after a change. Answers \
                {service, health, is_healthy, timestamp} for one; {services, fleet_size, \
                unhealthy_services, all_healthy, timestamp} for all.",
            properties: json!({
                "service_name": service_name("The service to look at; all services when left out."),
            }),
            required: &[],
        },
        Offer {
            name: "read_logs",
            class: ToolClass::Read,
            idempotent: false,
            description: "Reads recent log lines: one line for each service, marked [INFO], [WARN] \
                or [ERROR] by its health. Call it to find out what is wrong before repairing \
                anything. Answers {log_lines, total_available, timestamp}; total_available counts the lines \
                there are, also those cut off by the limit.",
            properties: json!({
                "lines": {
                    "type": "integer",
                    "description": "The most lines to return.",
                    "minimum": 1,
                    "maximum": MOST_LINES,
                    "default": DEFAULT_LINES,
                },
                "service_name": service_name("Only lines of this service; of all when left out."),
            }),
            required: &[],
        },
    ]
}

/// The tools that change services, the fleet and applications.
fn service_changes() -> Vec<Offer> {
    vec![
        Offer {
            name: "restart_service",
            class: ToolClass::Modify,
            idempotent: true,
            description: "Restarts a service, which is away for about 15 seconds and healthy \
                afterwards. Call it for a service that is degraded or critical; a healthy one is \
                only interrupted. Answers {status, service, action, old_health, new_health, \
                message, timestamp}.",
            properties: json!({ "service_name": service_name("The service to restart.") }),
            required: &["service_name"],
        },
        Offer {
            name: "scale_fleet",
            class: ToolClass::Modify,
            idempotent: false,
            description: "Sets the number of instances in the fleet (not the number to add). Call \
                it when the load needs more instances, or to save cost when it needs fewer. \
                Answers {status, action, old_size, new_size, change, message, timestamp}.",
            properties: json!({
                "count": {
                    "type": "integer",
                    "description": "The number of instances that the fleet shall have.",
                    "minimum": 1,
                    "maximum": LARGEST_FLEET,
                },
            }),
            required: &["count"],
        },
        Offer {
            name: "deploy_application",
            class: ToolClass::Modify,
            idempotent: false,
            description: "Deploys a version of an application in place of the one that runs. Call \
                it to release a version, or to go back to an earlier one. Answers {status, \
                app_name, version, message, timestamp}.",
            properties: json!({
                "app_name": label("The application's name."),
                "version": label("The version to run from now on, like 2.4.1."),
            }),
            required: &["app_name", "version"],
        },
    ]
}

/// The tools that change databases.
fn database_changes() -> Vec<Offer> {
    vec![
        Offer {
            name: "backup_database",
            class: ToolClass::Modify,
            idempotent: false,
            description: "Takes a backup of a database; it becomes the one that restore_database \
                uses. Call it before anything that could lose data. Answers {status, db_name, \
                backup_id, message, timestamp}.",
            properties: json!({ "db_name": db_name("The database to back up.") }),
            required: &["db_name"],
        },
        Offer {
            name: "restore_database",
            class: ToolClass::Modify,
            idempotent: false,
            description: "Restores a database from its latest backup, also one that was deleted. \
                What was written after the backup is lost. Call it only when the data is damaged \
                or gone. Answers {status, db_name, backup_id, message, timestamp}.",
            properties: json!({ "db_name": db_name("The database to restore.") }),
            required: &["db_name"],
        },
        Offer {
            name: "delete_database",
            class: ToolClass::Destructive,
            idempotent: false,
            description: "Deletes a database with everything written since its latest backup. \
                Call it only when a person asked for exactly this; policies usually forbid it to \
                everybody, and a denial stays one however often it is retried. Answers {status, \
                db_name, message, remaining_databases, timestamp}.",
            properties: json!({ "db_name": db_name("The database to delete.") }),
            required: &["db_name"],
        },
    ]
}

impl Offer {
    /// The tool as the catalogue takes it in.
    fn tool(self) -> CloudTool {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), self.properties);
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        schema.insert("additionalProperties".to_owned(), json!(false));
        CloudTool {
            facts: ToolFacts {
                name: Arc::from(self.name),
                server: Arc::from("cloud"),
                owner: Owner::Cloud,
                class: self.class,
                annotations: Annotations {
                    read_only_hint: self.class == ToolClass::Read,
                    destructive_hint: self.class == ToolClass::Destructive,
                    idempotent_hint: self.idempotent,
                    open_world_hint: false,
                },
                needs: Roles::NONE,
                asks: false,
                safety: false,
                quarantined: false,
                input_schema: Arc::new(Value::Object(schema)),
            },
            description: self.description,
        }
    }
}

/// The schema of a service's name.
fn service_name(description: &str) -> Value {
    name(&format!(
        "{description} An exact name from list_services, like web-server."
    ))
}

/// The schema of a database's name.
fn db_name(description: &str) -> Value {
    name(&format!("{description} An exact name, like users."))
}

/// The schema of a name of something that is there.
fn name(description: &str) -> Value {
    json!({
        "type": "string",
        "description": description,
        "minLength": 1,
        "maxLength": NAME_LENGTH,
    })
}

/// The schema of a text that the state keeps.
fn label(description: &str) -> Value {
    json!({
        "type": "string",
        "description": description,
        "minLength": 1,
        "maxLength": LABEL_LENGTH,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._+:@/-]*$",
    })
}
