//! `users list`, `put`, `disable`, `enable`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::domain::Role;

use super::client::{Find, Gateway, finish};
use super::output::{self, Format, member, texts};
use super::{CliError, Exit};

/// `policyguard users`.
#[derive(Debug, Args)]
pub(super) struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// List the people who work with the gateway
    List,
    /// Add a person, or change one
    #[command(
        after_help = "Example:\n  policyguard users put alice --role operator --role approver --name 'Alice on call'"
    )]
    Put {
        /// The person's id: 1 to 128 of A-Z a-z 0-9 . _ : @ -
        id: String,
        /// What it may do; may be given more than once
        #[arg(long = "role", value_name = "ROLE", value_parser = Role::ALL.map(Role::as_str))]
        roles: Vec<String>,
        /// Its name for people
        #[arg(long)]
        name: Option<String>,
    },
    /// Let a person's keys hold no more
    Disable {
        /// The person's id
        id: String,
    },
    /// Let a person's keys hold again
    Enable {
        /// The person's id
        id: String,
    },
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &UsersArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = act(&gateway, &args.command, format).await;
    finish(gateway, result).await
}

async fn act(gateway: &Gateway, command: &UsersCommand, format: Format) -> Result<Exit, CliError> {
    match command {
        UsersCommand::List => {
            let page = gateway.get("/api/v1/users").await?.success()?;
            output::print(format, &page, || listing(&page))?;
        }
        UsersCommand::Put { id, roles, name } => {
            let mut body = Map::new();
            if !roles.is_empty() {
                body.insert("roles".to_owned(), json!(roles));
            }
            if let Some(name) = name {
                body.insert("name".to_owned(), json!(name));
            }
            put(gateway, id, &Value::Object(body), format).await?;
        }
        UsersCommand::Disable { id } => {
            put(gateway, id, &json!({ "status": "disabled" }), format).await?;
        }
        UsersCommand::Enable { id } => {
            put(gateway, id, &json!({ "status": "active" }), format).await?;
        }
    }
    Ok(Exit::Ok)
}

async fn put(gateway: &Gateway, id: &str, body: &Value, format: Format) -> Result<(), CliError> {
    let path = format!("/api/v1/users/{}", output::segment(id));
    let answer = gateway.send("PUT", &path, Some(body)).await?.success()?;
    output::print(format, &answer, || member(&answer, "message"))
}

fn listing(page: &Value) -> String {
    let users = page.get("users").and_then(Value::as_array);
    let rows = users.into_iter().flatten().map(|user| {
        let mut row = vec![member(user, "user_id"), texts(user, "roles").join(", ")];
        row.extend(["status", "totp", "name"].map(|name| member(user, name)));
        row
    });
    output::table(&["USER", "ROLES", "STATUS", "TOTP", "NAME"], rows.collect())
}
