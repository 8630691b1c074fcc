//! `audit tail`, `audit query`, `audit verify`; `audit stream` has a file of its own.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::audit::{Filter, Page, QueryError, RecordKind, Status, TrailReader};
use crate::domain::Timestamp;
use crate::storage;

use super::audit_page::{self, line};
use super::audit_stream::{self, StreamArgs};
use super::client::{Find, Gateway};
use super::output::{self, Format, member};
use super::{CliError, Exit};

/// How often a followed trail is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// `policyguard audit`.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show the newest records
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        lines: u32,
        /// Go on showing new ones
        #[arg(short, long)]
        follow: bool,
    },
    /// Print records as they are written, one JSON object a line, until interrupted; resumes by itself
    Stream(StreamArgs),
    /// Search the trail, newest first
    #[command(
        after_help = "Example:\n  policyguard audit query --status denied --tool restart_service --since 2026-01-31T00:00:00Z"
    )]
    Query(QueryArgs),
    /// Verify the whole chain; exit 6 names the first record that is wrong
    Verify,
}

#[derive(Debug, Args, Default)]
struct QueryArgs {
    /// Only this agent
    #[arg(long)]
    agent: Option<String>,
    /// Only this tool or target
    #[arg(long)]
    tool: Option<String>,
    /// Only this action type: `tool_call`, `mode_change`, …
    #[arg(long = "type")]
    action_type: Option<String>,
    /// Only this kind: decision, outcome, change, access, refused
    #[arg(long, value_parser = kind)]
    kind: Option<RecordKind>,
    /// Only decisions that went so: allowed, denied, pending
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// From this instant on (RFC 3339)
    #[arg(long, value_parser = instant)]
    since: Option<Timestamp>,
    /// Before this instant (RFC 3339)
    #[arg(long, value_parser = instant)]
    until: Option<Timestamp>,
    /// Part of the reason or the target
    #[arg(long)]
    text: Option<String>,
    /// How many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// `next_cursor` of the page before
    #[arg(long)]
    cursor: Option<String>,
    /// Print the page as CSV; what a spreadsheet would take for a formula gets a `'` in front
    #[arg(long)]
    csv: bool,
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &AuditArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let trail = || Trail::find(find);
    match &args.command {
        AuditCommand::Stream(stream) => audit_stream::run(find, stream).await,
        AuditCommand::Tail { lines, follow } => tail(&trail()?, *lines, *follow, format).await,
        AuditCommand::Query(query) => {
            let page = trail()?.page(query).await?;
            if query.csv {
                writeln!(std::io::stdout(), "{}", audit_page::csv(&page))?;
            } else {
                output::print(format, &page, || audit_page::listing(&page))?;
            }
            Ok(Exit::Ok)
        }
        AuditCommand::Verify => verify(&trail()?, format).await,
    }
}

/// Where the trail is read: through the gateway that serves it, or from the files when none does.
enum Trail {
    Running(Gateway),
    Files(Arc<dyn TrailReader>),
}

impl Trail {
    fn find(find: &Find<'_>) -> Result<Self, CliError> {
        let dir = &find.config.data_dir;
        let owned = || storage::owner_pid(dir).map_err(|fault| CliError::Config(fault.to_string()));
        if find.is_remote() || (owned()?.is_some() && find.is_served()) {
            return Ok(Self::Running(find.running()?));
        }
        let reader =
            storage::open_reader(dir).map_err(|fault| CliError::Config(fault.to_string()))?;
        Ok(Self::Files(reader))
    }

    /// A page, in the form in which the gateway answers it.
    async fn page(&self, query: &QueryArgs) -> Result<Value, CliError> {
        match self {
            Self::Running(gateway) => gateway
                .get(&format!("/api/v1/audit?{}", query.parameters()))
                .await?
                .success(),
            Self::Files(reader) => {
                let limit = usize::try_from(query.limit).unwrap_or(1000);
                let page = reader
                    .query(&query.filter(), query.cursor.as_deref(), limit)
                    .map_err(unread)?;
                let Page {
                    records,
                    total,
                    next_cursor,
                } = page;
                Ok(
                    json!({ "entries": records, "count": records.len(), "total": total, "next_cursor": next_cursor }),
                )
            }
        }
    }
}

impl QueryArgs {
    fn filter(&self) -> Filter {
        Filter {
            kind: self.kind,
            agent_id: self.agent.clone(),
            tool: self.tool.clone(),
            action_type: self.action_type.clone(),
            status: self.status,
            since: self.since,
            until: self.until,
            text: self.text.clone(),
            ..Filter::default()
        }
    }

    fn parameters(&self) -> String {
        let pairs = [
            ("view", Some("records".to_owned())),
            ("agent_id", self.agent.clone()),
            ("tool", self.tool.clone()),
            ("action_type", self.action_type.clone()),
            ("kind", self.kind.map(|kind| kind.to_string())),
            ("status", self.status.map(|status| status.to_string())),
            ("since", self.since.map(|instant| instant.to_string())),
            ("until", self.until.map(|instant| instant.to_string())),
            ("text", self.text.clone()),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor.clone()),
        ];
        let given: Vec<(&str, String)> = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        serde_urlencoded::to_string(given).unwrap_or_default()
    }
}

async fn tail(trail: &Trail, lines: u32, follow: bool, format: Format) -> Result<Exit, CliError> {
    let mut shown = 0;
    let mut limit = lines;
    loop {
        let page = trail
            .page(&QueryArgs {
                limit,
                ..QueryArgs::default()
            })
            .await?;
        let mut entries: Vec<Value> = page
            .get("entries")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        entries.reverse();
        entries.retain(|entry| seq(entry) > shown);
        shown = entries.last().map_or(shown, seq);
        if !entries.is_empty() {
            let fresh = json!(entries);
            output::print(format, &fresh, || {
                entries.iter().map(line).collect::<Vec<_>>().join("\n")
            })?;
        }
        if !follow {
            return Ok(Exit::Ok);
        }
        limit = 1000;
        tokio::time::sleep(LOOK).await;
    }
}

async fn verify(trail: &Trail, format: Format) -> Result<Exit, CliError> {
    let report = match trail {
        Trail::Running(gateway) => gateway.get("/api/v1/audit/verify").await?.success()?,
        Trail::Files(reader) => json!(reader.verify_with(&mut progress).map_err(unread)?),
    };
    output::print(format, &report, || verdict(&report))?;
    let intact = report.get("intact") == Some(&Value::Bool(true));
    Ok(if intact { Exit::Ok } else { Exit::ChainBroken })
}

/// Shows on a terminal how far the verification is.
pub(super) fn progress(records: u64) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() && records.is_multiple_of(10_000) {
        drop(write!(stderr, "\r{records} records"));
    }
}

/// What verification found, in one sentence.
pub(super) fn verdict(report: &Value) -> String {
    let records = member(report, "records");
    let hash = report
        .get("head")
        .map(|head| member(head, "hash"))
        .unwrap_or_default();
    if report.get("intact") == Some(&Value::Bool(true)) {
        return format!("the chain is intact: {records} records, head {hash}");
    }
    let fault = report.get("first_fault").map(|fault| {
        format!(
            "record {} is {}",
            member(fault, "seq"),
            member(fault, "how")
        )
    });
    let damage = member(report, "damage");
    let what = fault.unwrap_or_else(|| format!("the database file is damaged: {damage}"));
    format!("the chain is BROKEN: {what}; records before it that are intact: {records}")
}

fn seq(entry: &Value) -> u64 {
    entry.get("seq").and_then(Value::as_u64).unwrap_or(0)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn unread(fault: QueryError) -> CliError {
    match &fault {
        QueryError::Cursor(_) => CliError::Usage(fault.to_string()),
        QueryError::Late(_) | QueryError::Unavailable(_) => CliError::Unexpected(fault.to_string()),
    }
}

fn kind(text: &str) -> Result<RecordKind, String> {
    RecordKind::parse(text).ok_or_else(|| one_of(RecordKind::ALL))
}

fn status(text: &str) -> Result<Status, String> {
    Status::parse(text).ok_or_else(|| one_of(Status::ALL))
}

fn one_of<T: ToString>(all: &[T]) -> String {
    format!(
        "one of {}",
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    )
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write 2026-01-31T09:00:00Z".to_owned())
}
