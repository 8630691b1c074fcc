//! What bounds connections and bodies (`spec/limits.md`).

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::decision_point::RateLimits;
use crate::domain::Network;

use super::AuthMode;
use super::values::Values;

/// The longest body that can be allowed.
const BODY_CAP: usize = 4 * 1024 * 1024;
/// How many connections can be allowed: of fewer, the places that are kept for health would be half.
const CONNECTIONS: RangeInclusive<usize> = 32..=65_536;
/// The most calls that a limit can allow.
const CALLS: usize = 1_000_000;
/// How large a store can be allowed to become; an empty one is a quarter of the smallest.
const STORE: RangeInclusive<usize> = 1_048_576..=1 << 50;

/// The limits as they are set.
pub(super) struct Limits {
    pub(super) body: usize,
    pub(super) connections: usize,
    pub(super) per_address: Option<usize>,
    pub(super) trusted_proxies: Vec<Network>,
    pub(super) rates: RateLimits,
    pub(super) identical_denials: Option<u32>,
    pub(super) audit_size: u64,
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
            rates: rates(values),
            identical_denials: limit("limits.identical_denials", 10, values).map(NonZeroU32::get),
            audit_size: number(values.number("audit.max_size", STORE, "a number of bytes")),
        }
    }
}

/// How much one caller may ask.
fn rates(values: &mut Values<'_>) -> RateLimits {
    let burst = values.number("limits.burst", 1..=CALLS, "a number");
    RateLimits {
        calls_per_second: limit("limits.calls_per_second", 50, values),
        critical_per_minute: limit("limits.critical_per_minute", 5, values),
        high_per_minute: limit("limits.high_per_minute", 10, values),
        burst: NonZeroU32::new(number(burst)),
    }
}

/// A limit that holds for strangers, and with `auth: local` only where somebody sets it.
fn limit(key: &str, for_strangers: u32, values: &mut Values<'_>) -> Option<NonZeroU32> {
    if values.text(key).is_empty() {
        let local = super::typed::auth(values) == AuthMode::Local;
        return NonZeroU32::new(for_strangers).filter(|_| !local);
    }
    NonZeroU32::new(number(values.number(key, 0..=CALLS, "a number")))
}

/// A number in another type; the ranges above see to it that it fits.
fn number<T: TryFrom<usize> + Default>(number: usize) -> T {
    T::try_from(number).unwrap_or_default()
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
