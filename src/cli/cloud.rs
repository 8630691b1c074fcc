//! `cloud reset`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{Find, finish};
use super::output::{self, Format, member};
use super::{CliError, Exit};

/// `policyguard cloud`.
#[derive(Debug, Args)]
pub(super) struct CloudArgs {
    #[command(subcommand)]
    command: CloudCommand,
}

#[derive(Debug, Subcommand)]
enum CloudCommand {
    /// Put the simulated cloud back to its first state
    Reset,
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &CloudArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let CloudCommand::Reset = args.command;
    let gateway = find.gateway().await?;
    let result = async {
        let answer = gateway
            .post("/infrastructure/reset", &json!({}))
            .await?
            .success()?;
        output::print(format, &answer, || member(&answer, "message"))?;
        Ok(Exit::Ok)
    }
    .await;
    finish(gateway, result).await
}
