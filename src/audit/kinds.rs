//! The closed lists of words in records.

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value of this name, exactly.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// What a record is about (`spec/audit.md`, "Records").
    RecordKind {
        /// What was asked and what the engine answered: the intent.
        Decision = "decision",
        /// What came of a dispatched call.
        Outcome = "outcome",
        /// A change of the gateway's own state.
        Change = "change",
        /// Reads of the trail and of management data, summarized.
        Access = "access",
        /// What had no valid credential or did not parse, counted.
        Refused = "refused",
    }
}

names! {
    /// The door through which a call came.
    Door {
        /// The REST API.
        Rest = "rest",
        /// MCP over HTTP.
        Mcp = "mcp",
        /// MCP over stdio.
        Stdio = "stdio",
        /// The command line.
        Cli = "cli",
        /// The console.
        Console = "console",
        /// An AuthZEN evaluation.
        Authzen = "authzen",
        /// The gateway itself.
        Internal = "internal",
    }
}

names! {
    /// How a dispatched call ended.
    OutcomeStatus {
        /// It did what was asked.
        Ok = "ok",
        /// The tool said no.
        Failed = "failed",
        /// It was stopped after its decision, before its dispatch.
        Denied = "denied",
        /// It took longer than it may.
        Timeout = "timeout",
        /// Nobody saw its end.
        Unknown = "unknown",
        /// The caller went away before it started.
        Cancelled = "cancelled",
    }
}

names! {
    /// How a decision went, as queries ask for it.
    Status {
        /// It was allowed.
        Allowed = "allowed",
        /// It was denied.
        Denied = "denied",
        /// It waits for a person.
        Pending = "pending",
    }
}
