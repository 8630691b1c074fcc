//! `policy check`, `policy test`, `policy simulate`, `policy explain`: on files alone, no gateway needed; `policy history`,
//! `policy rollback`: on the versions that a gateway has stored.

mod ask; // simulate, explain: one request
mod check; // errors and lint
mod history; // versions, and the way back to one
mod test; // suites

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::config::Config;
use crate::domain::{Timestamp, ToolFacts};
use crate::policy::{self, Finding, Loaded, Source};
use crate::tools::{CloudBackend, ToolBackend as _};
use crate::{clock, governance, policy_admin};

use super::client::Find;
use super::output::Format;
use super::{CliError, Exit};

/// What is asked when nothing is configured.
const DEFAULT_POLICY: &str = "policies/default.yaml";

/// `policyguard policy`.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say what is wrong with a policy, and what is probably not meant
    #[command(
        after_help = "Examples:\n  policyguard policy check\n  policyguard policy check policies/ --output json\n\nExits 3 when something is wrong; warnings alone exit 0."
    )]
    Check(check::CheckArgs),
    /// Run test suites
    #[command(
        after_help = "Examples:\n  policyguard policy test\n  policyguard policy test policies/default.test.yaml\n\nExits 4 when a case does not get its answer."
    )]
    Test(test::TestArgs),
    /// Decide one request, without running anything
    #[command(
        after_help = "Examples:\n  policyguard policy simulate --tool restart_service --arg service_name=cache\n  policyguard policy simulate --tool restart_service --trust low --mode EMERGENCY\n\nExits 5 when the answer is no."
    )]
    Simulate(ask::AskArgs),
    /// Decide one request and say how: every stage, every rule that applies, every one that nearly did
    #[command(
        after_help = "Example:\n  policyguard policy explain --tool delete_table --trust medium"
    )]
    Explain(ask::AskArgs),
    /// List the versions of the policy, newest first
    #[command(
        after_help = "Examples:\n  policyguard policy history\n  policyguard policy history --limit 5 --output json"
    )]
    History(history::HistoryArgs),
    /// Bring the runtime policies of an older version back, as a new version
    #[command(
        after_help = "Examples:\n  policyguard policy rollback 7\n  policyguard policy rollback 7 --reason 'deny-etl stopped the nightly load'\n\nPolicies in files stay as they are on disk."
    )]
    Rollback(history::RollbackArgs),
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &PolicyArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let desk = Desk::of(find.config)?;
    match &args.command {
        PolicyCommand::Check(args) => check::run(&desk, args, format),
        PolicyCommand::Test(args) => test::run(&desk, args, format),
        PolicyCommand::Simulate(args) => ask::simulate(&desk, args, format),
        PolicyCommand::Explain(args) => ask::explain(&desk, args, format),
        PolicyCommand::History(args) => history::history(find, args, format).await,
        PolicyCommand::Rollback(args) => history::rollback(find, args, format).await,
    }
}

/// What `policy check` would say of the configured policy: whether it loads, how many findings there are, and all in a
/// line.
pub(super) fn in_short(config: &Config) -> Result<(bool, usize, String), CliError> {
    check::in_short(&Desk::of(config)?)
}

/// What the commands work with: the policy that is meant, the tools there are, the time.
struct Desk {
    path: Option<PathBuf>,
    tools: Vec<ToolFacts>,
    now: Timestamp,
}

impl Desk {
    fn of(config: &Config) -> Result<Self, CliError> {
        Ok(Self {
            path: config.policies.clone(),
            tools: catalogue()?,
            now: clock_now(),
        })
    }

    /// The policy that is meant: the one named, else the configured one, else the default on disk, else the copy built in.
    fn sources(&self, named: Option<&Path>) -> Result<Vec<Source>, CliError> {
        let default = Path::new(DEFAULT_POLICY);
        let path = named
            .or(self.path.as_deref())
            .or_else(|| default.exists().then_some(default));
        match path {
            Some(path) => {
                policy_admin::read(path).map_err(|fault| CliError::Config(fault.to_string()))
            }
            None => Ok(policy_admin::embedded()),
        }
    }

    /// The policy that is meant, read and linted; every finding on stderr when it is refused.
    fn loaded(&self, named: Option<&Path>) -> Result<Loaded, CliError> {
        let sources = self.sources(named)?;
        let refuse = |findings: Vec<Finding>| CliError::Config(shown(&findings));
        policy::check(&sources, &self.tools, self.now).map_err(refuse)
    }
}

/// Every tool that a gateway without upstream servers has.
pub(super) fn catalogue() -> Result<Vec<ToolFacts>, CliError> {
    let cloud = CloudBackend::new(None).map_err(|fault| CliError::Unexpected(fault.to_string()))?;
    let definitions = cloud
        .definitions()
        .into_iter()
        .chain(governance::definitions());
    Ok(definitions.map(|definition| definition.facts).collect())
}

pub(super) fn clock_now() -> Timestamp {
    use crate::domain::Clock as _;
    clock::SystemClock::new().now()
}

/// Findings as people read them, one below the other.
fn shown(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}
