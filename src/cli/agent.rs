//! `agent list`, `show`, `register`, `suspend`, `reinstate`.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Find, Gateway, finish};
use super::output::{self, Format, member, texts};
use super::{CliError, Exit};

/// `policyguard agent`.
#[derive(Debug, Args)]
pub(super) struct AgentArgs {
    #[command(subcommand)]
    command: AgentCommand,
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// List the registered agents
    #[command(after_help = "Example:\n  policyguard agent list --status suspended")]
    List {
        /// Only of this trust: low, medium, high, admin
        #[arg(long)]
        trust: Option<String>,
        /// Only of this status: active, suspended
        #[arg(long)]
        status: Option<String>,
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// `next_cursor` of the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one agent
    Show {
        /// The agent's id
        id: String,
    },
    /// Register an agent, or update one
    #[command(
        after_help = "Example:\n  policyguard agent register etl-1 --name 'Nightly ETL' --trust medium --allow 'read_*' --deny 'drop_*'"
    )]
    Register(Registration),
    /// Deny every call of an agent from now on
    #[command(after_help = "Example:\n  policyguard agent suspend etl-1 --reason 'it loops'")]
    Suspend(Because),
    /// Lift an agent's suspension
    Reinstate(Because),
}

#[derive(Debug, Args)]
struct Registration {
    /// The agent's id: 1 to 128 of A-Z a-z 0-9 . _ : @ -
    id: String,
    /// Its name for people [default: the id]
    #[arg(long)]
    name: Option<String>,
    /// low, medium, high or admin
    #[arg(long, default_value = "low")]
    trust: String,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Pattern of tools it may use; may be given more than once
    #[arg(long = "allow", value_name = "PATTERN")]
    allowed: Vec<String>,
    /// Pattern of tools it may never use; may be given more than once
    #[arg(long = "deny", value_name = "PATTERN")]
    denied: Vec<String>,
    /// Who answers for it
    #[arg(long)]
    owner: Option<String>,
}

#[derive(Debug, Args)]
struct Because {
    /// The agent's id
    id: String,
    /// Why, for the record
    #[arg(long)]
    reason: String,
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &AgentArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = act(&gateway, &args.command, format).await;
    finish(gateway, result).await
}

async fn act(gateway: &Gateway, command: &AgentCommand, format: Format) -> Result<Exit, CliError> {
    match command {
        AgentCommand::List {
            trust,
            status,
            limit,
            cursor,
        } => {
            let limit = limit.to_string();
            let path = output::query(
                "/api/v1/agents",
                &[
                    ("trust_level", trust.as_deref()),
                    ("status", status.as_deref()),
                    ("limit", Some(&limit)),
                    ("cursor", cursor.as_deref()),
                ],
            );
            let page = gateway.get(&path).await?.success()?;
            output::print(format, &page, || listing(&page))?;
        }
        AgentCommand::Show { id } => {
            let agent = gateway.get(&path_of(id, "")).await?.success()?;
            output::print(format, &agent, || shown(&agent))?;
        }
        AgentCommand::Register(registration) => {
            let body = registration.body();
            let path = path_of(&registration.id, "");
            let answer = gateway.send("PUT", &path, Some(&body)).await?.success()?;
            for warning in texts(&answer, "warnings") {
                writeln!(std::io::stderr(), "warning: {}", output::plain(warning))?;
            }
            output::print(format, &answer, || member(&answer, "message"))?;
        }
        AgentCommand::Suspend(because) => change(gateway, because, "/suspend", format).await?,
        AgentCommand::Reinstate(because) => change(gateway, because, "/reinstate", format).await?,
    }
    Ok(Exit::Ok)
}

async fn change(
    gateway: &Gateway,
    because: &Because,
    what: &str,
    format: Format,
) -> Result<(), CliError> {
    let body = json!({ "reason": because.reason });
    let path = path_of(&because.id, what);
    let answer = gateway.post(&path, &body).await?.success()?;
    output::print(format, &answer, || member(&answer, "message"))
}

impl Registration {
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        set("name", json!(self.name.as_ref().unwrap_or(&self.id)));
        set("trust_level", json!(self.trust));
        set("allowed_tools", json!(self.allowed));
        set("denied_tools", json!(self.denied));
        if let Some(description) = &self.description {
            set("description", json!(description));
        }
        if let Some(owner) = &self.owner {
            set("owner", json!(owner));
        }
        Value::Object(body)
    }
}

fn path_of(id: &str, what: &str) -> String {
    format!("/api/v1/agents/{}{what}", output::segment(id))
}

fn listing(page: &Value) -> String {
    let agents = page.get("agents").and_then(Value::as_array);
    let rows = agents.into_iter().flatten().map(|agent| {
        ["agent_id", "trust_level", "status", "name", "last_seen_at"]
            .map(|name| member(agent, name))
            .to_vec()
    });
    let header = ["AGENT", "TRUST", "STATUS", "NAME", "LAST SEEN"];
    let mut text = output::table(&header, rows.collect());
    let (count, total) = (member(page, "count"), member(page, "total"));
    let _ = write!(text, "\n{count} of {total} agents");
    let cursor = member(page, "next_cursor");
    if !cursor.is_empty() {
        let _ = write!(text, "\nmore with --cursor {cursor}");
    }
    text
}

fn shown(agent: &Value) -> String {
    let line = |name: &str| {
        let value = match agent.get(name) {
            Some(Value::Array(_)) => texts(agent, name).join(", "),
            _ => member(agent, name),
        };
        (!value.is_empty()).then(|| format!("{name:<18} {value}"))
    };
    let names = [
        "agent_id",
        "name",
        "description",
        "trust_level",
        "status",
        "suspension_reason",
        "suspended_at",
        "allowed_tools",
        "denied_tools",
        "owner",
        "registered_at",
        "registered_by",
        "updated_at",
        "last_seen_at",
    ];
    let lines: Vec<String> = names.into_iter().filter_map(line).collect();
    lines.join("\n")
}
