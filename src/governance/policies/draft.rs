//! A policy as a call gives it: read as strictly as a body, but stored nowhere yet.

use serde_json::{Map, Value};

use crate::domain::Arguments;
use crate::policy::{self, Finding, Policy};
use crate::policy_admin::DOOR;
use crate::tools::{Fault, ToolError};
use crate::wire::{self, StrictError};

use super::super::mendable;

/// What of a call belongs to the policy.
const MEMBERS: [&str; 6] = [
    "policy_id",
    "name",
    "description",
    "priority",
    "enabled",
    "enforcement",
];

/// A policy that was read.
pub(super) struct Draft {
    /// What it says.
    pub(super) policy: Policy,
    /// The policy as it was given, as it is stored.
    pub(super) document: String,
}

/// Why a call gives no policy.
pub(super) enum Unreadable {
    /// The rules are no JSON.
    Json(String),
    /// Something in it is not as it should be.
    Findings(Vec<Finding>),
}

impl Draft {
    /// Reads the policy out of the arguments of `create_policy`.
    pub(super) fn read(arguments: &Arguments) -> Result<Self, Unreadable> {
        Self::of_members(&arguments.0)
    }

    /// Reads the policy out of such an object.
    pub(super) fn of_members(members: &Map<String, Value>) -> Result<Self, Unreadable> {
        let given = |name: &&str| Some(((*name).to_owned(), members.get(*name)?.clone()));
        let mut document: Map<String, Value> = MEMBERS.iter().filter_map(given).collect();
        let rules = members.get("rules").unwrap_or(&Value::Null);
        document.insert("rules".to_owned(), inner(rules)?);
        let document = Value::Object(document);
        let policy = policy::parse_rules(&document, DOOR).map_err(Unreadable::Findings)?;
        Ok(Self {
            policy,
            document: document.to_string(),
        })
    }
}

/// The value, or what its text says.
fn inner(value: &Value) -> Result<Value, Unreadable> {
    let Value::String(text) = value else {
        return Ok(value.clone());
    };
    wire::read_value(text.as_bytes()).map_err(|fault| {
        Unreadable::Json(match fault {
            StrictError::Unreadable(why) => why,
            StrictError::NotAnObject(what) => what.to_owned(),
        })
    })
}

impl From<Unreadable> for ToolError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Json(why) => mendable(
                Fault::Value,
                "invalid rules JSON",
                format!("Invalid rules JSON: {why}"),
                "send a list, or JSON text of one with each key once",
            ),
            Unreadable::Findings(findings) => invalid_rules(&findings),
        }
    }
}

/// The refusal of a policy for what is wrong with it.
pub(super) fn invalid_rules(findings: &[Finding]) -> ToolError {
    let hint = findings.iter().find_map(|finding| finding.hint.clone());
    mendable(
        Fault::Value,
        "invalid policy rules",
        format!("Invalid policy rules: {}", policy::call_problems(findings)),
        hint.unwrap_or_else(|| "check_policies says more".to_owned()),
    )
}
