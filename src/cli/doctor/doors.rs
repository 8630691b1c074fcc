//! Where callers come in: ports and certificates.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;

use crate::cli::client::{SOCKET, is_served};
use crate::config::{Address, Config, TlsFiles, is_loopback};
use crate::transport::Tls;

use super::Line;

const PORT: &str = "port";
const TLS: &str = "tls";
/// How long before its end a certificate should be renewed, in days.
const RENEW: i64 = 21;

/// Whether the ports can be listened on; beside a gateway that runs, that it answers.
pub(super) fn ports(config: &Config) -> Vec<Line> {
    if is_served(config) {
        let socket = config.data_dir.join(SOCKET);
        return vec![Line::ok(
            "gateway",
            format!("one runs and answers behind {}", socket.display()),
        )];
    }
    let main = Address {
        host: config.host.clone(),
        port: config.port,
    };
    let addresses = [
        Some((main, "--port")),
        config.admin.clone().map(|admin| (admin, "admin.addr")),
    ];
    addresses
        .into_iter()
        .flatten()
        .map(|(address, setting)| port(&address, setting))
        .collect()
}

fn port(address: &Address, setting: &str) -> Line {
    let Err(fault) = TcpListener::bind(address.to_string()) else {
        return Line::ok(PORT, format!("{address} is free"));
    };
    let other = format!("choose another one with {setting}");
    let (why, mend) = if fault.kind() == ErrorKind::AddrInUse {
        ("is taken by another program".to_owned(), other)
    } else if fault.kind() == ErrorKind::PermissionDenied {
        let mend = "choose a port from 1024 on".to_owned();
        ("may not be listened on by this user".to_owned(), mend)
    } else {
        (format!("cannot be listened on: {fault}"), other)
    };
    Line::fail(PORT, format!("{address} {why}"), mend)
}

/// Whether the certificate fits its key, and how long it holds.
pub(super) fn tls(config: &Config) -> Line {
    let Some(TlsFiles { cert, key }) = &config.tls else {
        return without(config);
    };
    if let Err(fault) = Tls::load(cert, key) {
        return Line::fail(
            TLS,
            fault.to_string(),
            "mend the files; the start reads them too",
        );
    }
    let renew = "renew it; the gateway reads the new files by itself";
    match days_left(cert) {
        None => Line::fail(TLS, "the certificate's dates cannot be read", renew),
        Some(days) if days < 0 => Line::fail(
            TLS,
            format!("the certificate is over since {} days", -days),
            renew,
        ),
        Some(days) if days < RENEW => Line::warn(
            TLS,
            format!("the certificate holds for {days} days more"),
            renew,
        ),
        Some(days) => Line::ok(TLS, format!("the certificate holds for {days} days more")),
    }
}

fn without(config: &Config) -> Line {
    if is_loopback(&config.host) {
        return Line::ok(TLS, "none, and none is needed on loopback");
    }
    Line::warn(
        TLS,
        format!(
            "none: what callers send to {} can be read on its way, keys included",
            config.host
        ),
        "set tls.cert and tls.key, or have a proxy in front speak TLS",
    )
}

/// Until the first certificate of the file ends, in days; `None` when it cannot be read.
fn days_left(cert: &Path) -> Option<i64> {
    let bytes = std::fs::read(cert).ok()?;
    let pems = Pem::iter_from_buffer(&bytes).filter_map(Result::ok);
    let ends = pems.filter_map(|pem| {
        let certificate = pem.parse_x509().ok()?;
        Some(certificate.validity().not_after.timestamp())
    });
    let first = ends.min()?;
    Some((first - ASN1Time::now().timestamp()).div_euclid(24 * 60 * 60))
}
