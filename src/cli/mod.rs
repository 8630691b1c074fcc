//! The command line: every command, its flags and its exit code.

mod agent; // agent list | show | register | suspend | reinstate
mod audit; // audit tail | query | verify
mod audit_page; // its pages
mod audit_stream; // audit stream
mod backup; // backup, restore
mod client; // where a command finds its gateway
mod cloud; // cloud reset
mod config; // config show
mod connect; // connect
mod demo; // demo
mod descriptors; // how many files may be open
mod doctor; // doctor
mod exit; // exit codes
mod health; // health
mod hook; // hook claude-code
mod incidents; // incidents list | show | ack | resolve
mod init; // init
mod keys; // credentials
mod lockdown; // lockdown on | off | --drill
mod man; // man
mod mode; // mode get | set
mod output; // text for people, JSON for machines
mod policy; // policy check | simulate | explain | test
mod serve; // serve
mod stdio; // stdio
mod totp; // second factors of people
mod users; // people

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::config::{Config, Flags, Transport, load};
use crate::telemetry::start_logs;

pub use exit::{CliError, Exit};

/// A policy gateway between AI agents and the tools they call.
///
/// Without a command it serves: HTTP on 127.0.0.1:8000, policy from policies/default.yaml, state in data/.
#[derive(Debug, Parser)]
#[command(name = "policyguard", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  policyguard                                   serve on http://127.0.0.1:8000
  policyguard demo                              see in half a minute what it is for
  policyguard mode set EMERGENCY --reason 'the cache is down' --for 10m
  policyguard lockdown on --reason 'agent out of control'
  policyguard policy check policies/
  policyguard audit verify

Exit codes: 0 ok, 1 unexpected, 2 usage, 3 configuration or policy invalid, 4 policy tests failed,
5 denied, 6 audit chain broken, 7 server unreachable, 78 unsafe configuration refused.";

/// Settings and output; each setting can also stand in policyguard.yaml or in the environment.
#[derive(Debug, Args)]
struct Global {
    /// Configuration file (default: policyguard.yaml, if it is there)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, global = true, help_heading = "Settings")]
    host: Option<String>,
    /// Port to listen on; 0 lets the system choose [default: 8000]
    #[arg(long, global = true, help_heading = "Settings")]
    port: Option<String>,
    /// Where state is kept [default: data]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Settings")]
    data_dir: Option<String>,
    /// Policy file or folder [default: policies/default.yaml, else the copy built in]
    #[arg(long, global = true, value_name = "PATH", help_heading = "Settings")]
    policies: Option<String>,
    /// Certificate of the gateway, PEM; callers then speak https
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    tls_cert: Option<String>,
    /// Private key of that certificate, PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    tls_key: Option<String>,
    /// Doors to open: http, stdio or both [default: http]
    #[arg(long, global = true, help_heading = "Settings")]
    transport: Option<String>,
    /// Who is believed to be who: local or credentials [default: local]
    #[arg(long, global = true, help_heading = "Settings")]
    auth: Option<String>,
    /// Let callers without a credential in, as agent `anonymous` with trust low
    #[arg(long, global = true, help_heading = "Settings")]
    insecure: bool,
    /// What models over MCP may do with the gateway: agent, operator, admin [default: agent]
    #[arg(long, global = true, value_name = "ROLE", help_heading = "Settings")]
    mcp_role: Option<String>,
    /// error, warn, info, debug, trace [default: info]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Settings")]
    log_level: Option<String>,
    /// text or json [default: text]
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Settings")]
    log_format: Option<String>,
    /// Gateway to talk to [default: the one that owns the data directory]
    #[arg(long, global = true, env = "POLICYGUARD_URL", help_heading = "Output")]
    url: Option<String>,
    /// How results are printed
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Output"
    )]
    output: output::Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (what happens without a command)
    Serve,
    /// Serve MCP on standard input and output
    Stdio(stdio::Identity),
    /// Tell in half a minute what a gateway is for, with a gateway of its own
    Demo(demo::DemoArgs),
    /// Write a configuration, a policy and its tests, to be changed from there
    Init(init::InitArgs),
    /// Look at everything that a start depends on, and say what mends it
    Doctor(doctor::DoctorArgs),
    /// Show or switch the mode of operation
    Mode(mode::ModeArgs),
    /// Look after the agents: who they are, what they may, whether they may at all
    Agent(agent::AgentArgs),
    /// Make, list, rotate and revoke API keys
    Keys(keys::KeysArgs),
    /// Look after the people who work with the gateway
    Users(users::UsersArgs),
    /// Enroll people for codes that some modes, and the end of a lockdown, take
    Totp(totp::TotpArgs),
    /// Halt everything but status reads, lift it again, or prove that it would work
    Lockdown(lockdown::LockdownArgs),
    /// Check, test, simulate and explain policies
    Policy(policy::PolicyArgs),
    /// Read and verify the audit trail
    Audit(audit::AuditArgs),
    /// See and settle what somebody should look at
    Incidents(incidents::IncidentsArgs),
    /// Write everything that the data directory keeps into one file, also while a gateway works on it
    Backup(backup::BackupArgs),
    /// Put a backup into a data directory that has no store
    Restore(backup::RestoreArgs),
    /// The simulated cloud
    Cloud(cloud::CloudArgs),
    /// Point a client at the gateway: show what its configuration takes, or write it
    Connect(connect::ConnectArgs),
    /// Answer for a coding agent whether it may use a tool
    Hook(hook::HookArgs),
    /// Ask a running gateway whether it is well
    Health,
    /// Show the configuration
    Config(config::ConfigArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual pages
    Man(man::ManArgs),
    /// Print the version
    Version,
}

/// The grammar of the command line, with what it says of itself.
#[must_use]
pub fn grammar() -> clap::Command {
    Cli::command()
}

/// Runs the command line to its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(fault) => {
            drop(fault.print());
            return if fault.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Ok.into()
            };
        }
    };
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        // `policyguard audit query | head`: whoever reads has read enough.
        Err(CliError::Io(fault)) if fault.kind() == std::io::ErrorKind::BrokenPipe => {
            Exit::Ok.into()
        }
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error}"));
            error.exit().into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit, CliError> {
    let Cli { global, command } = cli;
    let format = global.output;
    match &command {
        Some(Command::Completions { shell }) => {
            // Into memory first: the generator panics where stdout is closed early.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut grammar(), "policyguard", &mut script);
            std::io::stdout().write_all(&script)?;
            return Ok(Exit::Ok);
        }
        Some(Command::Version) => {
            writeln!(
                std::io::stdout(),
                "policyguard {}",
                env!("CARGO_PKG_VERSION")
            )?;
            return Ok(Exit::Ok);
        }
        Some(Command::Man(args)) => return man::run(grammar(), args),
        Some(Command::Init(args)) => return init::run(args, format),
        Some(Command::Doctor(_)) => return doctor::run(&flags(&global), format),
        Some(Command::Demo(args)) => return block_on(demo::run(args, &global)),
        Some(Command::Hook(args)) => return Ok(hook::run(args, &global)),
        Some(Command::Keys(args)) => {
            if let Some(done) = keys::new(args) {
                return done;
            }
        }
        _ => {}
    }
    let config = configure(&global, command.as_ref())?;
    let find = client::Find {
        config: &config,
        url: global.url.clone(),
    };
    match command {
        None | Some(Command::Serve) if config.transport == Transport::Stdio => {
            let identity = stdio::Identity::local(config.mcp_role);
            block_on(stdio::run(&config, global.url, identity))
        }
        None | Some(Command::Serve) => block_on(serve::run(&config)),
        Some(Command::Stdio(identity)) => block_on(stdio::run(&config, global.url, identity)),
        Some(Command::Mode(args)) => block_on(mode::run(&find, &args, format)),
        Some(Command::Agent(args)) => block_on(agent::run(&find, &args, format)),
        Some(Command::Keys(args)) => block_on(keys::run(&find, &args, format)),
        Some(Command::Users(args)) => block_on(users::run(&find, &args, format)),
        Some(Command::Totp(args)) => block_on(totp::run(&find, &args, format)),
        Some(Command::Lockdown(args)) => block_on(lockdown::run(&find, &args, format)),
        Some(Command::Policy(args)) => block_on(policy::run(&find, &args, format)),
        Some(Command::Audit(args)) => block_on(audit::run(&find, &args, format)),
        Some(Command::Incidents(args)) => block_on(incidents::run(&find, &args, format)),
        Some(Command::Backup(args)) => backup::back_up(&find, &args, format),
        Some(Command::Restore(args)) => block_on(backup::restore(&find, &args, format)),
        Some(Command::Cloud(args)) => block_on(cloud::run(&find, &args, format)),
        Some(Command::Connect(args)) => connect::run(&find, &args, format),
        Some(Command::Health) => block_on(health::run(&find, format)),
        Some(Command::Config(args)) => config::run(&config, &args, format),
        Some(
            Command::Completions { .. }
            | Command::Version
            | Command::Man(_)
            | Command::Init(_)
            | Command::Doctor(_)
            | Command::Demo(_)
            | Command::Hook(_),
        ) => Ok(Exit::Ok),
    }
}

/// What the command line says of the configuration.
fn flags(global: &Global) -> Flags {
    let named = [
        ("server.host", &global.host),
        ("server.port", &global.port),
        ("data_dir", &global.data_dir),
        ("policies", &global.policies),
        ("tls.cert", &global.tls_cert),
        ("tls.key", &global.tls_key),
        ("transport", &global.transport),
        ("auth", &global.auth),
        ("mcp.role", &global.mcp_role),
        ("log.level", &global.log_level),
        ("log.format", &global.log_format),
    ];
    let insecure = global.insecure.then(|| ("insecure", "true".to_owned()));
    let values = named
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.clone()?)))
        .chain(insecure)
        .collect();
    Flags {
        config: global.config.clone(),
        values,
    }
}

/// Loads the configuration and starts the logs; commands other than `serve` log warnings only.
fn configure(global: &Global, command: Option<&Command>) -> Result<Config, CliError> {
    let config = load(&flags(global))?;
    let serving = matches!(command, None | Some(Command::Serve));
    let asked = global.log_level.is_some();
    let level = if serving || asked {
        config.log_level.as_str()
    } else {
        "warn"
    };
    start_logs(level, config.log_format)
        .map_err(|fault| CliError::Config(format!("`log.level`: {fault}")))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn block_on(work: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(work);
    // A task that does not end must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}
