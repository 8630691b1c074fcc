//! What the tools that read the trail share: whose lines a caller may see, spans of time, work on a thread apart.

use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::{AuditRecord, Inspector, QueryError};
use crate::domain::Role;
use crate::tools::{Fault, Permit, ToolError};

use super::{cursor, mendable};

/// Whose lines a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everybody's.
    All,
    /// Only those of this agent, which is the caller itself: not one that it acts for.
    Own(String),
}

impl Scope {
    /// The scope of the caller behind the permit.
    pub(super) fn of(permit: &Permit) -> Self {
        let principal = &permit.request().principal;
        if principal.roles.has(Role::Auditor) {
            return Self::All;
        }
        let caller = principal.acted_by.as_ref().unwrap_or(&principal.agent_id);
        Self::Own(caller.to_string())
    }

    /// The scope's name.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Own(_) => "own",
        }
    }

    /// The only agent that is shown, if there is one.
    pub(super) fn agent(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Own(agent) => Some(agent),
        }
    }

    /// Whether the record is shown. One that names nobody is nobody's own.
    pub(super) fn shows(&self, record: &AuditRecord) -> bool {
        match self {
            Self::All => true,
            Self::Own(agent) => record
                .principal
                .as_ref()
                .is_some_and(|actor| *actor.agent_id == **agent),
        }
    }
}

/// The span that `30m`, `24h` or `7d` stands for; at most ten years, so that no date runs out.
pub(super) fn span(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain = (1..=7).contains(&count.len()) && count.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = count.parse().ok().filter(|&count| plain && count > 0)?;
    let minutes = match unit {
        "m" => count,
        "h" => count * 60,
        "d" => count * 24 * 60,
        _ => return None,
    };
    (minutes <= 10 * 366 * 24 * 60).then(|| Duration::from_mins(minutes))
}

/// The error of a span that cannot be read.
pub(super) fn no_span(given: &str, hint: &'static str) -> ToolError {
    let shown: String = given.chars().take(64).collect();
    let message = format!(
        "time_range: `{}` is not a span of time",
        shown.escape_debug()
    );
    mendable(Fault::Value, "invalid_time_range", message, hint)
}

/// What is known of the chain, as lists show it.
pub(super) fn chain(inspector: &Inspector) -> Result<Value, QueryError> {
    let state = inspector.state();
    let mut chain = json!({
        "state": state.as_str(),
        "verified_to": state.verified.seq,
        "head": inspector.reader().head()?,
    });
    if let (Some(fault), Value::Object(chain)) = (state.first_fault, &mut chain) {
        chain.insert("first_fault".to_owned(), json!(fault));
    }
    Ok(chain)
}

/// Runs what reads much from disk on a thread of its own kind, so that calls go on.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
) -> Result<T, ToolError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|fault| ToolError::Unavailable(fault.to_string()))?
        .map_err(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_minutes_hours_or_days() {
        for (text, minutes) in [
            ("1m", 1),
            ("90m", 90),
            ("24h", 1440),
            ("7d", 10080),
            ("0030m", 30),
        ] {
            assert_eq!(span(text), Some(Duration::from_mins(minutes)), "{text}");
        }
        for bad in [
            "",
            "m",
            "0h",
            "-1h",
            "+1h",
            "1w",
            "1",
            "1.5h",
            "24 h",
            "99999999m",
            "9999999d",
            "1é",
            "24H",
        ] {
            assert_eq!(span(bad), None, "{bad:?}");
        }
    }
}
