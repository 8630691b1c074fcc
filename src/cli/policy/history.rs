//! `policy history` and `policy rollback`.

use std::io::Write as _;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::client::{Find, Gateway, finish};
use crate::cli::output::{self, Format, member, table};
use crate::cli::{CliError, Exit};

/// So many characters of a digest tell versions apart for people.
const SHOWN_DIGEST: usize = 12;

/// `policyguard policy history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// How many versions
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// `policyguard policy rollback`.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// The version whose runtime policies come back
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    version: u64,
    /// Why, for the history
    #[arg(long)]
    reason: Option<String>,
    /// Roll back although something becomes callable that was not
    #[arg(long)]
    allow_loosening: bool,
}

/// Prints the newest versions.
pub(super) async fn history(
    find: &Find<'_>,
    args: &HistoryArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = listed(&gateway, args, format).await;
    finish(gateway, result).await
}

async fn listed(gateway: &Gateway, args: &HistoryArgs, format: Format) -> Result<Exit, CliError> {
    let path = format!("/api/v1/policies/history?limit={}", args.limit);
    let answer = gateway.get(&path).await?.success()?;
    output::print(format, &answer, || versions(&answer))?;
    Ok(Exit::Ok)
}

fn versions(answer: &Value) -> String {
    let versions = answer.get("versions").and_then(Value::as_array);
    let rows = versions.into_iter().flatten().map(|version| {
        let digest: String = member(version, "digest")
            .chars()
            .take(SHOWN_DIGEST)
            .collect();
        vec![
            member(version, "version"),
            member(version, "author"),
            what_changed(version),
            member(version, "reason"),
            digest,
        ]
    });
    let header = ["VERSION", "AUTHOR", "CHANGED", "REASON", "DIGEST"];
    let mut text = table(&header, rows.collect());
    if !member(answer, "next_cursor").is_empty() {
        text.push_str("\nolder versions are not shown: ask for more with --limit");
    }
    text
}

fn what_changed(version: &Value) -> String {
    let policies = version.get("policies").and_then(Value::as_array);
    let policies = policies.into_iter().flatten();
    let steps =
        policies.map(|step| format!("{} {}", member(step, "step"), member(step, "policy_id")));
    let files = version.get("files_changed").and_then(Value::as_bool);
    let files = files.unwrap_or(false).then(|| "files".to_owned());
    files
        .into_iter()
        .chain(steps)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Brings the runtime policies of a version back.
pub(super) async fn rollback(
    find: &Find<'_>,
    args: &RollbackArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = rolled_back(&gateway, args, format).await;
    finish(gateway, result).await
}

async fn rolled_back(
    gateway: &Gateway,
    args: &RollbackArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let mut body = Map::from_iter([("version".to_owned(), json!(args.version))]);
    if let Some(reason) = &args.reason {
        body.insert("reason".to_owned(), json!(reason));
    }
    if args.allow_loosening {
        body.insert("allow_loosening".to_owned(), json!(true));
    }
    let path = "/api/v1/policies/rollback";
    let answer = gateway.post(path, &Value::Object(body)).await?.success()?;
    for warning in output::texts(&answer, "warnings") {
        writeln!(std::io::stderr(), "warning: {}", output::plain(warning))?;
    }
    output::print(format, &answer, || {
        format!(
            "{}\nversion {}",
            member(&answer, "message"),
            member(&answer, "version")
        )
    })?;
    Ok(Exit::Ok)
}
