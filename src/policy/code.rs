//! Why, as a closed list that clients match on (`spec/decision.md`, "The decision").

use std::fmt;

use serde::Serialize;

use crate::domain::ModeName;

macro_rules! codes {
    ($($(#[doc = $about:literal])+ $variant:ident = $name:literal, $text:literal;)*) => {
        /// Why, as a closed list that clients match on (`spec/decision.md`, "The decision").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $about])+ $variant,)*
        }

        impl Code {
            /// Every code, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($about),+).trim(),)* }
            }

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The words behind `Policy violation: `, with `<MODE>` still in them.
            const fn template(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// Lockdown is on.
    Lockdown = "lockdown", "Lockdown";
    /// The bundle is not the one that was signed.
    Integrity = "integrity", "Policy integrity check failed";
    /// No tool or target could have this name.
    InvalidName = "invalid_name", "Invalid name";
    /// A run of a tool that is not catalogued.
    UnknownTool = "unknown_tool", "Not whitelisted for <MODE> mode";
    /// The tool's definition changed.
    Quarantined = "quarantined", "Tool quarantined";
    /// The door needs a credential.
    Unauthenticated = "unauthenticated", "Not authenticated";
    /// The agent is suspended.
    AgentSuspended = "agent_suspended", "Agent suspended";
    /// `global_rules.always_blocked`.
    AlwaysBlocked = "always_blocked", "Globally blocked - destructive operation";
    /// An argument reaches a protected path.
    ProtectedPath = "protected_path", "Protected file";
    /// The agent's own deny-list.
    AgentDeniedTools = "agent_denied_tools", "Agent restriction";
    /// The agent's own allow-list.
    AgentAllowedTools = "agent_allowed_tools", "Agent restriction";
    /// The caller lacks the role.
    RoleRequired = "role_required", "Role required";
    /// The mode blocks it.
    ModeBlocked = "mode_blocked", "Blocked in <MODE> mode";
    /// The mode does not list it.
    ModeNotListed = "mode_not_listed", "Not whitelisted for <MODE> mode";
    /// The service needs no repair.
    ServiceHealthy = "service_healthy", "Critical service protection";
    /// The service is not part of the incident.
    OutOfScope = "out_of_scope", "Critical service protection";
    /// Not at this hour.
    OutsideHours = "outside_hours", "Outside allowed time window";
    /// Not with this resource.
    ResourceDenied = "resource_denied", "Resource policy";
    /// A rule says no.
    RuleDeny = "rule_deny", "Denied by rule";
    /// A constraint of the policy does not hold.
    ConstraintViolated = "constraint_violated", "Parameter constraint violated";
    /// The tool's own schema does not hold.
    InvalidParameters = "invalid_parameters", "Invalid arguments";
    /// A quota is used up.
    RateLimited = "rate_limited", "Quota exceeded";
    /// A person must say yes first.
    ApprovalRequired = "approval_required", "Approval required but not granted";
    /// A person said no.
    ApprovalDenied = "approval_denied", "Approval denied";
    /// Nothing allows it.
    DefaultDeny = "default_deny", "No rule allows this";
    /// A gateway tool that nothing denies.
    Builtin = "builtin", "Gateway tool";
    /// The mode allows it.
    ModeAllowed = "mode_allowed", "Allowed by the mode";
    /// A rule allows it.
    RuleAllow = "rule_allow", "Allowed by rule";
    /// Nothing denies it, and that is enough here.
    DefaultAllow = "default_allow", "Allowed by default";
    /// A person said yes.
    Approved = "approved", "Approved";
    /// An override lifted the denial.
    Override = "override", "Override";
}

impl Code {
    /// The words behind `Policy violation: `.
    #[must_use]
    pub fn text(self, mode: &ModeName) -> String {
        self.template().replace("<MODE>", mode.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
