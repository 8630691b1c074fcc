//! Tools about credentials: `create_key`, `list_keys`, `rotate_key`, `revoke_key`, `put_user`, `list_users`.

mod ending; // tool `revoke_key`
mod making; // tools `create_key`, `rotate_key`
mod people; // tools `put_user`, `list_users`
mod views; // tool `list_keys`, and how keys look

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::domain::{AgentId, IncidentType, KeyId, Role, Roles, Severity, ToolClass};
use crate::identity::{Book, Kept};
use crate::incidents::Report;
use crate::tools::{Fault, Permit, ToolDefinition, ToolError};

use super::{Governance, actor, mendable, schemas, text};

pub(super) use ending::revoke;
pub(super) use making::{create, rotate};
pub(super) use people::{list as list_users, put as put_user};
pub(super) use views::list as list_keys;

/// The longest that a key may hold, and an old one beside its successor.
const LONGEST: Duration = Duration::from_hours(24 * 3660);

pub(super) fn definitions() -> Vec<ToolDefinition> {
    let admin = Roles::only(Role::Admin);
    let readers = Roles::any_of(&[Role::Auditor, Role::Admin]);
    let id = |about: &str| json!({ "type": "string", "description": about });
    let roles = |about: &str| json!({ "type": "array", "items": { "type": "string", "enum": Role::ALL.map(Role::as_str) }, "maxItems": Role::ALL.len(), "description": about });
    let span = |about: &str| json!({ "type": "string", "pattern": "^[0-9]{1,6}[smhd]$", "description": about });
    let key_id = || id("The key's public part: the eight characters behind `pg_`");
    let name = |about: &str| json!({ "type": "string", "maxLength": 200, "description": about });
    let tool = ToolDefinition::gateway;
    vec![
        tool("create_key", ToolClass::Modify, "Makes an API key for an agent or a person. The answer shows it, once: it is not kept.", schemas::object(&json!({
            "agent_id": id("The agent that it stands for"),
            "user_id": id("The person that it stands for"),
            "roles": roles("What it may do. For an agent: agent (if absent), pep, catalog. For a person: some of its roles; all of them if absent"),
            "name": name("What it is for"),
            "expires_in": span("How long it holds, as 90d, 12h; for ever if absent"),
        }), &[])).needs(admin),
        tool("list_keys", ToolClass::Read, "Lists API keys: whose they are, what they may do, when they were last used. The keys themselves are not kept.", schemas::object(&json!({
            "agent_id": id("Only of this agent"),
            "user_id": id("Only of this person"),
        }), &[])).needs(readers).safe(),
        tool("rotate_key", ToolClass::Modify, "Makes a key in the place of another one, which holds for a while beside it.", schemas::object(&json!({
            "key_id": key_id(),
            "overlap": span("How long the old one still holds, as 24h (if absent); 0s ends it at once"),
            "expires_in": span("How long the new one holds; as long as the old one was made for if absent"),
        }), &["key_id"])).needs(admin),
        tool("revoke_key", ToolClass::Modify, "Ends a key at once; streams that it opened end within two seconds.", schemas::object(&json!({
            "key_id": key_id(),
            "reason": schemas::reason(),
        }), &["key_id"])).needs(admin).safe(),
        tool("put_user", ToolClass::Modify, "Adds a person, or changes one: its name, its roles, whether it may call at all.", schemas::object(&json!({
            "user_id": id("The person's id: 1 to 128 of A-Z a-z 0-9 . _ : @ -; no agent's"),
            "name": name("Its name for people"),
            "roles": roles("What it may do; none if absent from a new one"),
            "status": { "type": "string", "enum": ["active", "disabled"], "description": "A disabled person's keys hold no more" },
        }), &["user_id"])).needs(admin),
        tool("list_users", ToolClass::Read, "Lists the people who work with the gateway: their roles, and whether they may call.", schemas::nothing()).needs(readers).safe(),
    ]
}

/// The roles that the call names, if it does; the schema let them pass.
fn roles(permit: &Permit) -> Option<Vec<Role>> {
    let named = permit.arguments().get("roles")?.as_array()?;
    let roles = named.iter().filter_map(Value::as_str);
    Some(roles.filter_map(Role::parse).collect())
}

/// The length of time that the call names, as `90d`.
fn span(permit: &Permit, name: &str) -> Result<Option<Duration>, ToolError> {
    let Some(given) = text(permit, name) else {
        return Ok(None);
    };
    let (digits, unit) = given
        .split_at_checked(given.len().saturating_sub(1))
        .unwrap_or_default();
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 86_400,
    };
    let seconds = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    let span = seconds
        .map(Duration::from_secs)
        .filter(|span| *span <= LONGEST);
    span.map(Some).ok_or_else(|| {
        mendable(
            Fault::Value,
            "span",
            format!("`{given}` is too long for `{name}`: ten years at most"),
            "leave it out for a key that does not end by itself",
        )
    })
}

/// The key that the call names.
fn named<'a>(permit: &Permit, book: &'a Book) -> Result<&'a Kept, ToolError> {
    let id = text(permit, "key_id").unwrap_or_default();
    let key = KeyId::parse(id).and_then(|id| book.key(&id));
    key.ok_or_else(|| {
        mendable(
            Fault::Missing,
            "key_not_found",
            format!("there is no key `{}`", id.escape_debug()),
            "look it up with list_keys; its id is the eight characters behind `pg_`",
        )
    })
}

fn parsed(given: &str) -> Result<AgentId, ToolError> {
    let fault = |fault: crate::domain::IdError| {
        let hint = "use 1 to 128 of A-Z a-z 0-9 . _ : @ -";
        mendable(Fault::Value, "id", fault.to_string(), hint)
    };
    let id = AgentId::parse(given).map_err(fault)?;
    if id.is_reserved() {
        return Err(mendable(
            Fault::Conflict,
            "reserved_id",
            format!("`{id}` is reserved for the gateway itself"),
            "choose another id",
        ));
    }
    Ok(id)
}

fn conflict(error: &'static str, message: String, hint: &str) -> ToolError {
    mendable(Fault::Conflict, error, message, hint)
}

/// Lets people know that somebody may now approve or administer (`spec/identity.md`, "Roles").
async fn tell(governance: &Governance, permit: &Permit, what: &str, roles: Roles) {
    if !roles.meets(Roles::any_of(&[Role::Approver, Role::Admin])) {
        return;
    }
    let named: Vec<&str> = roles.iter().map(Role::as_str).collect();
    let by = actor(permit);
    let mut evidence = Map::new();
    evidence.insert("roles".to_owned(), json!(named));
    evidence.insert("action_id".to_owned(), json!(permit.request().action_id));
    let report = Report {
        kind: IncidentType::Other,
        severity: Severity::Low,
        description: format!("`{by}` made {what} with the roles {}", named.join(", ")),
        agent_id: None,
        evidence,
        recommended_action: Some("look whether that was meant".to_owned()),
        auto_suspend: false,
        reported_by: "gateway".to_owned(),
        may_suspend: false,
        of: None,
    };
    if let Err(fault) = governance.incidents.report(report).await {
        tracing::warn!(%fault, "the incident of a powerful credential could not be written");
    }
}
