//! What an operation does.

use serde_json::{Value, json};

use super::operation::Operation;
use super::report::{Actor, Draft, Report, fields};
use super::state::State;
use crate::domain::{Health, Timestamp};

/// Applies an operation to the state and reports what came of it.
///
/// The state that is given stays as it is: whoever stores the next one does so together with the
/// record of the call, or not at all.
#[must_use]
pub fn apply(state: &State, operation: &Operation, by: &Actor, now: Timestamp) -> Report {
    let call = Call {
        state,
        action: operation.tool(),
        by,
        now,
    };
    match operation {
        Operation::ListServices => call.list_services(),
        Operation::GetServiceStatus { service: None } => call.status_of_all(),
        Operation::GetServiceStatus {
            service: Some(service),
        } => call.status_of(service),
        Operation::ReadLogs { lines, service } => call.read_logs(*lines, service.as_deref()),
        Operation::RestartService { service } => call.restart(service),
        Operation::ScaleFleet { count } => call.scale(*count),
        Operation::DeployApplication {
            application,
            version,
        } => call.deploy(application, version),
        Operation::BackupDatabase { database } => call.back_up(database),
        Operation::RestoreDatabase { database } => call.restore(database),
        Operation::DeleteDatabase { database } => call.delete(database),
    }
}

/// One operation on its way: what is there, who acts, and when.
struct Call<'a> {
    state: &'a State,
    action: &'static str,
    by: &'a Actor,
    now: Timestamp,
}

impl Call<'_> {
    /// The list of services. Not a status call: the gateway takes no health from it.
    fn list_services(&self) -> Report {
        let result = json!({
            "services": self.state.services(),
            "count": self.state.services().len(),
            "timestamp": self.now,
        });
        Report::read(result, Vec::new())
    }

    /// The health of everything.
    fn status_of_all(&self) -> Report {
        let services = self.state.services().iter();
        let observed: Vec<(String, Health)> = services
            .map(|service| (service.name.clone(), service.health))
            .collect();
        let unhealthy: Vec<&String> = observed
            .iter()
            .filter(|(_, health)| *health != Health::Healthy)
            .map(|(service, _)| service)
            .collect();
        let result = json!({
            "services": self.state.health_map(),
            "fleet_size": self.state.fleet_size(),
            "unhealthy_services": unhealthy,
            "all_healthy": unhealthy.is_empty(),
            "timestamp": self.now,
        });
        Report::read(result, observed)
    }

    /// The health of one service.
    fn status_of(&self, service: &str) -> Report {
        let Some(health) = self.state.health_of(service) else {
            return Report::no_service(self.state, service, self.now);
        };
        let result = json!({
            "service": service,
            "health": health,
            "is_healthy": health == Health::Healthy,
            "timestamp": self.now,
        });
        Report::read(result, vec![(service.to_owned(), health)])
    }

    /// A line for each service, as its health has it.
    fn read_logs(&self, lines: u16, only: Option<&str>) -> Report {
        if let Some(service) = only
            && self.state.health_of(service).is_none()
        {
            return Report::no_service(self.state, service, self.now);
        }
        let services = self.state.services().iter();
        let available: Vec<String> = services
            .filter(|service| only.is_none_or(|only| only == service.name))
            .map(|service| log_line(&service.name, service.health))
            .collect();
        let given: Vec<&String> = available.iter().take(usize::from(lines)).collect();
        let result = json!({
            "log_lines": given,
            "total_available": available.len(),
            "timestamp": self.now,
        });
        Report::read(result, Vec::new())
    }

    /// Restarts a service: whatever it was, it is healthy afterwards.
    fn restart(&self, service: &str) -> Report {
        let mut next = self.state.clone();
        let Some(change) = next.set_health(service, Health::Healthy) else {
            return Report::no_service(self.state, service, self.now);
        };
        let result = json!({
            "status": "success",
            "service": service,
            "action": "restart",
            "old_health": change.old_status,
            "new_health": change.new_status,
            "message": format!("Service '{service}' successfully restarted"),
            "timestamp": self.now,
        });
        let draft = Draft {
            action: self.action,
            next,
            details: fields([("service_name", json!(service))]),
            health_change: Some(change),
        };
        draft.report(result, self.by, self.now)
    }

    /// Scales the fleet to a number of instances.
    fn scale(&self, count: u16) -> Report {
        let old = self.state.fleet_size();
        let mut next = self.state.clone();
        next.fleet_size = count;
        let result = json!({
            "status": "success",
            "action": "scale",
            "old_size": old,
            "new_size": count,
            "change": i32::from(count) - i32::from(old),
            "message": format!("Fleet scaled from {old} to {count} instances"),
            "timestamp": self.now,
        });
        let details = [("old_size", json!(old)), ("new_size", json!(count))];
        self.changed(next, details, result)
    }

    /// Deploys a version of an application, which runs from now on.
    fn deploy(&self, application: &str, version: &str) -> Report {
        let mut next = self.state.clone();
        next.deploy(application, version);
        let result = json!({
            "status": "success",
            "app_name": application,
            "version": version,
            "message": format!("Application '{application}' deployed in version '{version}'"),
            "timestamp": self.now,
        });
        let details = [
            ("app_name", json!(application)),
            ("version", json!(version)),
            ("old_version", json!(self.state.version_of(application))),
        ];
        self.changed(next, details, result)
    }

    /// Backs up a database; this backup is its latest from now on.
    fn back_up(&self, database: &str) -> Report {
        if !self.state.has_database(database) {
            return Report::no_database(self.state.databases().iter(), database, self.now);
        }
        let mut next = self.state.clone();
        let backup_id = next.back_up(database);
        let message = format!("Database '{database}' backed up as '{backup_id}'");
        self.database_changed(next, (database, &backup_id), &message)
    }

    /// Restores a database from its latest backup, also when it was deleted.
    fn restore(&self, database: &str) -> Report {
        let Some(backup) = self.state.backup_of(database) else {
            let restorable = self.state.backups.iter().map(|backup| &backup.database);
            return Report::no_database(restorable, database, self.now);
        };
        let mut next = self.state.clone();
        if !next.has_database(database) {
            next.databases.push(database.to_owned());
        }
        let message = format!("Database '{database}' restored from backup '{}'", backup.id);
        self.database_changed(next, (database, &backup.id), &message)
    }

    /// Deletes a database; its latest backup stays.
    fn delete(&self, database: &str) -> Report {
        if !self.state.has_database(database) {
            return Report::no_database(self.state.databases().iter(), database, self.now);
        }
        let mut next = self.state.clone();
        next.databases.retain(|known| known != database);
        let result = json!({
            "status": "success",
            "db_name": database,
            "message": format!("Database '{database}' deleted"),
            "remaining_databases": next.databases(),
            "timestamp": self.now,
        });
        self.changed(next, [("db_name", json!(database))], result)
    }

    /// A database was backed up or restored, in or from this backup.
    fn database_changed(
        &self,
        next: State,
        (database, backup_id): (&str, &str),
        message: &str,
    ) -> Report {
        let result = json!({
            "status": "success",
            "db_name": database,
            "backup_id": backup_id,
            "message": message,
            "timestamp": self.now,
        });
        let details = [
            ("db_name", json!(database)),
            ("backup_id", json!(backup_id)),
        ];
        self.changed(next, details, result)
    }

    /// Something changed, but no service's health.
    fn changed<const N: usize>(
        &self,
        next: State,
        details: [(&str, Value); N],
        result: Value,
    ) -> Report {
        let draft = Draft {
            action: self.action,
            next,
            details: fields(details),
            health_change: None,
        };
        draft.report(result, self.by, self.now)
    }
}

/// The line that a service of this health writes.
fn log_line(service: &str, health: Health) -> String {
    match health {
        Health::Healthy => format!("[INFO] {service}: operating normally"),
        Health::Degraded => format!("[WARN] {service}: performance degraded"),
        Health::Critical => format!("[ERROR] {service}: critical issues detected"),
    }
}
