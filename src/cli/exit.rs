//! Exit codes (`spec/operations.md`, "Command line"), and the errors that lead to them.

use std::process::ExitCode;

use crate::config::ConfigError;

macro_rules! exits {
    ($($(#[doc = $about:literal])+ $name:ident = $code:literal,)*) => {
        /// How a command ends.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Exit {
            $($(#[doc = $about])+ $name = $code,)*
        }

        impl Exit {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($about),+).trim(),)* }
            }
        }
    };
}

exits! {
    /// As asked.
    Ok = 0,
    /// Something broke.
    Unexpected = 1,
    /// The command line does not fit.
    Usage = 2,
    /// The configuration or a policy is invalid, or another process owns the data directory.
    Invalid = 3,
    /// Policy tests failed.
    TestsFailed = 4,
    /// The gateway said no.
    Denied = 5,
    /// The audit chain is broken.
    ChainBroken = 6,
    /// No gateway answers.
    Unreachable = 7,
    /// The configuration would leave the gateway open.
    Unsafe = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration, a policy, or the data directory.
    #[error("{0}")]
    Config(String),
    /// A start that would leave the gateway open.
    #[error("{0}")]
    Unsafe(String),
    /// The command line, beyond what its grammar says.
    #[error("{0}")]
    Usage(String),
    /// The gateway said no.
    #[error("{0}")]
    Denied(String),
    /// No gateway answers.
    #[error(
        "no gateway answers at {at}: {why}\n  hint: start one with `policyguard serve`, or name it with --url"
    )]
    Unreachable {
        /// Where it was sought.
        at: String,
        /// Why it was not found.
        why: String,
    },
    /// Something broke.
    #[error("{0}")]
    Unexpected(String),
    /// The terminal or a file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CliError {
    /// The exit code of the error.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Invalid,
            Self::Unsafe(_) => Exit::Unsafe,
            Self::Usage(_) => Exit::Usage,
            Self::Denied(_) => Exit::Denied,
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Unexpected(_) | Self::Io(_) => Exit::Unexpected,
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Invalid(problems) => Self::Config(problems.join("\nerror: ")),
            ConfigError::Unsafe(fault) => Self::Unsafe(fault.to_string()),
        }
    }
}
