//! `mode get` and `mode set`.

use std::io::Write as _;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Find, Gateway, finish};
use super::output::{self, Format, member};
use super::{CliError, Exit};

/// `policyguard mode`.
#[derive(Debug, Args)]
pub(super) struct ModeArgs {
    #[command(subcommand)]
    command: ModeCommand,
}

#[derive(Debug, Subcommand)]
enum ModeCommand {
    /// Show the mode that holds
    Get,
    /// Switch the mode
    #[command(
        after_help = "Example:\n  policyguard mode set EMERGENCY --reason 'the cache is down' --for 10m"
    )]
    Set {
        /// The mode, exactly as the policy names it
        mode: String,
        /// Why, in 10 characters or more
        #[arg(long)]
        reason: Option<String>,
        /// How long: 90, 90s, 10m, 1h (at most the policy's `max_duration`)
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        duration: Option<u64>,
        /// Your TOTP code of now, where the policy asks for one
        #[arg(long, value_name = "CODE")]
        totp: Option<String>,
    },
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &ModeArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = find.gateway().await?;
    let result = act(&gateway, args, format).await;
    finish(gateway, result).await
}

async fn act(gateway: &Gateway, args: &ModeArgs, format: Format) -> Result<Exit, CliError> {
    match &args.command {
        ModeCommand::Get => {
            let status = gateway.get("/policy/status").await?.success()?;
            output::print(format, &status, || member(&status, "summary"))?;
        }
        ModeCommand::Set {
            mode,
            reason,
            duration,
            totp,
        } => {
            let mut body = Map::from_iter([("mode".to_owned(), json!(mode))]);
            if let Some(reason) = reason {
                body.insert("reason".to_owned(), json!(reason));
            }
            if let Some(duration) = duration {
                body.insert("duration_seconds".to_owned(), json!(duration));
            }
            if let Some(code) = totp {
                body.insert("totp".to_owned(), json!(code));
            }
            let answer = gateway
                .post("/policy/set-mode", &Value::Object(body))
                .await?
                .success()?;
            for warning in output::texts(&answer, "warnings") {
                writeln!(std::io::stderr(), "warning: {}", output::plain(warning))?;
            }
            output::print(format, &answer, || switched(&answer))?;
        }
    }
    Ok(Exit::Ok)
}

fn switched(answer: &Value) -> String {
    let until = match member(answer, "expires_at") {
        end if end.is_empty() => String::new(),
        end => format!(" until {end}"),
    };
    format!(
        "mode {}{until}\nallowed by the mode: {}",
        member(answer, "new_mode"),
        output::texts(answer, "allowed_tools").join(", ")
    )
}

/// Seconds of `90`, `90s`, `10m` or `1h`.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, text.chars().last().unwrap_or('s')),
        None => (text, 's'),
    };
    let factor = match unit {
        'h' => 3600,
        'm' => 60,
        _ => 1,
    };
    let count: Option<u64> = digits.parse().ok();
    count
        .and_then(|count| count.checked_mul(factor))
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "write 90, 90s, 10m or 1h".to_owned())
}
