//! Texts become values of their types; what does not fit is a problem.

use std::path::PathBuf;
use std::time::Duration;

use crate::incidents;
use crate::policy_admin::Loosening;
use crate::telemetry::LogFormat;

use super::{AuthMode, Config, McpRole, Resolved, Transport};

/// The longest body that can be allowed (`spec/limits.md`).
const BODY_CAP: usize = 4 * 1024 * 1024;

/// The most denied runs that can be let pass: each agent's are kept in memory.
const SUSPEND_AFTER_CAP: usize = 1000;
/// The longest window in which they can be counted.
const WINDOW_CAP: Duration = Duration::from_hours(24);

/// The configuration of these values.
pub(super) fn typed(
    resolved: Vec<Resolved>,
    warnings: Vec<String>,
    problems: &mut Vec<String>,
) -> Config {
    let get = |key: &str| {
        resolved
            .iter()
            .find(|setting| setting.key == key)
            .map_or("", |setting| setting.value.as_str())
    };
    let mut wrong = |key: &str, wanted: &str| {
        let setting = resolved.iter().find(|setting| setting.key == key);
        let (value, origin) = setting.map_or(("", String::new()), |setting| {
            (setting.value.as_str(), setting.origin.to_string())
        });
        problems.push(format!(
            "`{key}` must be {wanted}, not `{value}` ({origin})"
        ));
    };
    let port = get("server.port").parse().unwrap_or_else(|_| {
        wrong("server.port", "a port from 0 to 65535");
        0
    });
    let body_limit = body_limit(&get, &mut wrong);
    let log_format = word(
        &get,
        &mut wrong,
        "log.format",
        "`text` or `json`",
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    );
    let sync_everything = word(
        &get,
        &mut wrong,
        "audit.durability",
        "`balanced` or `strict`",
        &[("balanced", false), ("strict", true)],
    );
    let loosening = word(
        &get,
        &mut wrong,
        "policy.loosening",
        "`warn` or `refuse` (`second_person` is not supported yet)",
        &[("warn", Loosening::Warn), ("refuse", Loosening::Refuse)],
    );
    let (transport, mcp_role) = doors(&get, &mut wrong);
    let violations = violations(&get, &mut wrong);
    let session_idle = session_idle(&get, &mut wrong);
    supported(&get, &mut wrong);
    let list = |key: &str| {
        get(key)
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    };
    Config {
        host: get("server.host").to_owned(),
        port,
        allowed_hosts: list("server.allowed_hosts"),
        allowed_origins: list("server.allowed_origins"),
        data_dir: PathBuf::from(get("data_dir")),
        policies: Some(get("policies"))
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        loosening,
        transport,
        auth: AuthMode::Local,
        mcp_role,
        log_level: get("log.level").to_owned(),
        log_format,
        body_limit,
        sync_everything,
        violations,
        session_idle,
        warnings,
        resolved,
    }
}

fn body_limit<'a>(get: &impl Fn(&str) -> &'a str, wrong: &mut impl FnMut(&str, &str)) -> usize {
    let limit = get("limits.body").parse().ok();
    let limit = limit.filter(|limit| (1..=BODY_CAP).contains(limit));
    limit.unwrap_or_else(|| {
        wrong("limits.body", "1 to 4194304 bytes");
        1
    })
}

/// Which doors are opened, and what models may do behind them.
fn doors<'a>(
    get: &impl Fn(&str) -> &'a str,
    wrong: &mut impl FnMut(&str, &str),
) -> (Transport, McpRole) {
    let transport = Transport::parse(get("transport")).unwrap_or_else(|| {
        wrong("transport", "`http`, `stdio` or `both`");
        Transport::Http
    });
    let mcp_role = McpRole::parse(get("mcp.role")).unwrap_or_else(|| {
        wrong("mcp.role", "`agent`, `operator` or `admin`");
        McpRole::default()
    });
    (transport, mcp_role)
}

fn session_idle<'a>(
    get: &impl Fn(&str) -> &'a str,
    wrong: &mut impl FnMut(&str, &str),
) -> Duration {
    duration(get("mcp.session_idle"))
        .filter(|idle| (Duration::from_secs(1)..=WINDOW_CAP).contains(idle))
        .unwrap_or_else(|| {
            wrong("mcp.session_idle", "a length from 1s to 24h, as 90s or 10m");
            WINDOW_CAP
        })
}

/// Refuses what a later version will support: it must not look as if it held.
fn supported<'a>(get: &impl Fn(&str) -> &'a str, wrong: &mut impl FnMut(&str, &str)) {
    if get("auth") != "local" {
        wrong("auth", "`local` (`credentials` is not supported yet)");
    }
}

/// The value of the word that is set, of which the first stands in for one that nobody knows.
fn word<'a, T: Copy>(
    get: &impl Fn(&str) -> &'a str,
    wrong: &mut impl FnMut(&str, &str),
    key: &str,
    wanted: &str,
    words: &[(&str, T); 2],
) -> T {
    let set = get(key);
    let known = words.iter().find(|(word, _)| *word == set);
    let [(_, first), _] = words;
    known.map_or_else(
        || {
            wrong(key, wanted);
            *first
        },
        |(_, value)| *value,
    )
}

/// When an agent is suspended for its denials.
fn violations<'a>(
    get: &impl Fn(&str) -> &'a str,
    wrong: &mut impl FnMut(&str, &str),
) -> incidents::Config {
    let usual = incidents::Config::default();
    let suspend_after = get("violations.suspend_after").parse().ok();
    let window = duration(get("violations.window"));
    incidents::Config {
        suspend_after: suspend_after
            .filter(|after| *after <= SUSPEND_AFTER_CAP)
            .unwrap_or_else(|| {
                wrong("violations.suspend_after", "a number from 0 to 1000");
                usual.suspend_after
            }),
        window: window
            .filter(|window| *window <= WINDOW_CAP)
            .unwrap_or_else(|| {
                wrong(
                    "violations.window",
                    "a time from 1s to 24h, as `90s`, `10m`, `1h`",
                );
                usual.window
            }),
    }
}

/// The time of `90s`, `10m`, `1h` or, in seconds, `90`; none is no time.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match text.strip_prefix(digits)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let count: u64 = digits.parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_or_are_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("24h", 86_400)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "0",
            "0m",
            "m",
            "-1s",
            "1d",
            "1.5h",
            "10 m",
            "99999999999999999999h",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
