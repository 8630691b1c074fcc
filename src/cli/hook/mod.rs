//! `hook claude-code`: answers for a coding agent whether it may use a tool of its own.
//!
//! The engine answers, this only carries question and answer. Whatever goes wrong on the way is a no: a hook that
//! fails in any other way is one that Claude Code goes on without.

mod answer; // what Claude Code is told
mod event; // what Claude Code asks
mod files; // the engine over policy files
mod gateway; // the engine of a running gateway

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::config::{Config, ValueOrigin, load_named};
use crate::domain::TrustLevel;
use crate::governance::LOCKDOWN_FILE;
use crate::storage;

use super::client::{Find, served};
use super::{CliError, Exit, Global, block_on, flags};

use answer::{Answer, Verdict};
use event::Event;

/// How long an answer may take, with everything.
const DEADLINE: Duration = Duration::from_secs(5);
/// The agent that is asked about when nobody names one.
const AGENT: &str = "claude-code";

/// `policyguard hook`.
#[derive(Debug, Args)]
pub(super) struct HookArgs {
    #[command(subcommand)]
    agent: HookAgent,
}

#[derive(Debug, Subcommand)]
enum HookAgent {
    /// Read a `PreToolUse` event of Claude Code from standard input and answer it
    #[command(
        after_help = "Examples:\n  policyguard connect claude-code --hook --write\n  policyguard hook claude-code --data-dir /srv/gate < event.json\n\nIt answers allow, deny or ask, and denies whatever it cannot decide."
    )]
    ClaudeCode(ClaudeCodeArgs),
}

#[derive(Debug, Args)]
struct ClaudeCodeArgs {
    /// Agent that is asked about [default: claude-code; with a key the key's own]
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Its trust where no gateway knows the agent: low, medium, high, admin
    #[arg(long, value_name = "LEVEL", default_value = "low", value_parser = trust)]
    trust: TrustLevel,
    /// What is answered when nothing could be decided
    #[arg(long, value_enum, default_value_t = Otherwise::Deny)]
    on_error: Otherwise,
    /// What is answered when a person has to agree [default: ask; with a key deny]
    #[arg(long, value_enum)]
    on_approval: Option<Otherwise>,
}

/// What is answered instead of an allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Otherwise {
    /// The tool is not used
    Deny,
    /// Claude Code asks the person in front of it
    Ask,
}

/// Answers one event. What cannot even be answered ends with 2, the one code that Claude Code takes for a no.
pub(super) fn run(args: &HookArgs, global: &Global) -> Exit {
    let HookAgent::ClaudeCode(args) = &args.agent;
    let answered = block_on(async {
        let answer = match decide(args, global).await {
            Ok(answer) => answer,
            Err(fault) => args.undecided(&fault),
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", answer.to_json())?;
        stdout.flush()?;
        Ok(Exit::Ok)
    });
    answered.unwrap_or_else(|fault| {
        drop(writeln!(std::io::stderr(), "policyguard: {fault}"));
        Exit::Usage
    })
}

/// Why there is no decision.
type Fault = String;

/// What is answered to the event on standard input.
async fn decide(args: &ClaudeCodeArgs, global: &Global) -> Result<Answer, Fault> {
    let asking = Asking {
        agent: args.agent.clone(),
        trust: args.trust,
        url: global.url.clone(),
    };
    // Loaded while nobody waits, so that a fault in it is answered, too.
    let config = load_named(&flags(global)).map_err(|fault| CliError::from(fault).to_string());
    let has_key = config.as_ref().is_ok_and(|config| config.api_key.is_some());
    let work = async move {
        // Read to its end whatever comes of it: Claude Code takes a pipe that breaks for a hook that fails.
        let bytes = tokio::task::spawn_blocking(event::read)
            .await
            .map_err(|broken| broken.to_string())?;
        let (bytes, config) = (bytes?, config?);
        asking
            .ask(&config, &Event::of(&bytes, config.body_limit)?)
            .await
    };
    // A task of its own, so that a panic in it is answered like any other fault.
    let verdict = match tokio::time::timeout(DEADLINE, tokio::spawn(work)).await {
        Ok(ended) => ended.map_err(|broken| broken.to_string())??,
        Err(_) => return Err(format!("no decision within {} s", DEADLINE.as_secs())),
    };
    Ok(verdict.answer(args.on_approval(has_key)))
}

/// Who asks, and where.
struct Asking {
    agent: Option<String>,
    trust: TrustLevel,
    url: Option<String>,
}

impl Asking {
    /// The verdict of the gateway that is named or owns the data directory; of the policy files where no gateway ever was.
    async fn ask(self, config: &Config, event: &Event) -> Result<Verdict, Fault> {
        if let (Some(url), Some(flag)) = (&self.url, place_by_flag(config)) {
            return Err(format!(
                "`{url}` (--url or POLICYGUARD_URL) and {flag} name two places to ask; leave one of them out"
            ));
        }
        let find = Find {
            config,
            url: self.url.clone(),
        };
        if find.is_remote() || is_there(config)? {
            let agent = match &self.agent {
                Some(agent) => Some(agent.as_str()),
                None if config.api_key.is_some() => None,
                None => Some(AGENT),
            };
            return gateway::ask(&find, agent, event).await;
        }
        let policies = config.policies.clone().ok_or(
            "no gateway runs there, and no policy is named: start one with `policyguard serve`, or name files with --policies",
        )?;
        check_whole("--policies", &policies)?;
        let agent = self.agent.unwrap_or_else(|| AGENT.to_owned());
        files::decide(&policies, &agent, self.trust, event)
    }
}

/// The flag that names a place of this machine, which an address from the environment must not go before.
fn place_by_flag(config: &Config) -> Option<&'static str> {
    let places = config.resolved.iter();
    let mut places = places.filter(|setting| matches!(setting.key, "data_dir" | "policies"));
    places.find_map(|setting| match setting.origin {
        ValueOrigin::Flag(flag) => Some(flag),
        ValueOrigin::Default | ValueOrigin::File(_) | ValueOrigin::Environment(_) => None,
    })
}

/// Whether a gateway serves the data directory. One that it has left takes with it what counts beside the files (mode,
/// lockdown, suspensions), so that nothing can be decided until it is back.
fn is_there(config: &Config) -> Result<bool, Fault> {
    let named = |key: &str| {
        let setting = config.resolved.iter().find(|setting| setting.key == key);
        setting.is_some_and(|setting| setting.origin != ValueOrigin::Default)
    };
    if !named("data_dir") {
        if named("policies") {
            return Ok(false);
        }
        return Err(
            "say where the gateway is, with --url or --data-dir, or name policy files with --policies; \
             `policyguard connect claude-code --hook` writes it down"
                .to_owned(),
        );
    }
    let folder = &config.data_dir;
    check_whole("--data-dir", folder)?;
    let shown = folder.display();
    let unseen = |fault: &dyn fmt::Display| {
        format!("whether a gateway serves `{shown}` cannot be seen by this user: {fault}")
    };
    if served(config).map_err(|fault| unseen(&fault))? {
        return Ok(true);
    }
    let halted = folder.join(LOCKDOWN_FILE).try_exists();
    if storage::holds_store(folder).map_err(|fault| unseen(&fault))?
        || halted.map_err(|fault| unseen(&fault))?
    {
        return Err(format!(
            "the gateway of `{shown}` does not run: start it with `policyguard serve --data-dir`"
        ));
    }
    Ok(false)
}

/// Refuses a path that means something else in every directory: the agent may write in the one where it works.
fn check_whole(flag: &str, path: &Path) -> Result<(), Fault> {
    if path.is_absolute() {
        Ok(())
    } else {
        let path = path.display();
        Err(format!(
            "{flag} `{path}` is no whole path: it would lead into the directory of the agent"
        ))
    }
}

impl ClaudeCodeArgs {
    /// What is answered when a person has to agree. In front of a gateway of one's own sits its operator, who may;
    /// with a key the agreement is somebody else's.
    fn on_approval(&self, has_key: bool) -> Otherwise {
        self.on_approval.unwrap_or(if has_key {
            Otherwise::Deny
        } else {
            Otherwise::Ask
        })
    }

    fn undecided(&self, fault: &Fault) -> Answer {
        Answer::undecided(self.on_error, fault)
    }
}

fn trust(text: &str) -> Result<TrustLevel, String> {
    TrustLevel::parse(text).ok_or_else(|| "write low, medium, high or admin".to_owned())
}
