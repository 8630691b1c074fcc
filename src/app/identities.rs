//! Who is believed to be who.

use std::sync::Arc;

use crate::audit::Recorder;
use crate::config::{AuthMode, Config};
use crate::domain::{Clock, IdError};
use crate::identity::{CredentialAuthenticator, Keys, LocalAuthenticator};
use crate::storage::Store;

use super::OpenError;

/// The keys as the store has them.
pub(super) fn keys(store: &Store, recorder: &Recorder) -> Result<Arc<Keys>, OpenError> {
    let keys = Keys::open(&**store.states(), recorder.clone());
    let keys = keys.map_err(|fault| OpenError::Store(fault.to_string()))?;
    Ok(Arc::new(keys))
}

/// Who is believed to be who.
pub(super) fn authenticator(
    config: &Config,
    keys: &Arc<Keys>,
    clock: &Arc<dyn Clock>,
) -> Result<CredentialAuthenticator, OpenError> {
    let internal = |fault: IdError| OpenError::Internal(fault.to_string());
    let local = LocalAuthenticator::new(config.mcp_role.roles()).map_err(internal)?;
    let trusts_machine = config.auth == AuthMode::Local;
    let (keys, clock) = (Arc::clone(keys), Arc::clone(clock));
    let authenticator = CredentialAuthenticator::new(keys, clock, local, trusts_machine);
    if config.insecure {
        authenticator.letting_anyone_in().map_err(internal)
    } else {
        Ok(authenticator)
    }
}
