//! What there is: services, the fleet, databases, and what was lately done to them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::domain::{ActionId, AgentId, Health, Timestamp};

/// How many actions the state remembers.
const ACTIONS_KEPT: usize = 100;

/// How many of them the status view shows.
const ACTIONS_SHOWN: usize = 10;

/// How many applications the state remembers, so that inventing names cannot make it grow.
const APPLICATIONS_KEPT: usize = 100;

/// A service and its health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// How it is.
    pub health: Health,
}

/// An application that was deployed, and in which version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// What runs.
    pub version: String,
}

/// The latest backup of a database; it outlives the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// `bak_` and a number that counts up.
    pub id: String,
    /// Of which database.
    pub database: String,
}

/// A health that an action set, even to what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChange {
    /// Of which service.
    pub service: String,
    /// Before.
    pub old_status: Health,
    /// After.
    pub new_status: Health,
}

/// One action that changed the cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionEntry {
    /// When.
    pub timestamp: Timestamp,
    /// The tool's name.
    pub action: String,
    /// On what, and with which result.
    pub details: Map<String, Value>,
    /// By which agent.
    pub agent_id: AgentId,
    /// The call that did it.
    pub action_id: ActionId,
    /// The health it set, if it set one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_change: Option<HealthChange>,
}

/// The whole simulated cloud. Every list in it is bounded, whatever agents ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(super) revision: u64,
    pub(super) services: Vec<Service>,
    pub(super) fleet_size: u16,
    pub(super) databases: Vec<String>,
    pub(super) applications: Vec<Application>,
    pub(super) backups: Vec<Backup>,
    pub(super) backups_taken: u64,
    pub(super) recent_actions: VecDeque<ActionEntry>,
}

impl Default for State {
    /// The cloud of the first day: five healthy services, three instances, two databases with a backup each.
    fn default() -> Self {
        let mut state = Self {
            revision: 0,
            services: [
                "web-server",
                "api-gateway",
                "database",
                "cache",
                "load-balancer",
            ]
            .map(|name| Service {
                name: name.to_owned(),
                health: Health::Healthy,
            })
            .to_vec(),
            fleet_size: 3,
            databases: ["users", "orders"].map(str::to_owned).to_vec(),
            applications: Vec::new(),
            backups: Vec::new(),
            backups_taken: 0,
            recent_actions: VecDeque::new(),
        };
        for database in state.databases.clone() {
            state.back_up(&database);
        }
        state
    }
}

impl State {
    /// The cloud of the first day again, as the next revision of this one.
    #[must_use]
    pub fn reset(&self) -> Self {
        Self {
            revision: self.revision.saturating_add(1),
            ..Self::default()
        }
    }

    /// Counts changes; a store that holds another revision than the one a change was made from refuses it.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The services, in their order.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The health of a service; `None` when there is no such service.
    #[must_use]
    pub fn health_of(&self, service: &str) -> Option<Health> {
        self.services
            .iter()
            .find(|known| known.name == service)
            .map(|known| known.health)
    }

    /// The number of instances.
    #[must_use]
    pub const fn fleet_size(&self) -> u16 {
        self.fleet_size
    }

    /// The names of the databases.
    #[must_use]
    pub fn databases(&self) -> &[String] {
        &self.databases
    }

    /// Whether there is such a database.
    pub(super) fn has_database(&self, database: &str) -> bool {
        self.databases.iter().any(|known| known == database)
    }

    /// The version of an application that was deployed lately.
    #[must_use]
    pub fn version_of(&self, application: &str) -> Option<&str> {
        self.applications
            .iter()
            .find(|known| known.name == application)
            .map(|known| known.version.as_str())
    }

    /// The latest backup of a database, which may be deleted by now.
    #[must_use]
    pub fn backup_of(&self, database: &str) -> Option<&Backup> {
        self.backups
            .iter()
            .find(|backup| backup.database == database)
    }

    /// The last actions that changed something, oldest first; at most 100.
    #[must_use]
    pub fn recent_actions(&self) -> impl DoubleEndedIterator<Item = &ActionEntry> {
        self.recent_actions.iter()
    }

    /// What `/infrastructure/status` answers: `{services{}, fleet_size, recent_actions[≤10]}`, the newest action last.
    #[must_use]
    pub fn status_view(&self) -> Value {
        let skipped = self.recent_actions.len().saturating_sub(ACTIONS_SHOWN);
        let recent: Vec<&ActionEntry> = self.recent_actions.iter().skip(skipped).collect();
        json!({
            "services": self.health_map(),
            "fleet_size": self.fleet_size,
            "recent_actions": recent,
        })
    }

    /// Every service's health by its name.
    pub(super) fn health_map(&self) -> Map<String, Value> {
        self.services
            .iter()
            .map(|service| (service.name.clone(), json!(service.health)))
            .collect()
    }

    /// The services' names, in their order.
    pub(super) fn service_names(&self) -> Vec<&str> {
        self.services
            .iter()
            .map(|service| service.name.as_str())
            .collect()
    }

    /// Sets a service's health and says what it was; `None` when there is no such service.
    pub(super) fn set_health(&mut self, service: &str, health: Health) -> Option<HealthChange> {
        let known = self
            .services
            .iter_mut()
            .find(|known| known.name == service)?;
        let old_status = std::mem::replace(&mut known.health, health);
        Some(HealthChange {
            service: known.name.clone(),
            old_status,
            new_status: health,
        })
    }

    /// Notes which version runs; the application deployed longest ago is forgotten when there are too many.
    pub(super) fn deploy(&mut self, application: &str, version: &str) {
        self.applications.retain(|known| known.name != application);
        if self.applications.len() >= APPLICATIONS_KEPT {
            self.applications.remove(0);
        }
        self.applications.push(Application {
            name: application.to_owned(),
            version: version.to_owned(),
        });
    }

    /// The id that the next backup will have.
    pub(super) fn next_backup(&self) -> String {
        format!("bak_{:06}", self.backups_taken.saturating_add(1))
    }

    /// Takes a backup and gives its id.
    pub(super) fn back_up(&mut self, database: &str) -> String {
        let id = self.next_backup();
        self.backups_taken = self.backups_taken.saturating_add(1);
        let latest = self
            .backups
            .iter_mut()
            .find(|backup| backup.database == database);
        match latest {
            Some(backup) => backup.id.clone_from(&id),
            None => self.backups.push(Backup {
                id: id.clone(),
                database: database.to_owned(),
            }),
        }
        id
    }

    /// Ends a change: remembers the action and counts the revision up.
    pub(super) fn commit(&mut self, entry: ActionEntry) {
        if self.recent_actions.len() >= ACTIONS_KEPT {
            self.recent_actions.pop_front();
        }
        self.recent_actions.push_back(entry);
        self.revision = self.revision.saturating_add(1);
    }
}
