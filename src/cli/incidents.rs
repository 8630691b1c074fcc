//! `incidents list`, `incidents show`, `incidents ack`, `incidents resolve`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::domain::{AgentId, IncidentId, IncidentStatus, IncidentType, Severity};

use super::client::{Find, Gateway, finish};
use super::output::{self, Format, member};
use super::{CliError, Exit};

/// `policyguard incidents`.
#[derive(Debug, Args)]
pub(super) struct IncidentsArgs {
    #[command(subcommand)]
    command: IncidentsCommand,
}

#[derive(Debug, Subcommand)]
enum IncidentsCommand {
    /// List incidents, newest first
    #[command(
        after_help = "Example:\n  policyguard incidents list --status open --severity critical"
    )]
    List(ListArgs),
    /// Show one incident with its timeline
    #[command(after_help = "Example:\n  policyguard incidents show inc_0123456789ab")]
    Show {
        /// The incident, as `list` names it
        #[arg(value_parser = id)]
        incident: IncidentId,
    },
    /// Say that somebody looks at it
    #[command(
        after_help = "Example:\n  policyguard incidents ack inc_0123456789ab --reason 'asking the owner'"
    )]
    Ack {
        /// The incident, as `list` names it
        #[arg(value_parser = id)]
        incident: IncidentId,
        /// A word for the timeline
        #[arg(long)]
        reason: Option<String>,
    },
    /// Say that it is dealt with
    #[command(
        after_help = "Example:\n  policyguard incidents resolve inc_0123456789ab --resolution 'the agent was given the wrong job'"
    )]
    Resolve {
        /// The incident, as `list` names it
        #[arg(value_parser = id)]
        incident: IncidentId,
        /// How; a critical one takes it
        #[arg(long)]
        resolution: Option<String>,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only those: open, acknowledged, resolved
    #[arg(long, value_parser = status)]
    status: Option<IncidentStatus>,
    /// Only those: low, medium, high, critical
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// Only those: `policy_violation`, `unauthorized_access`, …
    #[arg(long = "type", value_parser = kind)]
    kind: Option<IncidentType>,
    /// Only those about this agent
    #[arg(long, value_parser = agent)]
    agent: Option<AgentId>,
    /// How many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// `next_cursor` of the page before
    #[arg(long)]
    cursor: Option<String>,
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &IncidentsArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = act(&gateway, &args.command, format).await;
    finish(gateway, result).await
}

async fn act(
    gateway: &Gateway,
    command: &IncidentsCommand,
    format: Format,
) -> Result<Exit, CliError> {
    match command {
        IncidentsCommand::List(list) => {
            let path = format!("/api/v1/incidents?{}", list.parameters());
            let page = gateway.get(&path).await?.success()?;
            output::print(format, &page, || listing(&page))?;
        }
        IncidentsCommand::Show { incident } => {
            let path = format!("/api/v1/incidents/{incident}");
            let shown = gateway.get(&path).await?.success()?;
            output::print(format, &shown, || whole(&shown))?;
        }
        IncidentsCommand::Ack { incident, reason } => {
            let words = ("reason", reason);
            update(gateway, *incident, IncidentStatus::Acknowledged, words)
                .await
                .and_then(|updated| output::print(format, &updated, || line(&updated)))?;
        }
        IncidentsCommand::Resolve {
            incident,
            resolution,
        } => {
            let words = ("resolution", resolution);
            update(gateway, *incident, IncidentStatus::Resolved, words)
                .await
                .and_then(|updated| output::print(format, &updated, || line(&updated)))?;
        }
    }
    Ok(Exit::Ok)
}

async fn update(
    gateway: &Gateway,
    incident: IncidentId,
    status: IncidentStatus,
    words: (&str, &Option<String>),
) -> Result<Value, CliError> {
    let mut body = Map::from_iter([("status".to_owned(), json!(status))]);
    if let (name, Some(text)) = words {
        body.insert(name.to_owned(), json!(text));
    }
    let path = format!("/api/v1/incidents/{incident}");
    let body = Value::Object(body);
    gateway.send("PATCH", &path, Some(&body)).await?.success()
}

impl ListArgs {
    fn parameters(&self) -> String {
        let pairs = [
            (
                "status",
                self.status.map(|status| status.as_str().to_owned()),
            ),
            (
                "severity",
                self.severity.map(|severity| severity.as_str().to_owned()),
            ),
            ("type", self.kind.map(|kind| kind.as_str().to_owned())),
            ("agent_id", self.agent.as_ref().map(ToString::to_string)),
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

fn listing(page: &Value) -> String {
    let incidents = page.get("incidents").and_then(Value::as_array);
    let incidents: Vec<&Value> = incidents.into_iter().flatten().collect();
    let total = format!("{} of {} incidents", incidents.len(), member(page, "total"));
    if incidents.is_empty() {
        return total;
    }
    let columns = [
        "incident_id",
        "severity",
        "status",
        "type",
        "agent_id",
        "tool",
        "count",
        "updated_at",
    ];
    let rows = incidents
        .iter()
        .map(|incident| columns.map(|column| member(incident, column)).to_vec())
        .collect();
    let header = [
        "incident", "severity", "status", "type", "agent", "tool", "count", "updated",
    ];
    let mut lines = vec![output::table(&header, rows), total];
    if let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) {
        lines.push(format!("more with --cursor {cursor}"));
    }
    lines.join("\n")
}

/// One incident in one line.
fn line(incident: &Value) -> String {
    let part = |name| member(incident, name);
    format!("{} is {}", part("incident_id"), part("status"))
}

fn whole(incident: &Value) -> String {
    let part = |name| member(incident, name);
    let mut lines = vec![
        format!(
            "{}  {} {}, {}",
            part("incident_id"),
            part("severity"),
            part("type"),
            part("status")
        ),
        part("description"),
    ];
    let rows = [
        ("agent", part("agent_id")),
        ("tool", part("tool")),
        ("code", part("code")),
        ("action", part("action_id")),
        ("count", part("count")),
        ("reported by", part("reported_by")),
        ("recommended", part("recommended_action")),
        ("resolution", part("resolution")),
    ];
    let given = rows.into_iter().filter(|(_, value)| !value.is_empty());
    lines.extend(given.map(|(name, value)| format!("  {name}: {value}")));
    if incident.get("needs_operator") == Some(&Value::Bool(true)) {
        lines.push("  needs an operator".to_owned());
    }
    let timeline = incident.get("timeline").and_then(Value::as_array);
    for event in timeline.into_iter().flatten() {
        let (at, by, what) = (
            member(event, "at"),
            member(event, "by"),
            member(event, "event"),
        );
        lines.push(format!("{at}  {by}: {what}"));
    }
    lines.join("\n")
}

fn id(text: &str) -> Result<IncidentId, String> {
    IncidentId::parse(text)
        .map_err(|_| "write inc_ and 12 hex digits, as `incidents list` shows".to_owned())
}

fn agent(text: &str) -> Result<AgentId, String> {
    AgentId::parse(text).map_err(|fault| fault.to_string())
}

fn status(text: &str) -> Result<IncidentStatus, String> {
    IncidentStatus::parse(text)
        .ok_or_else(|| one_of(IncidentStatus::ALL.iter().map(|status| status.as_str())))
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text)
        .ok_or_else(|| one_of(Severity::ALL.iter().map(|severity| severity.as_str())))
}

fn kind(text: &str) -> Result<IncidentType, String> {
    IncidentType::parse(text)
        .ok_or_else(|| one_of(IncidentType::ALL.iter().map(|kind| kind.as_str())))
}

fn one_of<'a>(all: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", all.collect::<Vec<_>>().join(", "))
}
