//! The one HTTP client: whatever leaves this process over HTTP leaves here.

use std::path::Path;
use std::time::Duration;

/// How long an answer may take; verifying a long trail takes longest.
const DEADLINE: Duration = Duration::from_mins(5);

/// A client that talks to a gateway at an address.
///
/// # Errors
/// When the system gives no client.
pub fn client() -> reqwest::Result<reqwest::Client> {
    builder().build()
}

/// A client that talks to the gateway behind this socket, whatever host its addresses name.
///
/// # Errors
/// When the system gives no client.
pub fn socket_client(socket: &Path) -> reqwest::Result<reqwest::Client> {
    builder().unix_socket(socket).build()
}

fn builder() -> reqwest::ClientBuilder {
    // A gateway never redirects, and a proxy of the environment has no business between a command and its gateway.
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(DEADLINE)
}
