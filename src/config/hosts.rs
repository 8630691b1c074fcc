//! Names and addresses: where the gateway listens, and as whom it may be called.

use std::net::IpAddr;
use std::path::PathBuf;

use super::values::Values;
use super::{Address, TlsFiles};

/// Refuses what would never match, or match otherwise than it looks.
pub(super) fn check(values: &mut Values<'_>) {
    let host = values.text("server.host");
    if !is_host(host) {
        values.wrong(
            "server.host",
            "an address or a name without a port, as `127.0.0.1` (the port is `server.port`)",
        );
    }
    for item in values.list("server.allowed_hosts") {
        if !is_authority(item) {
            let wanted = "names as in a Host header, `gateway.example` or `gateway.example:8443`, without wildcards";
            values.wrong_part("server.allowed_hosts", item, wanted);
        }
    }
    for item in values.list("server.allowed_origins") {
        if !is_origin(item) {
            let wanted = "origins as a browser sends them, `https://console.example`, without path or wildcards";
            values.wrong_part("server.allowed_origins", item, wanted);
        }
    }
}

/// Where administrators have a listener of their own.
pub(super) fn admin(values: &mut Values<'_>) -> Option<Address> {
    let text = values.text("admin.addr");
    if text.is_empty() {
        return None;
    }
    let address = address(text);
    if address.is_none() {
        values.wrong(
            "admin.addr",
            "an address with its port, as `127.0.0.1:9000`",
        );
    }
    address
}

/// The host and the port of a text; IPv6 has brackets here.
pub(super) fn address(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits)?;
    let fits = is_host(host) && (host.starts_with('[') || !host.contains(':'));
    fits.then(|| Address {
        host: host.to_owned(),
        port,
    })
}

/// The files of TLS, of which one alone is a mistake.
pub(super) fn tls(values: &mut Values<'_>) -> Option<TlsFiles> {
    let (cert, key) = (values.text("tls.cert"), values.text("tls.key"));
    match (cert, key) {
        ("", "") => return None,
        ("", _) => values.wrong("tls.cert", "the certificate file that belongs to `tls.key`"),
        (_, "") => values.wrong("tls.key", "the key file that belongs to `tls.cert`"),
        (_, _) => {}
    }
    Some(TlsFiles {
        cert: PathBuf::from(cert),
        key: PathBuf::from(key),
    })
}

/// Whether it is a name or an address, IPv6 with or without brackets.
fn is_host(text: &str) -> bool {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(bare) = bare {
        return matches!(bare.parse(), Ok(IpAddr::V6(_)));
    }
    text.parse::<IpAddr>().is_ok() || is_name(text)
}

/// Whether it is a host, with or without a port; IPv6 has brackets here.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    };
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    port_fits && is_host(host) && (host.starts_with('[') || !host.contains(':'))
}

/// Whether it is an origin; pages of editors and extensions have schemes of their own.
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, authority)| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        !scheme.is_empty() && scheme.bytes().all(fits) && is_authority(authority)
    })
}

/// Whether it is a name as DNS has them: labels of letters, digits and hyphens.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    // Digits and dots alone are an address that is written wrong.
    let address = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.len() <= 253 && !address && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_names() {
        for good in [
            "127.0.0.1",
            "::1",
            "[::1]",
            "localhost",
            "gateway.example",
            "a_b-1.svc",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "127.0.0.1:80",
            "127.0.0",
            "256.1.1.1",
            "http://a",
            "a b",
            "*.a",
            "a..b",
            "[a]",
            "[::1",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn authorities_are_hosts_with_or_without_a_port() {
        for good in [
            "a.example",
            "a.example:8443",
            "[::1]:80",
            "[::1]",
            "10.0.0.1:1",
        ] {
            assert!(is_authority(good), "{good}");
        }
        for bad in [
            "*",
            "a:",
            "a:x",
            "a:0",
            "a:65536",
            "::1",
            "a/b",
            "user@a",
            "https://a",
        ] {
            assert!(!is_authority(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for good in [
            "127.0.0.1:0",
            "gw.example:9000",
            "[::1]:9000",
            "localhost:65535",
        ] {
            let read = address(good).map(|address| address.to_string());
            assert_eq!(read.as_deref(), Some(good));
        }
        for bad in [
            "",
            "9000",
            ":9000",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:+1",
            "127.0.0.1:65536",
            "::1:9000",
            "http://localhost:9000",
            "*:9000",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn origins_have_a_scheme_and_no_path() {
        for good in [
            "https://a.example",
            "http://localhost:3000",
            "vscode-webview://0a1b",
            "http://[::1]:80",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "*",
            "null",
            "a.example",
            "https://a.example/",
            "https://*.example",
            "://a",
            "https://",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
