//! Who is believed to be who.

use std::sync::Arc;

use crate::audit::Recorder;
use crate::config::{AuthMode, Config};
use crate::domain::{Clock, IdError};
use crate::identity::{CredentialAuthenticator, Keys, LocalAuthenticator, Tokens};
use crate::outbound::KeySets;
use crate::storage::Store;
use crate::transport::rest::Resource;

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
    let tokens = tokens(config, &clock)?;
    let authenticator = CredentialAuthenticator::new(keys, clock, local, trusts_machine);
    let authenticator = authenticator.believing(tokens);
    if config.insecure {
        authenticator.letting_anyone_in().map_err(internal)
    } else {
        Ok(authenticator)
    }
}

/// The verifier of tokens, if any issuer is configured.
fn tokens(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Tokens>, OpenError> {
    if config.issuers.is_empty() {
        return Ok(None);
    }
    let source = Arc::new(KeySets);
    let tokens = Tokens::new(config.issuers.clone(), source, Arc::clone(clock));
    tokens
        .map(Some)
        .map_err(|fault| OpenError::Unsafe(format!("`jwt.issuers`: {fault}")))
}

/// What is said of tokens that open the gateway.
pub(super) fn resource(config: &Config) -> Resource {
    let names = config.issuers.iter().map(|issuer| issuer.issuer.clone());
    let first = config.issuers.first();
    Resource {
        audience: first.map_or_else(String::new, |issuer| issuer.audience.clone()),
        issuers: names.collect(),
    }
}
