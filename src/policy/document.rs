//! The policy file as written: every map of the native form, every key with what it means.

use super::text::Shape;

/// The file as a whole.
pub(super) const DOCUMENT: Shape = Shape {
    what: "a policy file",
    noun: "key",
    keys: &[
        ("policy_name", "the bundle's name, for people"),
        ("version", "as the author counts; quoted"),
        ("description", "what the bundle is for"),
        (
            "default_mode",
            "the mode at first start, to which the others return; NORMAL if absent",
        ),
        (
            "default_decision",
            "deny (if absent) or allow, when no rule fires and the mode does not allow",
        ),
        ("tool_groups", "lists of patterns, used as \"@name\""),
        (
            "modes",
            "what each mode allows, blocks and leaves to the rules",
        ),
        ("global_rules", "what holds in every mode"),
        ("time_restrictions", "hours in which a tool may run"),
        (
            "operations",
            "which resource and operation a tool's call means",
        ),
        ("resource_policies", "what may be done to a resource"),
        (
            "parameter_constraints",
            "what a tool's arguments must be, always",
        ),
        ("protected", "paths that no argument may reach"),
        ("policies", "prioritized lists of rules"),
    ],
    later: &[
        "quotas",
        "require_approval_for",
        "limits",
        "targets",
        "invariants",
        "windows",
    ],
};

/// One mode.
pub(super) const MODE: Shape = Shape {
    what: "a mode",
    noun: "key",
    keys: &[
        ("description", "what the mode is for"),
        (
            "rationale",
            "why it blocks what it blocks; part of a denial's reason",
        ),
        ("allowed_tools", "granted by the mode"),
        ("blocked_tools", "denied by the mode"),
        ("reachable_tools", "not granted, but rules may"),
        (
            "max_duration",
            "how long it may last: a duration, or none; 1h if absent",
        ),
        (
            "service_restrictions",
            "whether changes may touch unhealthy services only",
        ),
        (
            "requires_totp",
            "true: whoever switches to it gives a code of their own; false if absent",
        ),
    ],
    later: &[],
};

/// `service_restrictions` of a mode.
pub(super) const SERVICE_RESTRICTIONS: Shape = Shape {
    what: "service_restrictions",
    noun: "key",
    keys: &[(
        "enabled",
        "true: changes may touch only unhealthy services, and only those in the incident's scope",
    )],
    later: &[],
};

/// `global_rules`.
pub(super) const GLOBAL_RULES: Shape = Shape {
    what: "global_rules",
    noun: "key",
    keys: &[
        (
            "always_blocked",
            "denied in every mode, for everyone, with every approval",
        ),
        ("description", "why"),
    ],
    later: &[],
};

/// One line of `time_restrictions`.
pub(super) const TIME_RESTRICTION: Shape = Shape {
    what: "a time restriction",
    noun: "key",
    keys: &[
        ("allowed_hours", "hours of the local wall clock, 0 to 23"),
        ("timezone", "IANA zone, spelled exactly; UTC if absent"),
    ],
    later: &[],
};

/// One line of `operations`.
pub(super) const OPERATION: Shape = Shape {
    what: "an operation",
    noun: "key",
    keys: &[
        (
            "resource",
            "args.<name> for the argument that names it, or the name itself",
        ),
        ("operation", "what the call does to it"),
    ],
    later: &[],
};

/// One line of `resource_policies`.
pub(super) const RESOURCE_POLICY: Shape = Shape {
    what: "a resource policy",
    noun: "key",
    keys: &[
        ("allowed_operations", "if given: only these"),
        ("blocked_operations", "never these"),
        ("require_approval", "these only with an approval"),
    ],
    later: &[],
};

/// `protected`.
pub(super) const PROTECTED: Shape = Shape {
    what: "protected",
    noun: "key",
    keys: &[
        (
            "paths",
            "globs over normalized paths that no argument may reach",
        ),
        (
            "allow_read",
            "whether read-only tools may all the same; false if absent",
        ),
    ],
    later: &[],
};

/// One policy; `policy_id` is what `create_policy` calls its id.
pub(super) const POLICY: Shape = Shape {
    what: "a policy",
    noun: "key",
    keys: &[
        ("id", "unique in the bundle"),
        ("policy_id", "the same, as create_policy calls it"),
        ("name", "for people; the id if absent"),
        ("description", "for people"),
        ("priority", "higher decides first; 100 if absent"),
        ("enabled", "whether it takes part; true if absent"),
        (
            "enforcement",
            "enforce (if absent) or shadow, which only watches",
        ),
        ("effective_from", "not before this instant"),
        ("expires_at", "not from this instant on"),
        ("rules", "the rules"),
    ],
    later: &[],
};

/// One rule.
pub(super) const RULE: Shape = Shape {
    what: "a rule",
    noun: "key",
    keys: &[
        ("name", "for people"),
        ("condition", "when it fires: every key must hold"),
        ("require", "if it fires and this does not hold: deny"),
        ("action", "allow, deny or require_approval"),
        ("message", "the reason it gives"),
        (
            "overridable",
            "whether an override may lift its deny; true if absent",
        ),
        (
            "severity",
            "of the incident that a violation opens; medium if absent",
        ),
        ("approval", "with require_approval: who, how many, how long"),
    ],
    later: &["obligations"],
};

/// `condition` of a rule.
pub(super) const CONDITION: Shape = Shape {
    what: "a condition",
    noun: "condition",
    keys: &[
        ("tool_pattern", "a glob over the name, or a list"),
        ("action_type", "a glob over the action type, or a list"),
        ("trust_level_below", "agents below this level"),
        ("trust_level_at_least", "agents of this level and above"),
        ("trust_level", "agents of this level, or of one in a list"),
        ("agents", "globs over agent ids"),
        ("modes", "mode names"),
        ("arguments", "tests of arguments, all of which must hold"),
    ],
    later: &[
        "target_roles",
        "target_pattern",
        "time",
        "not_during",
        "annotations",
        "history",
        "when",
    ],
};

/// `arguments.<name>` of a condition, when it is not a bare value.
pub(super) const ARGUMENT_TEST: Shape = Shape {
    what: "an argument test",
    noun: "test",
    keys: &[
        ("eq", "equal"),
        ("ne", "of the same type and different"),
        ("in", "one of these"),
        ("not_in", "none of these"),
        ("gt", "greater"),
        ("gte", "greater or equal"),
        ("lt", "less"),
        ("lte", "less or equal"),
        ("matches", "a regex over the whole text"),
        ("glob", "a glob over the whole text"),
    ],
    later: &[],
};

/// `require` of a rule.
pub(super) const REQUIRE: Shape = Shape {
    what: "require",
    noun: "key",
    keys: &[(
        "arguments",
        "what arguments must be, as in parameter_constraints",
    )],
    later: &[],
};

/// `approval` of a rule.
pub(super) const APPROVAL: Shape = Shape {
    what: "approval",
    noun: "key",
    keys: &[
        (
            "timeout",
            "until an undecided approval counts as denied; 30m if absent",
        ),
        (
            "valid_for",
            "how long an approval may be used; 15m if absent",
        ),
        (
            "approvers",
            "role:<role> or agent ids; role:approver if absent",
        ),
        ("quorum", "how many must say yes; 1 if absent"),
    ],
    later: &[],
};

/// What every parameter constraint may say, whatever its type.
pub(super) const PARAMETER_KEYS: [&str; 4] = ["type", "required", "default", "allowlist_source"];

/// The constraint types with the keys of their own.
pub(super) const PARAMETER_TYPES: &[(&str, &[&str])] = &[
    (
        "string",
        &[
            "min_length",
            "max_length",
            "pattern",
            "allowed_values",
            "format",
        ],
    ),
    ("int", &["min", "max", "allowed_values"]),
    ("number", &["min", "max"]),
    ("bool", &[]),
    ("list", &["max_items", "items"]),
    ("object", &["max_keys"]),
    ("path", &["under", "max_length"]),
    ("port", &[]),
    ("duration", &[]),
];

/// Every key that a parameter constraint may have with some type.
pub(super) const PARAMETER: Shape = Shape {
    what: "a parameter constraint",
    noun: "key",
    keys: &[
        (
            "type",
            "string, int, number, bool, list, object, path, port or duration",
        ),
        ("required", "whether it must be there; true if absent"),
        ("default", "filled in when it is missing"),
        (
            "allowlist_source",
            "the read-only tool whose answer lists the valid values",
        ),
        ("min_length", "fewest characters"),
        ("max_length", "most characters"),
        ("pattern", "a regex over the whole text, ASCII classes"),
        ("allowed_values", "the only values"),
        (
            "format",
            "hostname, ipv4, email, uuid, safe_filename or url",
        ),
        ("min", "least value"),
        ("max", "greatest value"),
        ("max_items", "most items"),
        ("items", "what each item must be"),
        ("max_keys", "most keys"),
        ("under", "folders in which a path must lie"),
    ],
    later: &[],
};
