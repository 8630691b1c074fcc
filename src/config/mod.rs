//! One configuration: file < environment < flags, with the origin of every value.

mod check; // what is refused because it is unsafe
mod file; // the file
mod hosts; // names and addresses of this gateway
mod limits; // what bounds connections and bodies
mod load; // the three layers
mod near; // names that were probably meant
mod settings; // every setting there is
mod telemetry; // where traces go
mod template; // a file to begin with
mod tokens; // whose tokens are believed
mod typed; // texts become values
mod values; // what was set, and what is wrong with it

use std::path::PathBuf;
use std::time::Duration;

use crate::decision_point::RateLimits;
use crate::domain::{LocalRole, Network, Secret};
use crate::identity::Issuer;
use crate::incidents;
use crate::policy_admin::Loosening;
use crate::telemetry::{LogFormat, TraceConfig};

pub use check::{ConfigError, Unsafe, is_loopback};
pub use load::{Flags, by_flags, load, load_named, plain_terminal, resolve};
pub use settings::{SETTINGS, Setting};
pub use template::template;

/// Who is believed to be who (`spec/identity.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Whoever stands on this machine.
    Local,
    /// Whoever shows a credential.
    Credentials,
}

impl AuthMode {
    /// The mode's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Credentials => "credentials",
        }
    }
}

/// Which doors `serve` opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP alone.
    Http,
    /// MCP on standard input and output alone.
    Stdio,
    /// Both.
    Both,
}

impl Transport {
    /// The doors of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "http" => Some(Self::Http),
            "stdio" => Some(Self::Stdio),
            "both" => Some(Self::Both),
            _ => None,
        }
    }
}

/// A host with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address; IPv6 in brackets.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The PEM files of the listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of this gateway, and its chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueOrigin {
    /// Built in.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// This variable.
    Environment(String),
    /// This flag.
    Flag(&'static str),
}

impl std::fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A setting as it was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its key.
    pub key: &'static str,
    /// Its value as text; lists are joined by commas.
    pub value: String,
    /// Where that comes from.
    pub origin: ValueOrigin,
}

/// Everything that can be set, typed and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Hosts that are served besides loopback and the bound address.
    pub allowed_hosts: Vec<String>,
    /// Origins that are served besides those of served hosts.
    pub allowed_origins: Vec<String>,
    /// Where state is kept.
    pub data_dir: PathBuf,
    /// Policy file or folder; `None`: `policies/default.yaml` if it is there, else the copy built in.
    pub policies: Option<PathBuf>,
    /// What happens to a policy change that makes something callable.
    pub loosening: Loosening,
    /// Where administrators have a listener of their own.
    pub admin: Option<Address>,
    /// What is shown to whoever connects over TCP; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// Which doors are opened.
    pub transport: Transport,
    /// Who is believed to be who.
    pub auth: AuthMode,
    /// Whether a caller without a credential is agent `anonymous` instead of nobody.
    pub insecure: bool,
    /// A key that opens a gateway which has no administrator yet.
    pub bootstrap_key_file: Option<PathBuf>,
    /// A key that may list every tool and call none.
    pub catalog_key_file: Option<PathBuf>,
    /// Whose tokens are believed.
    pub issuers: Vec<Issuer>,
    /// Whether an agent that nobody knows is registered by its first call.
    pub auto_register: bool,
    /// What callers over MCP may do with the gateway (`spec/identity.md`, "Who is calling").
    pub mcp_role: LocalRole,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceConfig>,
    /// What their collector is shown besides (`OTEL_EXPORTER_OTLP_HEADERS`).
    pub trace_headers: Vec<(String, Secret)>,
    /// The longest body, in bytes.
    pub body_limit: usize,
    /// How many connections are held at once.
    pub connections: usize,
    /// How many of them one address may hold; `None`: all of them.
    pub per_address: Option<usize>,
    /// Proxies, believed when they say for whom they speak; `per_address` does not count their connections.
    pub trusted_proxies: Vec<Network>,
    /// How much one caller may ask in a time.
    pub rates: RateLimits,
    /// So many identical denials of a minute have a record each; `None`: all.
    pub identical_denials: Option<u32>,
    /// How large the store may become, in bytes.
    pub audit_size: u64,
    /// Whether every record is synced to disk before its answer, not only those of the first class.
    pub sync_everything: bool,
    /// When an agent is suspended for its denials.
    pub violations: incidents::Config,
    /// How long an MCP session that nobody uses stays in memory.
    pub session_idle: Duration,
    /// The key with which commands ask a gateway (`POLICYGUARD_API_KEY`).
    pub api_key: Option<Secret>,
    /// Every setting with its origin.
    pub resolved: Vec<Resolved>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}
