//! `config show`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::config::{Config, SETTINGS};

use super::output::{self, Format};
use super::{CliError, Exit};

/// `policyguard config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every setting
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
}

pub(super) fn run(config: &Config, args: &ConfigArgs, format: Format) -> Result<Exit, CliError> {
    let ConfigCommand::Show { origin } = args.command;
    let value: Map<String, Value> = config
        .resolved
        .iter()
        .map(|setting| {
            let shown = if origin {
                json!({ "value": setting.value, "origin": setting.origin.to_string() })
            } else {
                json!(setting.value)
            };
            (setting.key.to_owned(), shown)
        })
        .collect();
    output::print(format, &Value::Object(value), || text(config, origin))?;
    Ok(Exit::Ok)
}

fn text(config: &Config, origin: bool) -> String {
    let about = |key: &str| {
        SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .map_or("", |setting| setting.about)
    };
    let rows = config.resolved.iter().map(|setting| {
        let last = if origin {
            setting.origin.to_string()
        } else {
            about(setting.key).to_owned()
        };
        vec![setting.key.to_owned(), setting.value.clone(), last]
    });
    output::table(
        &[
            "setting",
            "value",
            if origin { "origin" } else { "meaning" },
        ],
        rows.collect(),
    )
}
