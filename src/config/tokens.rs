//! Whose tokens are believed (`spec/identity.md`, "Who is calling").

use std::path::PathBuf;

use crate::domain::Role;
use crate::identity::{Algorithm, Issuer, KeyPlace, RoleClaim};
use crate::outbound::check_key_address;

use super::values::Values;

/// The issuers as they are set: names and places of keys side by side, the rest for all of them.
pub(super) fn issuers(values: &mut Values<'_>) -> Vec<Issuer> {
    let names: Vec<&str> = values.list("jwt.issuers").collect();
    let places: Vec<&str> = values.list("jwt.keys").collect();
    let audience = values.text("jwt.audience").to_owned();
    if names.len() != places.len() {
        let wanted = format!(
            "as many files or addresses of key sets as `jwt.issuers` has names, which is {}",
            names.len()
        );
        values.wrong("jwt.keys", &wanted);
    }
    if !names.is_empty() && audience.is_empty() {
        let wanted =
            "the address of this gateway as its tokens name it, as `https://gateway.example/mcp`";
        values.wrong("jwt.audience", wanted);
    }
    let algorithms = algorithms(values);
    let roles = roles(values);
    let mut issuers = Vec::with_capacity(names.len());
    for (name, place) in names.into_iter().zip(places) {
        issuers.push(Issuer {
            issuer: name.to_owned(),
            audience: audience.clone(),
            algorithms: algorithms.clone(),
            keys: place_of(place, values),
            roles: roles.clone(),
        });
    }
    issuers
}

fn algorithms(values: &mut Values<'_>) -> Vec<Algorithm> {
    let mut algorithms = Vec::new();
    for item in values.list("jwt.algorithms") {
        if let Some(algorithm) = Algorithm::parse(item) {
            algorithms.push(algorithm);
        } else {
            let known = Algorithm::ALL.map(Algorithm::as_str).join(", ");
            values.wrong_part("jwt.algorithms", item, &format!("some of {known}"));
        }
    }
    algorithms
}

/// What stands behind a scheme is an address, everything else a file.
fn place_of(place: &str, values: &mut Values<'_>) -> KeyPlace {
    if !place.contains("://") {
        return KeyPlace::File(PathBuf::from(place));
    }
    if let Err(fault) = check_key_address(place) {
        values.wrong_part("jwt.keys", place, &fault.0);
    }
    KeyPlace::Url(place.to_owned())
}

/// Which claims give which roles: `groups=sre:operator`.
fn roles(values: &mut Values<'_>) -> Vec<RoleClaim> {
    let mut roles = Vec::new();
    for item in values.list("jwt.roles") {
        let claim = item.split_once('=').and_then(|(claim, rest)| {
            let (value, role) = rest.rsplit_once(':')?;
            Some(RoleClaim {
                claim: claim.trim().to_owned(),
                value: value.trim().to_owned(),
                role: Role::parse(role.trim())?,
            })
        });
        match claim {
            Some(claim) if !claim.claim.is_empty() && !claim.value.is_empty() => roles.push(claim),
            Some(_) | None => {
                let wanted =
                    "a claim, its value and the role that it gives, as `groups=sre:operator`";
                values.wrong_part("jwt.roles", item, wanted);
            }
        }
    }
    roles
}
