//! `audit stream`: records as they are written, one JSON object a line.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::outbound::{EventReader, Events};

use super::client::{Find, Gateway, Reply};
use super::descriptors::nobody_reads_stdout;
use super::{CliError, Exit};

const PATH: &str = "/api/v1/audit/stream";
/// How long it waits before it calls again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often in a row a stream that was open is called again in vain.
const TRIES: u32 = 30;
/// How often it looks whether anybody reads.
const LOOK: Duration = Duration::from_millis(200);

/// What `audit stream` begins with.
#[derive(Debug, Args)]
pub(super) struct StreamArgs {
    /// Begin behind the record of this id, instead of with what is recorded from now on
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

/// Prints records until it is interrupted, or nobody reads them any more.
pub(super) async fn run(find: &Find<'_>, args: &StreamArgs) -> Result<Exit, CliError> {
    tokio::select! {
        end = print(find, args) => end,
        // Without this, `audit stream | head` would end with the record after the last one that `head` wants.
        () = unread() => Ok(Exit::Ok),
    }
}

async fn unread() {
    while !nobody_reads_stdout() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Prints records; a stream that breaks is resumed behind the last record printed.
async fn print(find: &Find<'_>, args: &StreamArgs) -> Result<Exit, CliError> {
    let gateway = find.running()?;
    let mut last = args.after.clone();
    let mut events = open(&gateway, last.as_deref()).await?;
    let mut failed = 0;
    loop {
        let end = follow(&mut events, &mut last).await?;
        if let Some(why) = end {
            return Err(CliError::Denied(format!("the stream was ended: {why}")));
        }
        events = loop {
            tokio::time::sleep(PAUSE).await;
            match open(&gateway, last.as_deref()).await {
                Ok(events) => break events,
                Err(CliError::Unreachable { .. }) if failed < TRIES => failed += 1,
                Err(fault) => return Err(fault),
            }
        };
        failed = 0;
    }
}

async fn open(gateway: &Gateway, after: Option<&str>) -> Result<Events, CliError> {
    let mut events = gateway.events(PATH, after).await?;
    if events.status() == 200 {
        return Ok(events);
    }
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = events.next().await {
        body.extend(bytes);
    }
    let reply = Reply {
        status: events.status(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    reply.success()?;
    Err(CliError::Unexpected(
        "the gateway did not open a stream".to_owned(),
    ))
}

/// Prints what comes until the stream ends; says why when it is not to be resumed.
async fn follow(
    events: &mut Events,
    last: &mut Option<String>,
) -> Result<Option<String>, CliError> {
    let mut reader = EventReader::default();
    // A connection that breaks is like one that ends: what came is printed, and it is resumed.
    while let Ok(Some(bytes)) = events.next().await {
        for event in reader.read(&bytes) {
            if event.name == "refused" {
                return Ok(Some(reason(&event.data)));
            }
            if event.name == "record" {
                writeln!(std::io::stdout(), "{}", event.data)?;
            }
            if !event.id.is_empty() {
                *last = Some(event.id);
            }
        }
    }
    Ok(None)
}

fn reason(data: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    super::output::plain(&super::output::member(&data, "reason"))
}
