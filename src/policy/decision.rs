//! What the engine answers. Only the engine can make one.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::code::Code;
use crate::domain::{ActionRequest, Digest, ModeName, OverrideEvidence, PolicyId, Severity};

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may be done.
    Allow,
    /// It may be done once a person has said so.
    RequireApproval,
    /// It may not be done.
    Deny,
}

impl Effect {
    /// The effect's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::RequireApproval => "require_approval",
            Self::Deny => "deny",
        }
    }
}

/// Words for people that cost nothing to hand out: the allow path builds none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Known when we were built.
    Static(&'static str),
    /// Known when the snapshot was built.
    Shared(Arc<str>),
    /// Built for this denial.
    Owned(String),
}

impl Text {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The rule that decided. Built with the snapshot, shared by every decision it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determinant {
    /// The policy.
    pub policy: PolicyId,
    /// The rule's place in it, from 0.
    pub rule: usize,
    /// The rule's name.
    pub name: Option<Arc<str>>,
    /// Where it is written.
    pub at: Arc<str>,
    /// The rule's content digest.
    pub digest: Digest,
    /// Of the incident that a violation opens.
    pub severity: Severity,
    /// The reason of an allow or of a demand for approval; part of it, so that a decision shares one thing, not two.
    pub(super) says: Text,
}

/// What kind of change would change the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemedyKind {
    /// Another mode.
    Mode,
    /// More trust.
    Trust,
    /// An approval.
    Approval,
    /// An override by an operator.
    Override,
    /// Another time.
    Time,
    /// Other arguments.
    Arguments,
    /// Another tool or name.
    Name,
    /// A caller with another role.
    Role,
    /// An operator who lifts lockdown, suspension or quarantine.
    Operator,
    /// Waiting.
    Wait,
    /// A change of the policy itself.
    Policy,
    /// Nothing.
    None,
}

/// What would change the answer, in words for people and models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// The kind of change.
    pub kind: RemedyKind,
    /// The change in words.
    pub text: String,
}

/// What kind of tool was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nature {
    /// Whether it may change something; true for tools that nobody knows.
    pub(super) modifies: bool,
    /// Whether it is one of the gateway's own.
    pub(super) management: bool,
    /// Whether it only asks the engine about something else.
    pub(super) carries_question: bool,
}

/// The engine's answer to one request, together with that request, so that neither can be exchanged.
///
/// The fields are private to this room: only [`crate::policy::Engine::decide`] makes one.
#[derive(Debug, Clone)]
pub struct Decision {
    pub(super) request: Arc<ActionRequest>,
    pub(super) effect: Effect,
    pub(super) code: Code,
    /// `None`: what the rule that decided says.
    pub(super) reason: Option<Text>,
    pub(super) determined_by: Option<Arc<Determinant>>,
    pub(super) policy_version: u64,
    pub(super) bundle_digest: Digest,
    pub(super) warnings: Vec<Text>,
    pub(super) problems: Vec<String>,
    pub(super) remedy: Option<Remedy>,
    pub(super) retry_after_seconds: Option<u64>,
    pub(super) nature: Nature,
    pub(super) tool_place: Option<usize>,
    pub(super) approval_used: bool,
    pub(super) overrides_used: u64,
}

impl Decision {
    /// The request that was decided.
    #[must_use]
    pub const fn request(&self) -> &Arc<ActionRequest> {
        &self.request
    }

    /// Allow, deny, or require approval.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Why, as a code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        let of_rule = self.determined_by.as_ref().map(|rule| &rule.says);
        self.reason.as_ref().or(of_rule).map_or("", Text::as_str)
    }

    /// The rule that decided, if a rule did.
    #[must_use]
    pub fn determined_by(&self) -> Option<&Determinant> {
        self.determined_by.as_deref()
    }

    /// Which entry of the policy decided: the rule by name or number, or the key of the file.
    #[must_use]
    pub fn decided_by(&self) -> Option<String> {
        if let Some(rule) = self.determined_by() {
            let number = || rule.rule.to_string();
            return Some(rule.name.as_deref().map_or_else(number, str::to_owned));
        }
        let mode = |key: &str| Some(format!("modes.{}.{key}", self.mode()));
        let key = |key: &str| Some(key.to_owned());
        match self.code {
            Code::AlwaysBlocked => key("global_rules.always_blocked"),
            Code::ProtectedPath => key("protected.paths"),
            Code::AgentDeniedTools => key("agent.denied_tools"),
            Code::AgentAllowedTools => key("agent.allowed_tools"),
            Code::ModeBlocked => mode("blocked_tools"),
            Code::ModeNotListed | Code::ModeAllowed => mode("allowed_tools"),
            Code::ServiceHealthy | Code::OutOfScope => mode("service_restrictions"),
            Code::OutsideHours => key("time_restrictions"),
            Code::ResourceDenied => key("resource_policies"),
            Code::ConstraintViolated => key("parameter_constraints"),
            Code::DefaultDeny | Code::DefaultAllow => key("default_decision"),
            Code::Lockdown
            | Code::Integrity
            | Code::InvalidName
            | Code::UnknownTool
            | Code::Quarantined
            | Code::Unauthenticated
            | Code::AgentSuspended
            | Code::RoleRequired
            | Code::RuleDeny
            | Code::InvalidParameters
            | Code::RateLimited
            | Code::ApprovalRequired
            | Code::ApprovalDenied
            | Code::Builtin
            | Code::RuleAllow
            | Code::Approved
            | Code::Override => None,
        }
    }

    /// The mode under which it was decided.
    #[must_use]
    pub fn mode(&self) -> &ModeName {
        &self.request.context.mode
    }

    /// The version of the policy under which it was decided.
    #[must_use]
    pub const fn policy_version(&self) -> u64 {
        self.policy_version
    }

    /// The digest of the bundle under which it was decided.
    #[must_use]
    pub const fn bundle_digest(&self) -> &Digest {
        &self.bundle_digest
    }

    /// What the caller should know besides.
    #[must_use]
    pub fn warnings(&self) -> &[Text] {
        &self.warnings
    }

    /// Every problem of the arguments, for `invalid_parameters` and `constraint_violated`.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// What would change a denial.
    #[must_use]
    pub const fn remedy(&self) -> Option<&Remedy> {
        self.remedy.as_ref()
    }

    /// Seconds to wait, for `rate_limited`.
    #[must_use]
    pub const fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    /// Whether the allow rests on the approval in the context, which is used up by it.
    #[must_use]
    pub const fn approval_used(&self) -> bool {
        self.approval_used
    }

    /// The overrides of the context that lifted a denial; each is used up by it, whatever the answer is in the end.
    pub fn overrides_used(&self) -> impl Iterator<Item = &OverrideEvidence> {
        let all = self.request.context.overrides.iter().take(64).enumerate();
        all.filter(|(place, _)| self.overrides_used >> place & 1 == 1)
            .map(|(_, evidence)| evidence)
    }

    /// Whether the tool may change something; true for tools that nobody knows.
    #[must_use]
    pub const fn modifies(&self) -> bool {
        self.nature.modifies
    }

    /// Where the tool stands in the catalogue that the engine was compiled for; `None`: nowhere, or it is no tool call.
    ///
    /// Whoever counts by tool needs no look-up by name.
    #[must_use]
    pub const fn tool_place(&self) -> Option<usize> {
        self.tool_place
    }

    /// Whether it is about one of the gateway's own tools: administration, which is not counted as what agents do.
    #[must_use]
    pub const fn is_management(&self) -> bool {
        self.nature.management
    }

    /// Whether the tool only asks the engine about something else, which is what gets on record.
    #[must_use]
    pub const fn carries_question(&self) -> bool {
        self.nature.carries_question
    }
}
