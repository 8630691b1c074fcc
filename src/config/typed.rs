//! Texts become values of their types; what does not fit is a problem.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::LocalRole;
use crate::incidents;
use crate::policy_admin::Loosening;
use crate::telemetry::LogFormat;

use super::check::is_loopback;
use super::hosts;
use super::limits::Limits;
use super::values::Values;
use super::{AuthMode, Config, Resolved, Transport};

/// The most denied runs that can be let pass: each agent's are kept in memory.
const SUSPEND_AFTER_CAP: usize = 1000;
/// The longest time that can be set for anything.
const LONGEST: Duration = Duration::from_hours(24);

/// The configuration of these values.
pub(super) fn typed(
    resolved: Vec<Resolved>,
    warnings: Vec<String>,
    problems: &mut Vec<String>,
) -> Config {
    let values = &mut Values {
        resolved: &resolved,
        problems,
    };
    let port = port(values);
    hosts::check(values);
    texts(values);
    let Limits {
        body: body_limit,
        connections,
        per_address,
        trusted_proxies,
        rates,
        identical_denials,
        audit_size,
    } = Limits::read(values);
    let log_format = values.word(
        "log.format",
        "`text` or `json`",
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    );
    let sync_everything = values.word(
        "audit.durability",
        "`balanced` or `strict`",
        &[("balanced", false), ("strict", true)],
    );
    let loosening = values.word(
        "policy.loosening",
        "`warn` or `refuse` (`second_person` is not supported yet)",
        &[("warn", Loosening::Warn), ("refuse", Loosening::Refuse)],
    );
    let (transport, mcp_role) = doors(values);
    let violations = violations(values);
    let Trust {
        auth,
        insecure,
        bootstrap_key_file,
        catalog_key_file,
    } = Trust::read(values);
    let issuers = super::tokens::issuers(values);
    let auto_register = yes_or_no("registry.auto_register", values);
    let session_idle = values.duration("mcp.session_idle", LONGEST);
    let (admin, tls) = (hosts::admin(values), hosts::tls(values));
    let policies = values.text("policies");
    Config {
        host: values.text("server.host").to_owned(),
        port,
        allowed_hosts: values.texts("server.allowed_hosts"),
        allowed_origins: values.texts("server.allowed_origins"),
        data_dir: PathBuf::from(values.text("data_dir")),
        policies: (!policies.is_empty()).then(|| PathBuf::from(policies)),
        loosening,
        admin,
        tls,
        transport,
        auth,
        insecure,
        bootstrap_key_file,
        catalog_key_file,
        issuers,
        auto_register,
        mcp_role,
        log_level: values.text("log.level").to_owned(),
        log_format,
        traces: super::telemetry::traces(values),
        trace_headers: Vec::new(),
        body_limit,
        connections,
        per_address,
        trusted_proxies,
        rates,
        identical_denials,
        audit_size,
        sync_everything,
        violations,
        session_idle,
        api_key: None,
        warnings,
        resolved,
    }
}

/// Refuses variables that are no text, and a data directory without a name, which would be this one.
fn texts(values: &mut Values<'_>) {
    for setting in values.resolved {
        if setting.value.contains(char::REPLACEMENT_CHARACTER) {
            values.wrong(setting.key, "written in UTF-8");
        }
    }
    if values.text("data_dir").trim().is_empty() {
        values.wrong("data_dir", "the path of a directory, as `data`");
    }
}

fn port(values: &mut Values<'_>) -> u16 {
    let port = values.number("server.port", 0..=usize::from(u16::MAX), "a port");
    u16::try_from(port).unwrap_or_default()
}

/// Which doors are opened, and what models may do behind them.
fn doors(values: &mut Values<'_>) -> (Transport, LocalRole) {
    let transport = Transport::parse(values.text("transport")).unwrap_or_else(|| {
        values.wrong("transport", "`http`, `stdio` or `both`");
        Transport::Http
    });
    let mcp_role = LocalRole::parse(values.text("mcp.role")).unwrap_or_else(|| {
        values.wrong("mcp.role", "`agent`, `operator` or `admin`");
        LocalRole::default()
    });
    (transport, mcp_role)
}

const AUTH: [(&str, AuthMode); 2] = [
    ("local", AuthMode::Local),
    ("credentials", AuthMode::Credentials),
];

/// Who is believed to be who. Where strangers come in, nobody is believed for standing on this machine.
pub(super) fn auth(values: &Values<'_>) -> AuthMode {
    let host = values.text("server.host");
    let admin = hosts::address(values.text("admin.addr"));
    let reached = !is_loopback(host) || admin.is_some_and(|admin| !is_loopback(&admin.host));
    let open = values.text("insecure") == "true" && reached;
    if open || values.text("auth") == AuthMode::Credentials.as_str() {
        AuthMode::Credentials
    } else {
        AuthMode::Local
    }
}

/// Who is believed to be who, and what goes with it.
struct Trust {
    auth: AuthMode,
    insecure: bool,
    bootstrap_key_file: Option<PathBuf>,
    catalog_key_file: Option<PathBuf>,
}

impl Trust {
    fn read(values: &mut Values<'_>) -> Self {
        values.word("auth", "`local` or `credentials`", &AUTH);
        let (auth, insecure) = (auth(values), yes_or_no("insecure", values));
        let mut key_file = |key| {
            let file = values.text(key);
            if auth == AuthMode::Local && !file.is_empty() {
                let wanted =
                    "unset: with `auth: local` nobody is asked for a key; set `auth: credentials`";
                values.wrong(key, wanted);
            }
            (!file.is_empty()).then(|| PathBuf::from(file))
        };
        Self {
            auth,
            insecure,
            bootstrap_key_file: key_file("credentials.bootstrap_key_file"),
            catalog_key_file: key_file("credentials.catalog_key_file"),
        }
    }
}

fn yes_or_no(key: &str, values: &mut Values<'_>) -> bool {
    values.word(
        key,
        "`true` or `false`",
        &[("false", false), ("true", true)],
    )
}

/// When an agent is suspended for its denials.
fn violations(values: &mut Values<'_>) -> incidents::Config {
    incidents::Config {
        suspend_after: values.number(
            "violations.suspend_after",
            0..=SUSPEND_AFTER_CAP,
            "a number",
        ),
        window: values.duration("violations.window", LONGEST),
    }
}
