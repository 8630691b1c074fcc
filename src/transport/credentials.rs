//! What a request shows of its caller (`spec/identity.md`, "Who is calling").

use std::fmt;

use axum::http::{HeaderMap, header};

use crate::pipeline::{Credentials, KeyText, Shown};
use crate::wire::{Problem, ProblemCode};

/// The header that holds a key by itself.
const API_KEY: &str = "x-api-key";

/// The credential of the request; none where it shows none.
///
/// # Errors
/// When there is more than one, or it stands where it must not.
pub(super) fn of(headers: &HeaderMap, query: Option<&str>) -> Result<Credentials, Problem> {
    refuse_in_url(query)?;
    let bearer = one(headers, header::AUTHORIZATION.as_str())?
        .map(|value| bearer(value).unwrap_or_default());
    let key = one(headers, API_KEY)?;
    let shown = match (bearer, key) {
        (None, None) => return Ok(Credentials::None),
        (Some(shown), None) | (None, Some(shown)) => shown,
        (Some(bearer), Some(key)) if bearer == key => key,
        (Some(_), Some(_)) => {
            return Err(twice("`Authorization` and `X-API-Key` name two callers"));
        }
    };
    if is_unset_variable(shown) {
        let detail = format!(
            "the credential is the text `{}`: the client did not put the variable's value there",
            shown.escape_debug()
        );
        return Err(Problem::new(ProblemCode::Unauthenticated, detail)
            .hint("set that variable where the client runs, then start the client again"));
    }
    Ok(Credentials::Shown(Shown::read(shown)))
}

/// The header's value, if it stands there once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        // What is no text is no credential of ours.
        (Some(value), None) => Ok(Some(value.to_str().unwrap_or_default().trim())),
        (Some(_), Some(_)) => Err(twice(&format!("`{name}` stands there twice"))),
    }
}

fn twice(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidValue, detail).hint("send one credential")
}

/// What stands behind `Bearer` (RFC 6750, 2.1); the scheme has no case (RFC 9110, 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether it is the name of a variable that nobody replaced: `${NAME}`.
fn is_unset_variable(text: &str) -> bool {
    text.starts_with("${") && text.ends_with('}')
}

/// Addresses end up in logs and histories: a key in one is known to others.
fn refuse_in_url(query: Option<&str>) -> Result<(), Problem> {
    let parts = query.unwrap_or_default().split('&');
    let values = parts.filter_map(|part| part.split_once('='));
    let mut found = values.filter(|(name, value)| {
        KeyText::is_meant(value) || name.eq_ignore_ascii_case("access_token")
    });
    match found.next() {
        None => Ok(()),
        Some((name, _)) => Err(Problem::new(
            ProblemCode::InvalidValue,
            format!(
                "a credential stands in the address, as `{}`",
                name.escape_debug()
            ),
        )
        .hint("send it as `Authorization: Bearer …`, and revoke that one: addresses are logged")),
    }
}

/// What tells a client that its credential is right, and not enough (RFC 6750, 3.1).
pub(super) fn lacks_role(base: &impl fmt::Display) -> String {
    let metadata = challenge(base, false);
    format!(
        "{metadata}, error=\"insufficient_scope\", error_description=\"another role is needed\""
    )
}

/// What tells a client how to authenticate (RFC 6750, 3; RFC 9728, 5.1).
pub(super) fn challenge(base: &impl fmt::Display, shown: bool) -> String {
    let metadata =
        format!("Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource\"");
    if shown {
        format!(
            "{metadata}, error=\"invalid_token\", error_description=\"the credential is unknown, wrong, expired or revoked\""
        )
    } else {
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    fn fault(pairs: &[(&'static str, &str)], query: Option<&str>) -> (u16, String) {
        let problem = of(&headers(pairs), query).expect_err("refused");
        (problem.status, problem.detail.to_string())
    }

    #[test]
    fn a_credential_stands_in_one_header() {
        assert_eq!(of(&HeaderMap::new(), None).ok(), Some(Credentials::None));
        let token = Credentials::Shown(Shown::read("abc"));
        for pairs in [
            &[("authorization", "Bearer abc")][..],
            &[("authorization", "bearer  abc ")],
            &[("x-api-key", "abc")],
            &[("x-api-key", "abc"), ("authorization", "Bearer abc")],
        ] {
            assert_eq!(
                of(&headers(pairs), None).ok(),
                Some(token.clone()),
                "{pairs:?}"
            );
        }
        let nothing = Credentials::Shown(Shown::read(""));
        for value in ["Basic abc", "abc", "Bearer"] {
            let pairs = [("authorization", value)];
            assert_eq!(
                of(&headers(&pairs), None).ok(),
                Some(nothing.clone()),
                "{value}"
            );
        }
    }

    #[test]
    fn two_credentials_are_none() {
        for pairs in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")][..],
            &[("x-api-key", "a"), ("x-api-key", "a")],
            &[("x-api-key", "a"), ("authorization", "Bearer b")],
        ] {
            assert_eq!(fault(pairs, None).0, 400, "{pairs:?}");
        }
    }

    #[test]
    fn a_variable_that_nobody_set_is_told_from_a_wrong_key() {
        let (status, detail) = fault(&[("authorization", "Bearer ${PG_KEY}")], None);
        assert_eq!(status, 401);
        assert!(detail.contains("${PG_KEY}"), "{detail}");
    }

    #[test]
    fn a_key_in_an_address_is_refused() {
        for query in ["a=1&api_key=pg_abc", "access_token=x"] {
            let (status, detail) = fault(&[], Some(query));
            assert_eq!(status, 400);
            assert!(!detail.contains("abc"), "{detail}");
        }
        assert!(of(&HeaderMap::new(), Some("limit=5")).is_ok());
    }
}
