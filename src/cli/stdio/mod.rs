//! `stdio`: MCP on standard input and output, for editors that start a program.
//!
//! It is a bridge in any case: to a named gateway, to the process that owns the data directory, or to this process,
//! which then serves the directory to others too. So it is one road, and sessions outlive whoever owns it.

mod bridge; // messages there and back
mod lines; // lines in and out
mod reach; // where the gateway is
mod talk; // what was agreed on

use crate::config::Config;
use crate::domain::AgentId;

use super::serve::Signals;
use super::{CliError, Exit};

use bridge::Bridge;

pub(super) use reach::{At, Identity, Reach};

/// Serves until the input ends.
pub(super) async fn run(
    config: &Config,
    url: Option<String>,
    identity: Identity,
) -> Result<Exit, CliError> {
    let agent = &identity.agent;
    AgentId::parse(agent).map_err(|fault| CliError::Usage(format!("--agent: {fault}")))?;
    let at = match url {
        Some(url) => At::Url(address(&url)?),
        None => At::Socket(identity),
    };
    let mut signals = Signals::listen()?;
    let reach = Reach::to(at, config.clone());
    // What is wrong with the configuration is said now, not to the first message.
    reach.find().await?;
    carry(reach, config.body_limit, signals.wait()).await;
    Ok(Exit::Ok)
}

/// Carries messages until the input ends, or somebody asks to stop.
pub(super) async fn carry(reach: Reach, limit: usize, stop: impl Future<Output = ()>) {
    let lines = lines::read(std::io::BufReader::new(std::io::stdin()), limit);
    let (out, writing) = lines::write(std::io::stdout());
    let bridge = Bridge::new(reach, out, limit);
    tokio::select! {
        () = bridge.run(lines) => {}
        () = stop => {}
    }
    bridge.end().await;
    drop(bridge);
    if tokio::task::spawn_blocking(|| writing.join())
        .await
        .is_err()
    {
        tracing::error!("the last answers may not be written");
    }
}

/// The address without `/mcp`, which people copy along.
pub(super) fn address(url: &str) -> Result<String, CliError> {
    let base = url.trim_end_matches('/');
    let base = base.strip_suffix("/mcp").unwrap_or(base);
    if base.starts_with("http://") || base.starts_with("https://") {
        return Ok(base.to_owned());
    }
    Err(CliError::Usage(format!(
        "`{url}` is not an address of a gateway: write http://HOST:PORT/mcp or https://HOST:PORT/mcp"
    )))
}
