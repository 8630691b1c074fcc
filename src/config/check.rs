//! What is refused: values that do not fit, and starts that would not be safe.

use crate::domain::Network;

use super::{Address, AuthMode, Config};

/// A start that would leave the gateway open (exit 78).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}\n  hint: {hint}")]
pub struct Unsafe {
    /// What is unsafe.
    pub problem: String,
    /// The ways out.
    pub hint: String,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Values that do not fit, every one of them (exit 3).
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
    /// A start that would leave the gateway open (exit 78).
    #[error(transparent)]
    Unsafe(#[from] Unsafe),
}

/// Refuses a start that would leave the gateway open.
pub(super) fn check(config: &Config) -> Result<(), Unsafe> {
    if config.auth == AuthMode::Local {
        local_means_loopback(&config.host, "--host 127.0.0.1")?;
        if let Some(Address { host, port }) = &config.admin {
            local_means_loopback(host, &format!("admin.addr: 127.0.0.1:{port}"))?;
        }
    }
    proxies_are_few(&config.trusted_proxies)
}

/// Refuses to count nobody's connections while a limit for them seems to hold.
fn proxies_are_few(trusted: &[Network]) -> Result<(), Unsafe> {
    let Some(all) = trusted.iter().find(|network| network.is_everything()) else {
        return Ok(());
    };
    Err(Unsafe {
        problem: format!(
            "`server.trusted_proxies` holds `{all}`: `limits.per_address` would hold for nobody"
        ),
        hint: "name the addresses of your proxies, as `10.0.0.0/8`; `limits.per_address: 0` turns the limit off"
            .to_owned(),
    })
}

/// Refuses to listen where strangers reach a gateway that believes everyone; the way out is to listen there instead.
fn local_means_loopback(host: &str, instead: &str) -> Result<(), Unsafe> {
    if is_loopback(host) {
        return Ok(());
    }
    Err(Unsafe {
        problem: format!("`auth: local` believes every caller, so it does not listen on `{host}`"),
        hint: format!(
            "ask callers for credentials (`--auth credentials`), or listen on 127.0.0.1 (`{instead}`); \
             `--insecure` lets callers without one in as agent `anonymous` with trust low"
        ),
    })
}

/// Whether only this machine reaches the address.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    address.map_or_else(
        || host.eq_ignore_ascii_case("localhost"),
        |address| address.is_loopback(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_everybody_is_no_proxy() {
        for (network, fits) in [("10.0.0.0/8", true), ("0.0.0.0/0", false), ("::/0", false)] {
            let network = Network::parse(network).expect("a network");
            assert_eq!(proxies_are_few(&[network]).is_ok(), fits, "{network}");
        }
    }

    #[test]
    fn local_mode_listens_on_loopback_and_nowhere_else() {
        for good in ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"] {
            assert!(
                local_means_loopback(good, "--host 127.0.0.1").is_ok(),
                "{good}"
            );
        }
        for bad in [
            "0.0.0.0",
            "::",
            "192.0.2.1",
            "gateway.example",
            "",
            "127.0.0.1.example",
        ] {
            assert!(
                local_means_loopback(bad, "--host 127.0.0.1").is_err(),
                "{bad}"
            );
        }
    }
}
