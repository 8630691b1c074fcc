//! `keys create`, `list`, `rotate`, `revoke`, `new`.

use std::io::Write as _;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::domain::Role;
use crate::identity::NewKey;

use super::client::{Find, Gateway, finish};
use super::output::{self, Format, member, texts};
use super::{CliError, Exit};

/// `policyguard keys`.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key for an agent or a person; it is printed once and kept nowhere
    #[command(
        group = ArgGroup::new("holder").required(true).args(["agent", "user"]),
        after_help = "Examples:\n  policyguard keys create --agent etl-1 --expires-in 90d\n  policyguard keys create --user alice --name laptop"
    )]
    Create(Creation),
    /// List the keys: whose they are, what they may do, when they were last used
    List {
        /// Only of this agent
        #[arg(long)]
        agent: Option<String>,
        /// Only of this person
        #[arg(long)]
        user: Option<String>,
    },
    /// Make a key in the place of another one, which holds for a while beside it
    Rotate {
        /// The key's id: the eight characters behind `pg_`
        id: String,
        /// How long the old one still holds, as 24h; 0s ends it at once
        #[arg(long, default_value = "24h")]
        overlap: String,
    },
    /// End a key at once
    Revoke {
        /// The key's id: the eight characters behind `pg_`
        id: String,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
    },
    /// Print a new key without a gateway, for `POLICYGUARD_BOOTSTRAP_KEY_FILE`
    New,
}

#[derive(Debug, Args)]
struct Creation {
    /// The agent that it stands for
    #[arg(long)]
    agent: Option<String>,
    /// The person that it stands for
    #[arg(long)]
    user: Option<String>,
    /// What it may do; may be given more than once [default: agent, or all that the person may]
    #[arg(long = "role", value_name = "ROLE", value_parser = Role::ALL.map(Role::as_str))]
    roles: Vec<String>,
    /// What it is for
    #[arg(long)]
    name: Option<String>,
    /// How long it holds, as 90d, 12h [default: until it is revoked]
    #[arg(long)]
    expires_in: Option<String>,
}

/// Prints a key that no gateway knows yet.
pub(super) fn new(args: &KeysArgs) -> Option<Result<Exit, CliError>> {
    matches!(args.command, KeysCommand::New).then(|| {
        let key = NewKey::random().map_err(|fault| CliError::Unexpected(fault.to_string()))?;
        writeln!(std::io::stdout(), "{}", key.text)?;
        Ok(Exit::Ok)
    })
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &KeysArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = act(&gateway, &args.command, format).await;
    finish(gateway, result).await
}

async fn act(gateway: &Gateway, command: &KeysCommand, format: Format) -> Result<Exit, CliError> {
    match command {
        KeysCommand::Create(creation) => {
            let answer = gateway.post("/api/v1/keys", &creation.body()).await?;
            show_once(format, &answer.success()?)?;
        }
        KeysCommand::List { agent, user } => {
            let path = output::query(
                "/api/v1/keys",
                &[("agent_id", agent.as_deref()), ("user_id", user.as_deref())],
            );
            let page = gateway.get(&path).await?.success()?;
            output::print(format, &page, || listing(&page))?;
        }
        KeysCommand::Rotate { id, overlap } => {
            let body = json!({ "overlap": overlap });
            let answer = gateway.post(&path_of(id, "rotate"), &body).await?;
            show_once(format, &answer.success()?)?;
        }
        KeysCommand::Revoke { id, reason } => {
            let body = match reason {
                Some(reason) => json!({ "reason": reason }),
                None => json!({}),
            };
            let answer = gateway
                .post(&path_of(id, "revoke"), &body)
                .await?
                .success()?;
            output::print(format, &answer, || member(&answer, "message"))?;
        }
        KeysCommand::New => {}
    }
    Ok(Exit::Ok)
}

/// The key alone on standard output, so that a script can take it; what to know of it beside.
fn show_once(format: Format, answer: &Value) -> Result<(), CliError> {
    let (id, end) = (member(answer, "key_id"), member(answer, "expires_at"));
    let until = if end.is_empty() {
        "until it is revoked".to_owned()
    } else {
        format!("until {end}")
    };
    let roles = texts(answer, "roles").join(", ");
    writeln!(
        std::io::stderr(),
        "key {id} holds {until}, with role {roles}; keep it now: it is shown this once"
    )?;
    output::print(format, answer, || member(answer, "key"))
}

impl Creation {
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut set = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        };
        set("agent_id", &self.agent);
        set("user_id", &self.user);
        set("name", &self.name);
        set("expires_in", &self.expires_in);
        if !self.roles.is_empty() {
            body.insert("roles".to_owned(), json!(self.roles));
        }
        Value::Object(body)
    }
}

fn path_of(id: &str, what: &str) -> String {
    format!("/api/v1/keys/{}/{what}", output::segment(id))
}

fn listing(page: &Value) -> String {
    let keys = page.get("keys").and_then(Value::as_array);
    let rows = keys.into_iter().flatten().map(|key| {
        let holder = match member(key, "agent_id").as_str() {
            "" => format!("user {}", member(key, "user_id")),
            agent => format!("agent {agent}"),
        };
        let mut row = vec![
            member(key, "key_id"),
            holder,
            texts(key, "roles").join(", "),
        ];
        row.extend(["status", "expires_at", "last_used_at", "name"].map(|name| member(key, name)));
        row
    });
    let header = [
        "KEY",
        "HOLDER",
        "ROLES",
        "STATUS",
        "EXPIRES",
        "LAST USED",
        "NAME",
    ];
    output::table(&header, rows.collect())
}
