//! The tools about policies, as they are catalogued.

use serde_json::{Value, json};

use crate::domain::{Role, Roles, ToolClass};
use crate::tools::ToolDefinition;

use super::super::schemas;

pub(in crate::governance) fn definitions() -> Vec<ToolDefinition> {
    let admin = Roles::only(Role::Admin);
    let readers = Roles::of(&[Role::Auditor, Role::Operator, Role::Admin]);
    let tool = ToolDefinition::gateway;
    let id = || json!({ "type": "string", "description": "The policy's id: 1 to 128 of A-Z a-z 0-9 . _ : -" });
    let loosening = || json!({ "type": "boolean", "default": false, "description": "true: make the change although something becomes callable; needed with `policy.loosening: refuse`" });
    let version = |about: &str| json!({ "type": "integer", "minimum": 1, "description": about });
    let candidate = || json!({ "type": ["object", "string"], "description": "A policy as create_policy takes it; it is not stored" });
    let cursor = || json!({ "type": "string", "maxLength": 400, "description": "next_cursor of the page before" });
    let limit = |default: u32| json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": default, "description": "How many" });
    let creation = schemas::object(
        &json!({
            "policy_id": id(),
            "name": { "type": "string", "minLength": 1, "maxLength": 200, "description": "Its name for people" },
            "rules": rules(),
            "description": { "type": "string", "maxLength": 2000, "description": "What it is for" },
            "priority": { "type": "integer", "minimum": -1_000_000_000, "maximum": 1_000_000_000, "default": 100, "description": "Higher decides first" },
            "enabled": { "type": "boolean", "default": true, "description": "Whether it takes part" },
            "enforcement": { "type": "string", "enum": ["enforce", "shadow"], "default": "enforce", "description": "shadow only watches" },
            "allow_loosening": loosening(),
        }),
        &["policy_id", "name", "rules"],
    );
    let deletion = schemas::object(
        &json!({ "policy_id": id(), "reason": schemas::reason(), "allow_loosening": loosening() }),
        &["policy_id"],
    );
    let return_to = schemas::object(
        &json!({ "version": version("The version whose runtime policies come back"), "reason": schemas::reason(), "allow_loosening": loosening() }),
        &["version"],
    );
    let listing = schemas::object(
        &json!({
            "origin": { "type": "string", "enum": ["file", "runtime"], "description": "Only from files, or only created at run time" },
            "enabled": { "type": "boolean", "description": "Only those that take part, or only those that do not" },
            "enforcement": { "type": "string", "enum": ["enforce", "shadow"], "description": "Only those that decide, or only those that watch" },
            "limit": limit(100),
            "cursor": cursor(),
        }),
        &[],
    );
    let trial = schemas::object(
        &json!({
            "calls": { "type": ["array", "string"], "description": "Calls to decide twice: objects of tool, arguments?, agent_id?, trust_level?, action_type?, mode?" },
            "policy": candidate(),
            "without": { "type": "string", "description": "Id of a runtime policy to leave out" },
        }),
        &["calls"],
    );
    let comparison = schemas::object(
        &json!({ "from": version("The older version; the parent of `to` if absent"), "to": version("The newer version; the live one if absent"), "policy": candidate() }),
        &[],
    );
    let past = schemas::object(&json!({ "limit": limit(20), "cursor": cursor() }), &[]);
    let one = schemas::object(&json!({ "policy_id": id() }), &["policy_id"]);
    let linted = schemas::object(&json!({ "policy": candidate() }), &[]);
    vec![
        tool("create_policy", ToolClass::Modify, "Creates a policy, or replaces one that was created before. It counts for every call from the answer on. The answer's warnings say what lint found and what becomes callable. Policies in files are changed in their file.", creation),
        tool("delete_policy", ToolClass::Modify, "Deletes a policy that was created at run time.", deletion).needs(admin),
        tool("rollback_policy", ToolClass::Modify, "Makes a new version with the runtime policies of an older one. Files stay as they are; the answer says when they differ.", return_to).needs(admin),
        tool("list_policies", ToolClass::Read, "Lists the policies of files and those created at run time, by id.", listing).safe(),
        tool("get_policy", ToolClass::Read, "Shows one policy with its rules, in the form in which create_policy takes it.", one).safe(),
        tool("check_policies", ToolClass::Read, "Says what is wrong with the policy in force and what is probably not meant; with `policy`, what creating that one would be told, without storing it.", linted).needs(readers).safe(),
        tool("diff_policies", ToolClass::Read, "Says what becomes callable and what stops being so between two versions, or by creating a policy.", comparison).needs(readers).safe(),
        tool("simulate_policies", ToolClass::Read, "Decides calls under the policy in force and under a changed one, and says which answers change. Nothing is done or stored.", trial).needs(readers),
        tool("policy_history", ToolClass::Read, "Lists the versions of the policy, newest first: who made each, why, and what changed.", past).needs(readers).safe(),
    ]
}

fn rules() -> Value {
    json!({
        "type": ["array", "string"],
        "description": "Rules of `condition` (tool_pattern, action_type, trust_level_below, trust_level_at_least, trust_level, agents, modes, arguments), `action` (allow, deny, require_approval) and `message`; or JSON text of such a list",
    })
}
