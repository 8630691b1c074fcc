//! `policyguard doctor` on what a golden case cannot hold: certificates whose end comes nearer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::console::BINARY;

/// What doctor says of TLS with a certificate that ends in so many days.
fn tls_with(days: i64) -> (String, Option<i32>) {
    let dir = TempDir::new().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let end = Timestamp::now().to_zoned(TimeZone::UTC).date() + days.days();
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let (month, day) = (
        end.month().try_into().unwrap(),
        end.day().try_into().unwrap(),
    );
    parameters.not_after = date_time_ymd(end.year().into(), month, day);
    let pair = KeyPair::generate().unwrap();
    fs::write(&cert, parameters.self_signed(&pair).unwrap().pem()).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = Command::new(BINARY)
        .args(["doctor", "--port", "0", "--output", "json", "--tls-cert"])
        .arg(&cert)
        .arg("--tls-key")
        .arg(&key)
        .current_dir(dir.path())
        .env("HOME", dir.path())
        .output()
        .unwrap();
    let lines: Vec<Value> = serde_json::from_slice(&ran.stdout).unwrap();
    let tls = lines.iter().find(|line| line["check"] == "tls").unwrap();
    (tls["state"].as_str().unwrap().to_owned(), ran.status.code())
}

#[test]
fn a_certificate_is_told_before_it_ends() {
    assert_eq!(tls_with(90), ("ok".to_owned(), Some(0)));
    assert_eq!(tls_with(10), ("warn".to_owned(), Some(0)));
    assert_eq!(tls_with(-3), ("fail".to_owned(), Some(1)));
}
