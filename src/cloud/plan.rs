//! What an operation would do, before it is done: what approvers and dry runs see.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::report::fields;
use super::state::State;
use crate::domain::Health;

/// How long a service is away while it restarts.
const RESTART_SECONDS: u32 = 15;
/// How long a database is away while it is restored.
const RESTORE_SECONDS: u32 = 60;
/// What an instance costs in an hour, in US cents.
const INSTANCE_HOUR_CENTS: i32 = 10;
/// The hours that a month is billed with.
const HOURS_A_MONTH: i32 = 730;
/// The largest change of the fleet that is still a small one.
const SMALL_CHANGE: i32 = 5;
/// Whose users a database has: those of the service of this name.
const DATABASE_SERVICE: &str = "database";

/// How much can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing.
    None,
    /// Little, and it mends itself.
    Low,
    /// Users may notice.
    Medium,
    /// Data or a whole service is at stake.
    High,
    /// Something is lost for good.
    Critical,
}

impl Risk {
    /// The risk's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The call that takes a change back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Undo {
    /// Which tool.
    pub tool_name: &'static str,
    /// With which arguments.
    pub arguments: Map<String, Value>,
}

/// Who notices, for how long, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Impact {
    /// How long something is away.
    pub estimated_downtime_seconds: u32,
    /// How many users that touches.
    pub affected_users_estimate: u32,
    /// What a month costs more (or less) afterwards; `None` where money is no part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_cost_change_usd: Option<f64>,
}

/// What an operation would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The tool's name.
    pub action: &'static str,
    /// What it touches, in a word.
    pub target: String,
    /// What is there now.
    pub current_state: Value,
    /// What would be there.
    pub predicted_state: Value,
    /// Whether it could be taken back whole.
    pub reversible: bool,
    /// How, when a call can do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// How much can go wrong.
    pub risk: Risk,
    /// Who notices, for how long, and what it costs.
    pub impact: Impact,
    /// What could be done instead.
    pub alternatives: Vec<String>,
    /// What to know before doing it; also that it would fail.
    pub warnings: Vec<String>,
}

/// Plans an operation. Total: a call that would fail has a plan that says so in its warnings, with the same risk.
#[must_use]
pub fn plan(state: &State, operation: &Operation) -> Plan {
    let action = operation.tool();
    match operation {
        Operation::ListServices => read(action, None),
        Operation::GetServiceStatus { service } | Operation::ReadLogs { service, .. } => {
            read(action, service.as_deref())
        }
        Operation::RestartService { service } => restart(action, state, service),
        Operation::ScaleFleet { count } => scale(action, state, *count),
        Operation::DeployApplication {
            application,
            version,
        } => deploy(action, state, application, version),
        Operation::BackupDatabase { database } => back_up(action, state, database),
        Operation::RestoreDatabase { database } => restore(action, state, database),
        Operation::DeleteDatabase { database } => delete(action, state, database),
    }
}

/// A plan in which nothing happens to anybody.
fn quiet(action: &'static str, target: &str, risk: Risk) -> Plan {
    Plan {
        action,
        target: target.to_owned(),
        current_state: json!({}),
        predicted_state: json!({}),
        reversible: true,
        undo: None,
        risk,
        impact: Impact::default(),
        alternatives: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Reads change nothing.
fn read(action: &'static str, service: Option<&str>) -> Plan {
    quiet(action, service.unwrap_or("all services"), Risk::None)
}

/// A restart interrupts, whatever the health was, and cannot be taken back.
fn restart(action: &'static str, state: &State, service: &str) -> Plan {
    let health = state.health_of(service);
    let risk = match health {
        Some(Health::Degraded | Health::Critical) => Risk::Medium,
        Some(Health::Healthy) | None => Risk::Low,
    };
    let (predicted, warning) = match health {
        None => (None, Some(format!("Service '{service}' not found"))),
        Some(Health::Healthy) => (
            health,
            Some(format!(
                "'{service}' is healthy: a restart would only interrupt it"
            )),
        ),
        Some(Health::Degraded | Health::Critical) => (Some(Health::Healthy), None),
    };
    Plan {
        current_state: json!({ "service": service, "health": health }),
        predicted_state: json!({ "service": service, "health": predicted }),
        reversible: false,
        impact: Impact {
            estimated_downtime_seconds: RESTART_SECONDS,
            affected_users_estimate: users_of(service),
            monthly_cost_change_usd: None,
        },
        alternatives: vec![
            format!("read the logs of '{service}' first (read_logs)"),
            "add instances while it is slow (scale_fleet)".to_owned(),
        ],
        warnings: warning.into_iter().collect(),
        ..quiet(action, service, risk)
    }
}

/// Scaling costs or saves money, and is taken back by scaling back.
fn scale(action: &'static str, state: &State, count: u16) -> Plan {
    let old = state.fleet_size();
    let change = i32::from(count) - i32::from(old);
    let large = change.abs() > SMALL_CHANGE;
    let warning = match change {
        0 => Some(format!("the fleet already has {old} instances")),
        ..0 => Some(format!("{count} instances would carry the load of {old}")),
        1.. => None,
    };
    let alternative = large.then(|| format!("scale in steps of at most {SMALL_CHANGE} instances"));
    Plan {
        current_state: json!({ "fleet_size": old }),
        predicted_state: json!({ "fleet_size": count }),
        undo: Some(Undo {
            tool_name: action,
            arguments: fields([("count", json!(old))]),
        }),
        impact: Impact {
            monthly_cost_change_usd: Some(
                f64::from(INSTANCE_HOUR_CENTS * HOURS_A_MONTH * change) / 100.0,
            ),
            ..Impact::default()
        },
        alternatives: alternative.into_iter().collect(),
        warnings: warning.into_iter().collect(),
        ..quiet(
            action,
            "fleet",
            if large { Risk::Medium } else { Risk::Low },
        )
    }
}

/// A deployment is taken back by deploying what ran before, when that is known.
fn deploy(action: &'static str, state: &State, application: &str, version: &str) -> Plan {
    let old = state.version_of(application);
    let undo = old.map(|old| Undo {
        tool_name: action,
        arguments: fields([("app_name", json!(application)), ("version", json!(old))]),
    });
    let warning = match old {
        None => Some(format!(
            "no version of '{application}' is known that could be deployed again"
        )),
        Some(old) if old == version => {
            Some(format!("'{application}' already runs version '{version}'"))
        }
        Some(_) => None,
    };
    Plan {
        current_state: json!({ "app_name": application, "version": old }),
        predicted_state: json!({ "app_name": application, "version": version }),
        reversible: undo.is_some(),
        undo,
        impact: Impact {
            affected_users_estimate: users_of(application),
            ..Impact::default()
        },
        warnings: warning.into_iter().collect(),
        ..quiet(action, application, Risk::Medium)
    }
}

/// A backup touches nothing that is there.
fn back_up(action: &'static str, state: &State, database: &str) -> Plan {
    let exists = state.has_database(database);
    let backup = state.backup_of(database).map(|backup| &backup.id);
    let warning = (!exists).then(|| format!("Database '{database}' not found"));
    Plan {
        current_state: json!({ "db_name": database, "exists": exists, "latest_backup": backup }),
        predicted_state: json!({
            "db_name": database,
            "exists": exists,
            "latest_backup": if exists { Some(state.next_backup()) } else { None },
        }),
        warnings: warning.into_iter().collect(),
        ..quiet(action, database, Risk::Low)
    }
}

/// A restore overwrites what was written since the backup.
fn restore(action: &'static str, state: &State, database: &str) -> Plan {
    let exists = state.has_database(database);
    let backup = state.backup_of(database).map(|backup| &backup.id);
    let warning = match backup {
        None => format!("Database '{database}' not found"),
        Some(backup) => format!("what was written to '{database}' after '{backup}' is lost"),
    };
    Plan {
        current_state: json!({ "db_name": database, "exists": exists, "latest_backup": backup }),
        predicted_state: json!({
            "db_name": database,
            "exists": backup.is_some(),
            "restored_from": backup,
        }),
        reversible: false,
        impact: database_impact(),
        alternatives: vec![format!("back '{database}' up first (backup_database)")],
        warnings: vec![warning],
        ..quiet(action, database, Risk::High)
    }
}

/// A deletion is critical, whether or not there is such a database.
fn delete(action: &'static str, state: &State, database: &str) -> Plan {
    let exists = state.has_database(database);
    let backup = state.backup_of(database).map(|backup| &backup.id);
    let warning = match backup {
        _ if !exists => format!("Database '{database}' not found"),
        None => format!("'{database}' has no backup: everything in it is lost"),
        Some(backup) => format!("what was written to '{database}' after '{backup}' is lost"),
    };
    Plan {
        current_state: json!({ "db_name": database, "exists": exists, "latest_backup": backup }),
        predicted_state: json!({ "db_name": database, "exists": false, "latest_backup": backup }),
        reversible: false,
        impact: database_impact(),
        alternatives: vec![format!("back '{database}' up first (backup_database)")],
        warnings: vec![warning],
        ..quiet(action, database, Risk::Critical)
    }
}

/// A database is away until it is restored, for everybody who uses one.
fn database_impact() -> Impact {
    Impact {
        estimated_downtime_seconds: RESTORE_SECONDS,
        affected_users_estimate: users_of(DATABASE_SERVICE),
        monthly_cost_change_usd: None,
    }
}

/// How many people use a service or an application.
fn users_of(name: &str) -> u32 {
    match name {
        "web-server" => 5000,
        "api-gateway" => 3000,
        DATABASE_SERVICE => 10_000,
        "cache" => 2000,
        "load-balancer" => 8000,
        _ => 1000,
    }
}
