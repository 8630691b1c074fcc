//! The first station: who calls.

use crate::audit::Caller;
use crate::identity::{Credentials, Identity};

use super::{Pipeline, Unanswered};

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
}
