//! Problem details (RFC 9457): how every error looks over HTTP.

use serde::Serialize;
use serde_json::Value;

macro_rules! problem_codes {
    ($($(#[doc = $about:literal])+ $variant:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// The stable codes of problems that are not denials, each with its status and title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $($(#[doc = $about])+ $variant,)*
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($about),+).trim(),)* }
            }

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The title: the same for every problem of the code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

problem_codes! {
    /// The body cannot be read.
    UnreadableBody = "unreadable_body", 400, "The body cannot be read";
    /// A value is not one of those there are.
    InvalidValue = "invalid_value", 400, "A value does not fit";
    /// No credential, or none that is accepted.
    Unauthenticated = "unauthenticated", 401, "Not authenticated";
    /// The caller may not do this.
    Forbidden = "forbidden", 403, "Not allowed";
    /// The Host or Origin header is not one that is served.
    ForbiddenOrigin = "forbidden_origin", 403, "Host or origin not served";
    /// Too much of something, for now.
    TooMany = "too_many", 429, "Too much for now";
    /// Nothing is here.
    NotFound = "not_found", 404, "Not found";
    /// The path exists for another method.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// The body did not come in time.
    TooSlow = "too_slow", 408, "The body came too slowly";
    /// Something stands in the way.
    Conflict = "conflict", 409, "Conflict";
    /// The body is longer than `limits.body`.
    TooLarge = "too_large", 413, "The body is too long";
    /// The body is not plain JSON.
    UnsupportedMedia = "unsupported_media_type", 415, "The body is not plain JSON";
    /// A field is missing, unknown, of a wrong type or out of range.
    InvalidFields = "invalid_fields", 422, "Fields do not fit";
    /// Something broke here; nothing was allowed by it.
    Internal = "internal", 500, "Internal error";
    /// The trail takes no record, so nothing is done.
    AuditUnavailable = "audit_unavailable", 503, "The audit trail is unavailable";
    /// The policy or the mode changed again and again while the call was decided.
    Unsettled = "unsettled", 503, "The situation keeps changing";
    /// Too many are served just now.
    Busy = "busy", 503, "Too much is going on";
    /// The server stops.
    Stopping = "stopping", 503, "The server is stopping";
}

/// One problem, as its body shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// A name for the kind of problem; the codes are documented by these names.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This one, in words; on the execution API a list where its clients expect one.
    pub detail: Value,
    /// The stable code.
    pub code: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The attempt it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
    /// The request it belongs to; filled in where the answer leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// A problem of this code, with words of its own.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<Value>) -> Self {
        Self {
            kind: format!("urn:policyguard:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str(),
            hint: None,
            action_id: None,
            request_id: None,
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with the attempt it belongs to.
    #[must_use]
    pub fn action(mut self, action_id: crate::domain::ActionId) -> Self {
        self.action_id = Some(action_id.to_string());
        self
    }
}
