//! `doctor`: everything that a start depends on, looked at one by one, with what mends it.

mod clients; // who is led here
mod data; // the data directory, and what is stored in it
mod doors; // where callers come in
mod settings; // configuration and policy

use clap::Args;
use serde::Serialize;

use crate::config::{Config, ConfigError, Flags, load};

use super::output::{self, Format};
use super::{CliError, Exit};

/// `policyguard doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "It changes nothing, and can be run beside a gateway.\n\nExit codes: 0 when nothing failed, 3 when configuration or policy are invalid, 78 when they are unsafe, 1 otherwise."
)]
pub(super) struct DoctorArgs {}

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// A gateway starts, but somebody should look.
    Warn,
    /// A gateway does not start, or does not do what it should.
    Fail,
}

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
struct Line {
    check: &'static str,
    state: State,
    found: String,
    /// A command, or what to do where no command does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
    /// What the command ends with, if this failed.
    #[serde(skip)]
    exit: Exit,
}

impl Line {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Ok,
            found: found.into(),
            mend: None,
            exit: Exit::Ok,
        }
    }

    fn warn(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            state: State::Warn,
            mend: Some(mend.into()),
            ..Self::ok(check, found)
        }
    }

    fn fail(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            state: State::Fail,
            exit: Exit::Unexpected,
            ..Self::warn(check, found, mend)
        }
    }

    /// The same, with what the command ends with.
    fn ending(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    fn text(&self) -> String {
        let state = match self.state {
            State::Ok => "ok  ",
            State::Warn => "warn",
            State::Fail => "fail",
        };
        let indented = self.found.replace('\n', "\n                     ");
        let line = format!("{state}  {:<13}  {indented}", self.check);
        match &self.mend {
            None => line,
            Some(mend) => format!("{line}\n                     -> {mend}"),
        }
    }
}

/// Looks at everything and says what it found.
pub(super) fn run(flags: &Flags, format: Format) -> Result<Exit, CliError> {
    let mut lines = Vec::new();
    match load(flags) {
        Ok(config) => examine(&config, &mut lines),
        Err(fault) => lines.extend(settings::refused(&fault)),
    }
    let failed = lines.iter().find(|line| line.state == State::Fail);
    let exit = failed.map_or(Exit::Ok, |line| line.exit);
    output::print(format, &serde_json::json!(lines), || {
        let mut texts: Vec<String> = lines.iter().map(Line::text).collect();
        texts.push(verdict(&lines));
        texts.join("\n")
    })?;
    Ok(exit)
}

fn examine(config: &Config, lines: &mut Vec<Line>) {
    lines.push(settings::configuration(config));
    lines.push(settings::policy(config));
    lines.extend(doors::ports(config));
    lines.push(doors::tls(config));
    lines.extend(data::all(config));
    lines.extend(clients::all(config));
}

fn verdict(lines: &[Line]) -> String {
    let count = |state| lines.iter().filter(|line| line.state == state).count();
    match (count(State::Fail), count(State::Warn)) {
        (0, 0) => "all is well".to_owned(),
        (failed, warned) => format!("{failed} failed, {warned} to look at"),
    }
}

impl From<&ConfigError> for Exit {
    fn from(fault: &ConfigError) -> Self {
        match fault {
            ConfigError::Invalid(_) => Self::Invalid,
            ConfigError::Unsafe(_) => Self::Unsafe,
        }
    }
}
