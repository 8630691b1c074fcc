//! `lockdown on`, `lockdown off`, `lockdown --drill`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::client::{Find, finish};
use super::output::{self, Format, member};
use super::{CliError, Exit};

/// `policyguard lockdown`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  policyguard lockdown on --reason 'agent out of control'\n  policyguard lockdown off\n  policyguard lockdown --drill"
)]
pub(super) struct LockdownArgs {
    /// `on` halts every call but status reads and what makes things safer, `off` lifts it
    #[arg(
        value_enum,
        required_unless_present = "drill",
        conflicts_with = "drill"
    )]
    switch: Option<Switch>,
    /// Why
    #[arg(long, conflicts_with = "drill")]
    reason: Option<String>,
    /// Your TOTP code of now, to lift it if you have one
    #[arg(long, value_name = "CODE", conflicts_with = "drill")]
    totp: Option<String>,
    /// Prove on the running gateway that a lockdown would stop calls, without stopping any
    #[arg(long)]
    drill: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

pub(super) async fn run(
    find: &Find<'_>,
    args: &LockdownArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let gateway = if args.drill {
        find.running()?
    } else {
        find.gateway().await?
    };
    let result = async {
        let reply = if args.drill {
            gateway.post("/api/v1/lockdown/drill", &json!({})).await?
        } else {
            let mut body = json!({ "on": args.switch != Some(Switch::Off) });
            let given = [("reason", &args.reason), ("totp", &args.totp)];
            for (name, value) in given {
                if let (Some(value), Some(map)) = (value, body.as_object_mut()) {
                    map.insert(name.to_owned(), json!(value));
                }
            }
            gateway.post("/api/v1/lockdown", &body).await?
        };
        let answer = reply.success()?;
        output::print(format, &answer, || member(&answer, "message"))?;
        Ok(Exit::Ok)
    }
    .await;
    finish(gateway, result).await
}
