//! `demo`: what a gateway is for, told in a terminal by a gateway of its own.

mod page; // what is printed
mod request; // what is asked, as a reader could ask it
mod running; // the gateway
mod scratch; // where it keeps its state
mod steps; // the story
mod story; // who tells it
mod tamper; // somebody edits the record
mod told; // what each step must come to
mod traffic; // sample agents at work

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, Flags, by_flags, plain_terminal};
use crate::telemetry::{LogFormat, start_logs};

use super::serve::Signals;
use super::{CliError, Exit, Global};

use page::Page;
use running::Running;
use scratch::Scratch;
use story::Story;

/// How long a reader at a terminal has for each step.
const PAUSE: Duration = Duration::from_secs(2);

/// `policyguard demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DemoArgs {
    /// Keep the gateway running afterwards, with sample agents at work, until ctrl-c
    #[arg(long)]
    serve: bool,
    /// Tell it without pauses (what happens anyway when stdout is no terminal)
    #[arg(long)]
    fast: bool,
}

const EXAMPLES: &str = "Examples:
  policyguard demo                         the story, in half a minute
  policyguard demo --serve --port 8000     the story, then a gateway to play with
  policyguard demo --policies policies/    the story under policies of your own

It needs no network, reads neither policyguard.yaml nor the environment, and leaves nothing behind.
It exits with 0 only if every step came out as told.";

/// Tells the story, and removes what it needed whatever came of it.
pub(super) async fn run(args: &DemoArgs, global: &Global) -> Result<Exit, CliError> {
    refuse_settings(global)?;
    start_logs(
        global.log_level.as_deref().unwrap_or("error"),
        LogFormat::default(),
    )
    .map_err(|fault| CliError::Config(format!("`log.level`: {fault}")))?;
    // Before anything is there: whoever interrupts leaves nothing behind either.
    let mut interrupts = Interrupts::listen()?;
    let scratch = Scratch::make()?;
    let told = tell(args, global, &scratch, &mut interrupts).await;
    let removed = scratch.remove();
    told.and_then(|exit| removed.map(|()| exit))
}

/// The demo makes its own surroundings; a setting that it does not heed is a mistake.
fn refuse_settings(global: &Global) -> Result<(), CliError> {
    let unheeded = [
        ("--config", global.config.is_some()),
        ("--host", global.host.is_some()),
        ("--data-dir", global.data_dir.is_some()),
        ("--tls-cert", global.tls_cert.is_some()),
        ("--tls-key", global.tls_key.is_some()),
        ("--transport", global.transport.is_some()),
        ("--auth", global.auth.is_some()),
        ("--mcp-role", global.mcp_role.is_some()),
    ];
    match unheeded.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(CliError::Usage(format!(
            "`{flag}` changes nothing here: the demo starts a gateway of its own\n  \
             hint: leave it out; --port and --policies are heeded"
        ))),
    }
}

/// The configuration of the demo's gateway.
fn configuration(global: &Global, scratch: &Scratch) -> Result<Config, CliError> {
    let policies = match &global.policies {
        Some(policies) => policies.clone(),
        None => scratch.built_in_policy()?.display().to_string(),
    };
    let values = [
        (
            "server.port",
            global.port.clone().unwrap_or_else(|| "0".to_owned()),
        ),
        ("data_dir", scratch.data_dir().display().to_string()),
        ("policies", policies),
    ];
    Ok(by_flags(&Flags {
        config: None,
        values: values.into(),
    })?)
}

async fn tell(
    args: &DemoArgs,
    global: &Global,
    scratch: &Scratch,
    interrupts: &mut Interrupts,
) -> Result<Exit, CliError> {
    let begun = Instant::now();
    let mut config = configuration(global, scratch)?;
    let terminal = std::io::stdout().is_terminal();
    let pause = if terminal && !args.fast {
        PAUSE
    } else {
        Duration::ZERO
    };
    let page = Page::new(std::io::stdout(), terminal && !plain_terminal());
    let mut story = Story::new(page, pause);
    let running = Running::open(&config).await?;
    // The second gateway, after the first is stopped, is found where the first was.
    config.port = running.port();
    let told = tokio::select! {
        told = story.tell(&running, global.policies.is_none()) => told,
        () = interrupts.wait() => Err(story.interrupted()),
    };
    running.stop().await;
    told?;
    story.tamper(scratch)?;
    story.all_came_out(begun.elapsed(), args.serve)?;
    if args.serve {
        keep(&config, &mut story, interrupts).await?;
    }
    Ok(Exit::Ok)
}

/// Keeps a gateway over the story's state, with agents at work, until somebody interrupts.
async fn keep(
    config: &Config,
    story: &mut Story,
    interrupts: &mut Interrupts,
) -> Result<(), CliError> {
    let running = Running::open(config).await?;
    let kept = async {
        traffic::introduce(running.gateway()).await?;
        story.invite(&running, &config.data_dir)?;
        tokio::select! {
            ended = traffic::run(running.gateway()) => ended,
            fatal = running.broken() => Err(CliError::Unexpected(fatal.to_string())),
            () = interrupts.wait() => Ok(()),
        }
    }
    .await;
    running.stop().await;
    kept
}

/// What asks the demo to end: the signals that end a gateway, and a terminal that is closed.
struct Interrupts {
    signals: Signals,
    hangup: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            signals: Signals::listen()?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            () = self.signals.wait() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
