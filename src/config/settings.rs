//! Every setting there is: key, variable, flag, default, meaning.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the file; in the environment `POLICYGUARD__` and the key in capitals, dots as `__`.
    pub key: &'static str,
    /// A variable of its own, which users know.
    pub variable: Option<&'static str>,
    /// The flag of `serve`.
    pub flag: Option<&'static str>,
    /// What holds when nobody says anything.
    pub default: &'static str,
    /// What it means.
    pub about: &'static str,
}

const fn row(
    key: &'static str,
    variable: Option<&'static str>,
    flag: Option<&'static str>,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting {
        key,
        variable,
        flag,
        default,
        about,
    }
}

/// The settings, in the order in which people read them.
pub const SETTINGS: &[Setting] = &[
    row(
        "server.host",
        Some("HOST"),
        Some("--host"),
        "127.0.0.1",
        "address to listen on",
    ),
    row(
        "server.port",
        Some("PORT"),
        Some("--port"),
        "8000",
        "port to listen on; 0 lets the system choose",
    ),
    row(
        "server.allowed_hosts",
        Some("ALLOWED_HOSTS"),
        None,
        "",
        "further Host names that are served, comma-separated",
    ),
    row(
        "server.allowed_origins",
        Some("ALLOWED_ORIGINS"),
        None,
        "",
        "further browser origins that are served, comma-separated",
    ),
    row(
        "server.trusted_proxies",
        None,
        None,
        "",
        "proxies, as 192.0.2.7,10.0.0.0/8: believed in X-Forwarded-For and -Proto, not counted by limits.per_address",
    ),
    row(
        "admin.addr",
        None,
        None,
        "",
        "HOST:PORT of a second listener: keys, users and /metrics are served there alone, /metrics without a credential",
    ),
    row(
        "tls.cert",
        None,
        Some("--tls-cert"),
        "",
        "PEM file with the certificate of this gateway and its chain, read again when it changes; empty: no TLS",
    ),
    row(
        "tls.key",
        None,
        Some("--tls-key"),
        "",
        "PEM file with the private key of that certificate, which nobody else can read",
    ),
    row(
        "transport",
        Some("MCP_TRANSPORT_MODE"),
        Some("--transport"),
        "http",
        "doors to open: http, stdio or both",
    ),
    row(
        "auth",
        Some("POLICYGUARD_AUTH"),
        Some("--auth"),
        "local",
        "who is believed to be who: local (whoever stands on this machine) or credentials (whoever shows one)",
    ),
    row(
        "insecure",
        None,
        Some("--insecure"),
        "false",
        "true: callers without a credential are agent `anonymous` with trust low; for networks you trust",
    ),
    row(
        "credentials.bootstrap_key_file",
        Some("POLICYGUARD_BOOTSTRAP_KEY_FILE"),
        None,
        "",
        "file with a key that is admin until there is another; empty: one is made at the first start",
    ),
    row(
        "credentials.catalog_key_file",
        None,
        None,
        "",
        "file with a key that may list every tool and call none, for clients that discover tools; empty: none",
    ),
    row(
        "jwt.issuers",
        None,
        None,
        "",
        "issuers whose tokens are believed, as they name themselves (iss), comma-separated; empty: none",
    ),
    row(
        "jwt.keys",
        None,
        None,
        "",
        "for each issuer the file or https address of its key set (JWKS)",
    ),
    row(
        "jwt.audience",
        None,
        None,
        "",
        "what tokens must name as their audience (aud): the address of this gateway",
    ),
    row(
        "jwt.algorithms",
        None,
        None,
        "RS256,ES256",
        "how tokens may be signed: RS, PS 256, 384, 512, ES256, ES384, EdDSA",
    ),
    row(
        "jwt.roles",
        None,
        None,
        "",
        "which claims give which roles, as groups=sre:operator; without any a token's bearer is an agent",
    ),
    row(
        "registry.auto_register",
        None,
        None,
        "true",
        "whether an agent that nobody knows is registered with trust low by its first call",
    ),
    row(
        "mcp.role",
        None,
        Some("--mcp-role"),
        "agent",
        "what models over MCP may do with the gateway: agent, operator or admin",
    ),
    row(
        "data_dir",
        Some("POLICYGUARD_DATA_DIR"),
        Some("--data-dir"),
        "data",
        "where state is kept",
    ),
    row(
        "policies",
        Some("POLICY_PATH"),
        Some("--policies"),
        "",
        "policy file or folder; empty: policies/default.yaml if it is there, else the copy built in",
    ),
    row(
        "policy.loosening",
        None,
        None,
        "warn",
        "what happens to a policy change that makes something callable: warn or refuse",
    ),
    row(
        "log.level",
        Some("LOG_LEVEL"),
        Some("--log-level"),
        "info",
        "error, warn, info, debug, trace, or directives",
    ),
    row(
        "log.format",
        None,
        Some("--log-format"),
        "text",
        "text or json",
    ),
    row(
        "telemetry.otlp_endpoint",
        Some("OTEL_EXPORTER_OTLP_ENDPOINT"),
        None,
        "",
        "base address of a collector that takes traces by OTLP over HTTP, as http://otel-collector:4318; empty: none",
    ),
    row(
        "telemetry.service_name",
        Some("OTEL_SERVICE_NAME"),
        None,
        "policyguard",
        "what the gateway is called in traces",
    ),
    row(
        "telemetry.sample_ratio",
        None,
        None,
        "1",
        "the part of the traces that begin here which is recorded, 0 to 1; callers decide about those that they began",
    ),
    row(
        "limits.body",
        None,
        None,
        "262144",
        "longest body in bytes, at most 4194304",
    ),
    row(
        "limits.connections",
        None,
        None,
        "4096",
        "connections held at once, 32 to 65536; 16 of them are kept for the health routes",
    ),
    row(
        "limits.per_address",
        None,
        None,
        "256",
        "connections held at once by one address, up to limits.connections; 0: no limit",
    ),
    row(
        "limits.calls_per_second",
        None,
        None,
        "",
        "calls a second of one caller; 0: no limit; empty: 50, and no limit with auth: local",
    ),
    row(
        "limits.burst",
        None,
        None,
        "200",
        "how many of its calls may come at once",
    ),
    row(
        "limits.critical_per_minute",
        None,
        None,
        "",
        "calls a minute of one caller to tools that destroy; 0: no limit; empty: 5, and no limit with auth: local",
    ),
    row(
        "limits.high_per_minute",
        None,
        None,
        "",
        "the same for other tools that change something; empty: 10, and no limit with auth: local",
    ),
    row(
        "limits.identical_denials",
        None,
        None,
        "",
        "identical denials a minute with a record each, the rest share one; 0: all; empty: 10, and all with auth: local",
    ),
    row(
        "audit.max_size",
        None,
        None,
        "2147483648",
        "bytes of the store from 90 % of which denials are summarized and readiness warns; 1048576 at least",
    ),
    row(
        "audit.durability",
        None,
        None,
        "balanced",
        "balanced, or strict: every record is synced to disk before its answer",
    ),
    row(
        "violations.suspend_after",
        None,
        None,
        "20",
        "denied runs in violations.window after which one more suspends the agent; 0: they suspend nobody",
    ),
    row(
        "violations.window",
        None,
        None,
        "10m",
        "how far back denied runs count: 90s, 10m, 24h at most",
    ),
    row(
        "mcp.session_idle",
        None,
        None,
        "5m",
        "how long an MCP session that nobody uses stays in memory, 1s to 24h; the store keeps it after that",
    ),
];

impl Setting {
    /// The variable by which any key can be set.
    #[must_use]
    pub fn generic_variable(&self) -> String {
        format!(
            "POLICYGUARD__{}",
            self.key.to_ascii_uppercase().replace('.', "__")
        )
    }
}
