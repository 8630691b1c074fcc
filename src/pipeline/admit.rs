//! The first station: who calls.

use crate::identity::Identity;

use super::{Call, Pipeline, Unanswered};

impl Pipeline {
    /// Tells who calls.
    ///
    /// # Errors
    /// When the credential is not accepted; the refusal is counted on the trail.
    pub(super) fn admit(&self, call: &Call) -> Result<Identity, Unanswered> {
        self.authenticator
            .authenticate(call.caller.door, call.credentials)
            .map_err(|_| {
                self.recorder.refused(&call.caller, "unauthenticated");
                Unanswered::Unauthenticated
            })
    }
}
