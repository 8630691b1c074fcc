//! Tools about policies: `create_policy`, `delete_policy`, `list_policies`, `get_policy`, `check_policies`,
//! `diff_policies`, `simulate_policies`, `policy_history`, `rollback_policy`.

mod change; // from an order to the live version
mod check; // tool `check_policies`
mod create; // tool `create_policy`
mod delete; // tool `delete_policy`
mod difference; // tool `diff_policies`
mod draft; // a policy as a call gives it
mod history; // tool `policy_history`
mod may; // who may write what
mod rollback; // tool `rollback_policy`
mod tools; // their definitions
mod trial; // tool `simulate_policies`
mod versions; // stored versions, compiled again
mod views; // tools `list_policies`, `get_policy`

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::domain::PolicyId;
use crate::policy_admin::{Compiler, Loosening, ReleaseStore, ReleasesUnread};
use crate::tools::{Fault, ToolError};

use super::mendable;

pub use change::NotReloaded;
pub(super) use check::check;
pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use difference::diff;
pub(super) use history::history;
pub(super) use may::needs_to_create;
pub(super) use rollback::rollback;
pub(super) use tools::definitions;
pub(super) use trial::simulate;
pub(super) use views::{get, list};

/// Makes versions of the policy, one after the other.
pub struct Policies {
    compiler: Compiler,
    store: Arc<dyn ReleaseStore>,
    loosening: Loosening,
    /// Guards the order of versions: held from the look at the live one until the next is acknowledged, so that the
    /// work between the two, which can take a while, keeps no other change of the situation waiting.
    turn: Mutex<()>,
}

impl Policies {
    /// What makes versions out of files and of what was created at run time.
    #[must_use]
    pub fn new(compiler: Compiler, store: Arc<dyn ReleaseStore>, loosening: Loosening) -> Self {
        Self {
            compiler,
            store,
            loosening,
            turn: Mutex::new(()),
        }
    }

    /// What every version is compiled for.
    #[must_use]
    pub const fn compiler(&self) -> &Compiler {
        &self.compiler
    }
}

fn unread(fault: &ReleasesUnread) -> ToolError {
    ToolError::Unavailable(fault.to_string())
}

fn unknown(id: &PolicyId) -> ToolError {
    mendable(
        Fault::Missing,
        "policy_not_found",
        format!("there is no policy `{id}`"),
        "list_policies names those there are",
    )
}

fn unknown_version(version: u64) -> ToolError {
    mendable(
        Fault::Missing,
        "version_not_found",
        format!("there is no version {version} of the policy"),
        "policy_history lists those there are",
    )
}

fn in_file(id: &PolicyId, place: &str, hint: &str) -> ToolError {
    mendable(
        Fault::Conflict,
        "policy_in_file",
        format!("policy `{id}` stands in a file ({place}), which only the file can change"),
        hint,
    )
}

/// Runs what takes a while on a thread of its own kind, so that calls go on.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|fault| Err(ToolError::Unavailable(fault.to_string())))
}
