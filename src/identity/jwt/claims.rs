//! What a signed token claims, checked: for us, now, of somebody who can be an agent.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::domain::{AgentId, Role, Roles, Timestamp};

use super::{RoleClaim, TokenFault};

/// How far an issuer's clock may be ahead of ours where a token begins (`nbf`, `iat`).
///
/// A token is used the moment it is made, by machines whose clocks differ by seconds; a minute spares callers a refusal
/// that goes away by itself, and gives nobody more than the issuer does. The end has no such leeway: a token lives as
/// long as its issuer said and not a second longer.
const LEEWAY: Duration = Duration::from_mins(1);

/// The last second that a calendar can hold, 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

/// Checks that the token is for this audience.
pub(super) fn check_audience(
    claims: &Map<String, Value>,
    audience: &str,
) -> Result<(), TokenFault> {
    let is_ours = match claims.get("aud") {
        None => return Err(TokenFault::Missing("aud")),
        Some(Value::String(named)) => named == audience,
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            list.iter().any(|named| named.as_str() == Some(audience))
        }
        Some(_) => {
            return Err(TokenFault::Claim(
                "aud",
                "neither a text nor a list of texts",
            ));
        }
    };
    if is_ours {
        Ok(())
    } else {
        Err(TokenFault::Audience)
    }
}

/// Checks that the token is valid now; tells when it ends.
pub(super) fn check_times(
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<Timestamp, TokenFault> {
    let expires = instant(claims, "exp")?.ok_or(TokenFault::Missing("exp"))?;
    if now >= expires {
        return Err(TokenFault::Expired);
    }
    for name in ["nbf", "iat"] {
        if instant(claims, name)?.is_some_and(|begins| begins > now.plus(LEEWAY)) {
            return Err(TokenFault::NotYet);
        }
    }
    Ok(expires)
}

/// The subject, which must be there and not be empty.
pub(super) fn subject(claims: &Map<String, Value>) -> Result<&str, TokenFault> {
    match claims.get("sub") {
        None => Err(TokenFault::Missing("sub")),
        Some(Value::String(subject)) if subject.is_empty() => {
            Err(TokenFault::Claim("sub", "empty"))
        }
        Some(Value::String(subject)) => Ok(subject),
        Some(_) => Err(TokenFault::Claim("sub", "not a text")),
    }
}

/// The agent that a subject is, behind what names its issuer.
pub(super) fn agent(prefix: &str, subject: &str) -> Result<AgentId, TokenFault> {
    let id = if prefix.is_empty() {
        AgentId::parse(subject)
    } else {
        AgentId::parse(&format!("{prefix}{subject}"))
    };
    let id = id.map_err(|_| TokenFault::Subject)?;
    if id.is_reserved() {
        return Err(TokenFault::Reserved);
    }
    Ok(id)
}

/// The roles that the claims give; an agent's where they give none.
pub(super) fn roles(claims: &Map<String, Value>, map: &[RoleClaim]) -> Roles {
    let given: Vec<Role> = map
        .iter()
        .filter(|wanted| holds(claims, wanted))
        .map(|wanted| wanted.role)
        .collect();
    if given.is_empty() {
        Roles::of(&[Role::Agent])
    } else {
        Roles::of(&given)
    }
}

fn holds(claims: &Map<String, Value>, wanted: &RoleClaim) -> bool {
    match claims.get(&wanted.claim) {
        Some(Value::String(text)) if wanted.claim == "scope" => {
            text.split(' ').any(|word| word == wanted.value)
        }
        Some(Value::String(text)) => *text == wanted.value,
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(&wanted.value)),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    }
}

/// The instant of a claim: seconds since 1970, perhaps with a fraction (RFC 7519, `NumericDate`).
fn instant(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, TokenFault> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let whole = value.as_i64().or_else(|| value.as_f64().and_then(floor));
    whole
        .filter(|seconds| (0..=LAST_SECOND).contains(seconds))
        .map(|seconds| Some(Timestamp::from_millis(seconds * 1_000)))
        .ok_or(TokenFault::Claim(
            name,
            "not a number of seconds from 1970 to 9999",
        ))
}

/// The whole seconds of a number; a fraction is dropped, which ends a token early rather than late.
#[expect(
    clippy::cast_possible_truncation,
    reason = "as i64 saturates, and instants are held to a range behind"
)]
fn floor(seconds: f64) -> Option<i64> {
    seconds.is_finite().then(|| seconds.floor() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else {
            panic!("an object");
        };
        map
    }

    fn times(value: Value) -> Result<Timestamp, TokenFault> {
        check_times(&claims(value), Timestamp::from_millis(1_000_000))
    }

    #[test]
    fn a_token_ends_to_the_second_and_may_begin_a_minute_early() {
        let end = |second: i64| Ok(Timestamp::from_millis(second * 1_000));
        assert_eq!(times(json!({"exp": 1001})), end(1_001));
        assert_eq!(times(json!({"exp": 1001.9})), end(1_001));
        assert_eq!(times(json!({"exp": 1000})), Err(TokenFault::Expired));
        assert_eq!(times(json!({"exp": 999})), Err(TokenFault::Expired));
        for name in ["nbf", "iat"] {
            assert_eq!(times(json!({"exp": 2000, name: 1060})), end(2_000));
            assert_eq!(
                times(json!({"exp": 2000, name: 1061})),
                Err(TokenFault::NotYet)
            );
        }
    }

    #[test]
    fn an_instant_that_is_none_is_refused_wherever_it_stands() {
        assert_eq!(times(json!({})), Err(TokenFault::Missing("exp")));
        let form = "not a number of seconds from 1970 to 9999";
        for odd in [
            json!("2000"),
            json!(null),
            json!(-1),
            json!(1e30),
            json!([2000]),
            json!(LAST_SECOND + 1),
            json!(u64::MAX),
        ] {
            assert_eq!(
                times(json!({ "exp": odd })),
                Err(TokenFault::Claim("exp", form)),
                "{odd}"
            );
            assert_eq!(
                times(json!({ "exp": 2000, "nbf": odd })),
                Err(TokenFault::Claim("nbf", form)),
                "{odd}"
            );
        }
    }

    #[test]
    fn an_audience_is_one_of_ours_exactly() {
        let check = |aud: Value| check_audience(&claims(json!({ "aud": aud })), "https://a/mcp");
        assert_eq!(check(json!("https://a/mcp")), Ok(()));
        assert_eq!(check(json!(["x", "https://a/mcp"])), Ok(()));
        for other in [
            json!("https://a"),
            json!("https://a/mcp/"),
            json!([]),
            json!(""),
        ] {
            assert_eq!(check(other), Err(TokenFault::Audience));
        }
        for odd in [
            json!(null),
            json!({"https://a/mcp": 1}),
            json!(["https://a/mcp", 1]),
        ] {
            assert!(matches!(check(odd), Err(TokenFault::Claim("aud", _))));
        }
    }

    #[test]
    fn a_subject_is_an_agent_id_that_is_nobody_elses() {
        assert_eq!(
            agent("", "team:bot@host").unwrap().as_str(),
            "team:bot@host"
        );
        assert_eq!(agent("a.test:", "local").unwrap().as_str(), "a.test:local");
        for odd in ["spiffe://a/b", "a b", "-a", "ä", "a\n", &"a".repeat(129)] {
            assert_eq!(agent("", odd), Err(TokenFault::Subject), "{odd}");
        }
        assert_eq!(agent("a.test:", &"a".repeat(122)), Err(TokenFault::Subject));
        for ours in crate::domain::RESERVED_AGENTS {
            assert_eq!(agent("", ours), Err(TokenFault::Reserved), "{ours}");
        }
    }

    #[test]
    fn roles_are_those_that_configuration_gives_for_claims() {
        let map = |claim: &str, value: &str, role| RoleClaim {
            claim: claim.to_owned(),
            value: value.to_owned(),
            role,
        };
        let map = [
            map("scope", "tools:list", Role::Catalog),
            map("groups", "sre", Role::Operator),
            map("groups", "sre", Role::Agent),
            map("role", "admin", Role::Admin),
        ];
        let check = |value: Value, expected: &[Role]| {
            assert_eq!(
                roles(&claims(value.clone()), &map),
                Roles::of(expected),
                "{value}"
            );
        };
        check(json!({}), &[Role::Agent]);
        check(json!({"roles": ["admin"], "role": "Admin"}), &[Role::Agent]);
        check(json!({"scope": "x tools:list y"}), &[Role::Catalog]);
        check(json!({"scope": "tools:listed"}), &[Role::Agent]);
        check(
            json!({"groups": ["dev", "sre"]}),
            &[Role::Operator, Role::Agent],
        );
        check(json!({"groups": "dev sre"}), &[Role::Agent]);
        check(json!({"role": "admin"}), &[Role::Admin]);
        check(json!({"role": {"admin": true}}), &[Role::Agent]);
    }
}
