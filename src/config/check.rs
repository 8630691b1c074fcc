//! What is refused: values that do not fit, and starts that would not be safe.

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

/// Refuses to listen where strangers reach a gateway that believes everyone.
pub(super) fn local_means_loopback(host: &str) -> Result<(), Unsafe> {
    let address: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = address.map_or_else(
        || host.eq_ignore_ascii_case("localhost"),
        |address| address.is_loopback(),
    );
    if loopback {
        return Ok(());
    }
    Err(Unsafe {
        problem: format!("`auth: local` believes every caller, so it does not listen on `{host}`"),
        hint: "listen on 127.0.0.1 (`--host 127.0.0.1`), and put what authenticates callers in front of it; \
               credentials of the gateway's own (`auth: credentials`) are not built yet"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_mode_listens_on_loopback_and_nowhere_else() {
        for good in ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"] {
            assert!(local_means_loopback(good).is_ok(), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "::",
            "192.0.2.1",
            "gateway.example",
            "",
            "127.0.0.1.example",
        ] {
            assert!(local_means_loopback(bad).is_err(), "{bad}");
        }
    }
}
