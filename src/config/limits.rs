//! What bounds connections and bodies (`spec/limits.md`).

use std::ops::RangeInclusive;

use crate::domain::Network;

use super::values::Values;

/// The longest body that can be allowed.
const BODY_CAP: usize = 4 * 1024 * 1024;
/// How many connections can be allowed: of fewer, the places that are kept for health would be half.
const CONNECTIONS: RangeInclusive<usize> = 32..=65_536;

/// The limits as they are set.
pub(super) struct Limits {
    pub(super) body: usize,
    pub(super) connections: usize,
    pub(super) per_address: Option<usize>,
    pub(super) trusted_proxies: Vec<Network>,
}

impl Limits {
    /// The limits of these values.
    pub(super) fn read(values: &mut Values<'_>) -> Self {
        let body = values.number("limits.body", 1..=BODY_CAP, "a number of bytes");
        let connections = values.number("limits.connections", CONNECTIONS, "a number");
        let most = *CONNECTIONS.end();
        let per_address = values.number("limits.per_address", 0..=most, "a number");
        // The default is no promise to hold that many; a number that somebody wrote is.
        if per_address > connections && values.is_set("limits.per_address") {
            values.wrong(
                "limits.per_address",
                &format!("at most `limits.connections`, which is {connections}"),
            );
        }
        Self {
            body,
            connections,
            per_address: Some(per_address).filter(|limit| *limit > 0),
            trusted_proxies: networks("server.trusted_proxies", values),
        }
    }
}

/// The networks of a list.
fn networks(key: &str, values: &mut Values<'_>) -> Vec<Network> {
    let mut networks = Vec::new();
    for item in values.list(key) {
        match Network::parse(item) {
            Ok(network) => networks.push(network),
            Err(fault) => {
                values.wrong_part(key, item, &format!("addresses and networks: {fault}"));
            }
        }
    }
    networks
}
