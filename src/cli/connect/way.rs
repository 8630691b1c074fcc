//! How a client reaches the gateway: its address, or this program with the flags that make it the same anywhere.

use std::path::Path;

use crate::cli::client::Find;
use crate::cli::{CliError, stdio};
use crate::config::{Config, ValueOrigin};

use super::ConnectArgs;
use super::clients::Way;

/// How the client is to reach the gateway.
pub(super) fn to_gateway(find: &Find<'_>, args: &ConnectArgs) -> Result<Way, CliError> {
    if !args.stdio && args.client.speaks_http() {
        return Ok(Way::Http(match &find.url {
            Some(url) => mcp_address(url)?,
            None => own_address(find.config)?,
        }));
    }
    let mut arguments = vec!["stdio".to_owned()];
    match &find.url {
        Some(url) => arguments.extend(["--url".to_owned(), mcp_address(url)?]),
        None => arguments.extend(local_flags(find.config)?),
    }
    Ok(Way::Stdio(program()?, arguments))
}

/// The flags that make this configuration from wherever a client starts us.
pub(super) fn local_flags(config: &Config) -> Result<Vec<String>, CliError> {
    let mut flags = Vec::new();
    let file = config
        .resolved
        .iter()
        .find_map(|setting| match &setting.origin {
            ValueOrigin::File(file) => Some(file),
            ValueOrigin::Default | ValueOrigin::Environment(_) | ValueOrigin::Flag(_) => None,
        });
    if let Some(file) = file {
        flags.extend(["--config".to_owned(), whole(file)?]);
    }
    // Said again even if the file says them: what is relative there would mean another place.
    flags.extend(["--data-dir".to_owned(), whole(&config.data_dir)?]);
    if let Some(policies) = &config.policies {
        flags.extend(["--policies".to_owned(), whole(policies)?]);
    }
    Ok(flags)
}

/// The address of a named gateway, with the path of MCP.
fn mcp_address(url: &str) -> Result<String, CliError> {
    Ok(format!("{}/mcp", gateway_address(url)?))
}

/// The address of a named gateway, which goes into a file.
pub(super) fn gateway_address(url: &str) -> Result<String, CliError> {
    if url.contains(['@', '?', '#']) {
        return Err(CliError::Usage(
            "an address that goes into a file holds no key: write http://HOST:PORT or https://HOST:PORT"
                .to_owned(),
        ));
    }
    stdio::address(url)
}

/// The address at which the gateway of this configuration listens.
fn own_address(config: &Config) -> Result<String, CliError> {
    if config.port == 0 {
        return Err(CliError::Usage(
            "the system chooses the port of the gateway: name it with --url".to_owned(),
        ));
    }
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let host = match config.host.as_str() {
        "0.0.0.0" | "::" | "[::]" => "127.0.0.1".to_owned(),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Ok(format!("{scheme}://{host}:{}/mcp", config.port))
}

/// This program, with its whole path: windows start programs without the paths of a shell.
pub(super) fn program() -> Result<String, CliError> {
    whole(&std::env::current_exe()?)
}

/// The path from the root, as text.
fn whole(path: &Path) -> Result<String, CliError> {
    let path = std::path::absolute(path)?;
    path.to_str().map(str::to_owned).ok_or_else(|| {
        CliError::Usage(format!(
            "`{}` is no text that a file could hold",
            path.display()
        ))
    })
}
