//! Logs: to stderr, always, so that stdout stays data.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines, one object a line.
    Json,
}

/// Libraries that speak up at warnings only, unless directives name them.
///
/// The MCP library tells of every request that it begins and ends. The one that watches policy files tells of every
/// file that changes beside them: a log file there would be written because it was written, without end.
const TALKATIVE: &str = "rmcp=warn,notify=warn,notify_debouncer_full=warn";

/// Starts logging at this level (or with these directives); a second start changes nothing.
///
/// # Errors
/// When the level cannot be read.
pub fn start_logs(level: &str, format: LogFormat) -> Result<(), String> {
    // A single word that is no level would be read as the name of a module, and every log left out.
    let is_word = level.chars().all(|c| c.is_ascii_alphabetic());
    if is_word && level.parse::<LevelFilter>().is_err() {
        return Err(format!(
            "`{level}` is no level; write error, warn, info, debug or trace"
        ));
    }
    let filter =
        EnvFilter::try_new(format!("{TALKATIVE},{level}")).map_err(|fault| fault.to_string())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // Otherwise a line that cannot be written (a full disk, a reader that went away) is told on stderr too, which
        // cannot be written either: that is a panic, in whatever wanted to log.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(started); // a subscriber that is already there keeps its place
    Ok(())
}
