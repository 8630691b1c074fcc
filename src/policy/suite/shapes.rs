//! The keys of a suite, with what each means.

use crate::policy::text::Shape;

pub(super) const SUITE: Shape = Shape {
    what: "a test suite",
    noun: "key",
    keys: &[
        ("description", "what it shows"),
        (
            "policies",
            "the file or files it tests, relative to the suite; the one beside it of the same name if absent",
        ),
        ("now", "the instant of cases that name none"),
        (
            "mode",
            "the mode of cases that name none; the bundle's default if absent",
        ),
        ("agents", "agents by id"),
        ("cases", "requests and the answers they must get"),
    ],
    later: &["history", "coverage"],
};
pub(super) const AGENT: Shape = Shape {
    what: "an agent",
    noun: "key",
    keys: &[
        ("trust", "low, medium, high or admin"),
        ("suspended", "whether it is; false if absent"),
        ("allowed_tools", "its own allow-list"),
        ("denied_tools", "its own deny-list"),
        ("roles", "of the caller; agent if absent"),
    ],
    later: &[],
};
pub(super) const CASE: Shape = Shape {
    what: "a case",
    noun: "key",
    keys: &[
        ("name", "what it shows, as a sentence"),
        ("request", "the request"),
        ("expect", "the answer"),
    ],
    later: &[],
};
pub(super) const REQUEST: Shape = Shape {
    what: "a request",
    noun: "key",
    keys: &[
        ("agent", "one of the agents"),
        ("tool", "tool or target"),
        ("arguments", "the arguments"),
        ("action", "the action type; tool_call if absent"),
        ("mode", "the mode"),
        ("now", "the instant"),
        ("lockdown", "whether lockdown is on; false if absent"),
    ],
    later: &[
        "approval",
        "overrides",
        "incident_scope",
        "service_health",
        "history",
    ],
};
pub(super) const EXPECT: Shape = Shape {
    what: "an expectation",
    noun: "key",
    keys: &[
        ("effect", "allow, deny or require_approval"),
        ("code", "why, as a code"),
        ("policy", "the policy that decides"),
        (
            "rule",
            "the rule that decides: its name, or its place from 0",
        ),
        ("reason", "a part of the reason, or of one of the problems"),
    ],
    later: &["obligations"],
};
