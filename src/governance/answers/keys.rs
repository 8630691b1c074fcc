//! Credentials and people.

use serde_json::{Value, json};

use crate::domain::{Role, TotpStatus};
use crate::tools::schema::{answer, count, done_and, flag, instant, list, one_of, or_null, text};

pub(super) fn of(tool: &str) -> Option<Value> {
    Some(match tool {
        "create_key" | "rotate_key" => answer(
            &done_and(json!({
                "key_id": key_id(),
                "key": text("The key, shown this once"),
                "agent_id": or_null(&text("The agent that it stands for")),
                "user_id": or_null(&text("The person that it stands for")),
                "roles": roles(),
                "expires_at": or_null(&instant()),
            })),
            &[],
        ),
        "revoke_key" => answer(&done_and(json!({ "key_id": key_id() })), &[]),
        "list_keys" => answer(
            &json!({ "count": count("How many"), "keys": list(&key()) }),
            &[],
        ),
        "put_user" => answer(
            &done_and(json!({ "user_id": text("The person"), "user": user() })),
            &[],
        ),
        "list_users" => answer(
            &json!({ "count": count("How many"), "users": list(&user()) }),
            &[],
        ),
        "enroll_totp" => answer(
            &done_and(json!({
                "user_id": text("The person"),
                "totp": totp(),
                "secret": text("The secret in base 32, shown this once"),
                "uri": text("The same as an address that apps read from a QR code"),
            })),
            &[],
        ),
        "confirm_totp" | "remove_totp" => answer(
            &done_and(json!({ "user_id": text("The person"), "totp": totp() })),
            &[],
        ),
        _ => return None,
    })
}

fn totp() -> Value {
    one_of(&TotpStatus::ALL.map(TotpStatus::as_str))
}

fn key_id() -> Value {
    json!({ "type": "string", "pattern": "^[0-9A-Za-z]{8}$" })
}

fn roles() -> Value {
    list(&one_of(&Role::ALL.map(Role::as_str)))
}

fn key() -> Value {
    answer(
        &json!({
            "key_id": key_id(),
            "agent_id": or_null(&text("The agent that it stands for")),
            "user_id": or_null(&text("The person that it stands for")),
            "roles": roles(),
            "name": or_null(&text("What it is for")),
            "status": one_of(&["active", "expired", "revoked"]),
            "created_at": instant(),
            "created_by": text("Who made it"),
            "expires_at": or_null(&instant()),
            "last_used_at": or_null(&instant()),
            "revoked_at": or_null(&instant()),
            "revocation_reason": or_null(&text("Why it was revoked")),
            "replaced_by": or_null(&key_id()),
            "bootstrap": flag("Whether it counts only while there is no other administrator"),
        }),
        &[],
    )
}

fn user() -> Value {
    answer(
        &json!({
            "user_id": text("The person"),
            "name": text("Its name for people"),
            "roles": roles(),
            "status": one_of(&["active", "disabled"]),
            "totp": totp(),
            "created_at": instant(),
            "created_by": text("Who added it"),
            "updated_at": instant(),
        }),
        &[],
    )
}
