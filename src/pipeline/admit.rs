//! The first station: who calls.

use serde_json::Value;

use crate::audit::{Caller, Door};
use crate::decision_point::NotRegistered;
use crate::domain::Authentication;
use crate::identity::{Credentials, Identity, Kind};

use super::{Call, Pipeline, Unanswered};

impl Pipeline {
    /// Tells who calls.
    ///
    /// # Errors
    /// When the credential is not accepted; the refusal is counted on the trail.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        credentials: &Credentials,
    ) -> Result<Identity, Unanswered> {
        self.authenticator
            .authenticate(caller.door, credentials)
            .map_err(|_| {
                self.recorder.refused(caller, "unauthenticated");
                Unanswered::Unauthenticated
            })
    }

    /// Registers an agent that nobody knows by its first call (`spec/identity.md`, "Agents"); a question is none.
    ///
    /// # Errors
    /// When too many have registered themselves, or it cannot be written.
    pub(super) async fn welcome(&self, call: &Call, identity: &Identity) -> Result<(), Unanswered> {
        let proved = matches!(
            identity.authentication,
            Authentication::Key | Authentication::Token
        );
        let newcomer = identity.kind == Kind::Agent
            && proved
            && self.auto_register
            && !only_asks(call)
            && self.registry.stamp(&identity.id) == 0;
        if !newcomer {
            return Ok(());
        }
        let registered = self.decision_point.gate().register_unknown(&identity.id);
        registered.await.map_err(|fault| match fault {
            NotRegistered::Full(_) => {
                self.note_refused(&call.caller, "registry_full");
                Unanswered::Full(fault.to_string())
            }
            NotRegistered::Unwritten(why) => Unanswered::Unregistered(why.to_string()),
        })
    }
}

/// Whether the call does nothing but ask what would be.
fn only_asks(call: &Call) -> bool {
    let dry_run = call.arguments.get("dry_run").and_then(Value::as_bool);
    call.shadow
        || call.caller.door == Door::Authzen
        || matches!(call.tool.as_str(), "simulate_action" | "list_allowed_tools")
        || call.tool == "validate_action" && dry_run == Some(true)
}
