//! What a registration asks for, and which roles that takes (`spec/identity.md`, "Roles").

use serde_json::{Map, Value};

use crate::decision_point::Ask;
use crate::domain::{
    Agent, AgentId, Authentication, Pattern, PrincipalStatus, Role, Roles, TrustLevel,
};
use crate::registry::{Registry, list_problems};
use crate::tools::{Fault, Permit, ToolError};

use super::super::{json_text, mendable, text};
use super::agent_id;

/// A registration as it is asked for.
pub(in crate::governance) struct Order {
    pub(super) agent_id: AgentId,
    pub(super) name: String,
    pub(super) trust: TrustLevel,
    pub(super) description: Option<String>,
    pub(super) allowed: Vec<String>,
    pub(super) denied: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) owner: Option<String>,
}

impl Order {
    /// Reads the call's arguments.
    pub(super) fn read(permit: &Permit) -> Result<Self, ToolError> {
        let agent_id = agent_id(permit)?;
        let asked = text(permit, "trust_level").unwrap_or("low");
        let trust = TrustLevel::parse(asked).ok_or_else(|| {
            mendable(
                Fault::Value,
                "invalid trust level",
                format!("Invalid trust level '{asked}'. Must be one of: low, medium, high, admin"),
                "low is for agents that nobody vouches for",
            )
        })?;
        let order = Self {
            agent_id,
            name: text(permit, "name").unwrap_or_default().to_owned(),
            trust,
            description: text(permit, "description").map(str::to_owned),
            allowed: json_text::texts(permit, "allowed_tools", "invalid allowed_tools JSON")?,
            denied: json_text::texts(permit, "denied_tools", "invalid denied_tools JSON")?,
            metadata: json_text::object(permit, "metadata", "invalid metadata JSON")?
                .unwrap_or_default(),
            owner: text(permit, "owner").map(str::to_owned),
        };
        let problems: Vec<String> = list_problems(&order.allowed, &order.denied)
            .iter()
            .map(ToString::to_string)
            .collect();
        if problems.is_empty() {
            Ok(order)
        } else {
            Err(mendable(
                Fault::Value,
                "invalid tool patterns",
                problems.join("; "),
                "patterns are globs over tool names, such as `read_*`",
            ))
        }
    }

    /// The agent that this makes of the registered one.
    pub(super) fn applied(
        self,
        before: Option<&Agent>,
        by: &str,
        now: crate::domain::Timestamp,
    ) -> Agent {
        Agent {
            revision: 0,
            agent_id: self.agent_id,
            name: self.name,
            description: self.description,
            trust_level: self.trust,
            allowed_tools: self.allowed,
            denied_tools: self.denied,
            metadata: self.metadata,
            status: PrincipalStatus::Active,
            registered_at: before.map_or(now, |agent| agent.registered_at),
            updated_at: now,
            registered_by: before
                .map_or_else(|| by.to_owned(), |agent| agent.registered_by.clone()),
            owner: self.owner,
            auto_registered: false,
            suspended_at: None,
            suspension_reason: None,
            incident_id: None,
        }
    }
}

/// Which roles it takes to register an agent so: one of a person, but for what a model may ask for on its own machine.
pub(super) fn roles_for(
    before: Option<&Agent>,
    trust: TrustLevel,
    allowed: &[String],
    denied: &[String],
    authentication: Authentication,
) -> Roles {
    let raises = match before {
        Some(agent) => trust > agent.trust_level,
        None => trust >= TrustLevel::High,
    };
    let widens = before.is_some_and(|agent| widens(agent, allowed, denied));
    if raises || widens {
        Roles::any_of(&[Role::Admin])
    } else if authentication == Authentication::Local {
        Roles::NONE
    } else {
        Roles::any_of(&[Role::Operator])
    }
}

/// Whether lists like these may let the agent do more than those it has.
fn widens(agent: &Agent, allowed: &[String], denied: &[String]) -> bool {
    let open = |list: &[String]| list.is_empty() || list.iter().any(|pattern| pattern == "*");
    let kept_denials = agent
        .denied_tools
        .iter()
        .all(|pattern| denied.iter().any(|kept| covers(kept, pattern)));
    let allows_more = !open(&agent.allowed_tools)
        && (open(allowed)
            || allowed
                .iter()
                .any(|pattern| !agent.allowed_tools.iter().any(|had| covers(had, pattern))));
    !kept_denials || allows_more
}

/// Whether the wider pattern surely fits whatever the narrower one fits.
fn covers(wide: &str, narrow: &str) -> bool {
    if wide == "*" || wide.eq_ignore_ascii_case(narrow) {
        return true;
    }
    let exact = Pattern::parse(narrow).is_ok_and(|pattern| pattern.exact().is_some());
    exact && Pattern::parse(wide).is_ok_and(|pattern| pattern.matches(narrow))
}

/// The roles that this call of `register_agent` needs.
///
/// What cannot be read is refused by the tool itself, so the most that such a call could ask for is needed.
pub(in crate::governance) fn needs_to_register(registry: &Registry, ask: &Ask) -> Roles {
    let arguments = &ask.arguments;
    let given = |name: &str| arguments.get(name).and_then(Value::as_str);
    let list = |name: &str| -> Option<Vec<String>> {
        let value = match arguments.get(name) {
            None | Some(Value::Null) => return Some(Vec::new()),
            Some(Value::String(text)) => crate::wire::read_value(text.as_bytes()).ok()?,
            Some(value) => value.clone(),
        };
        let items = value.as_array()?;
        items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let read = || {
        let agent_id = AgentId::parse(given("agent_id")?).ok()?;
        let trust = TrustLevel::parse(given("trust_level").unwrap_or("low"))?;
        let before = registry.store().get(&agent_id).ok()?;
        let (allowed, denied) = (list("allowed_tools")?, list("denied_tools")?);
        let by = ask.principal.authentication;
        Some(roles_for(before.as_ref(), trust, &allowed, &denied, by))
    };
    read().unwrap_or_else(|| match ask.principal.authentication {
        // Nothing of it will be done; the tool's own words are the better answer.
        Authentication::Local => Roles::NONE,
        Authentication::None
        | Authentication::Internal
        | Authentication::Key
        | Authentication::Token
        | Authentication::Anonymous => Roles::any_of(&[Role::Operator]),
    })
}

/// The roles that this call of `get_agent` needs: none to see oneself.
pub(in crate::governance) fn needs_to_read(ask: &Ask) -> Roles {
    let own = ask.arguments.get("agent_id").and_then(Value::as_str)
        == Some(ask.principal.agent_id.as_str());
    if own {
        Roles::NONE
    } else {
        Roles::any_of(&[Role::Auditor, Role::Operator])
    }
}
