use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, duplex};

use super::*;

/// Files of a new pair, in a folder of their own.
fn pair() -> TempDir {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("cert.pem"), made.cert.pem()).expect("written");
    let mut options = fs::OpenOptions::new();
    let mut key = options
        .create(true)
        .write(true)
        .mode(0o600)
        .open(folder.path().join("key.pem"))
        .expect("a file");
    io::Write::write_all(&mut key, made.signing_key.serialize_pem().as_bytes()).expect("written");
    folder
}

fn loaded(certificates: &TempDir, keys: &TempDir) -> Result<Tls, TlsError> {
    let cert = certificates.path().join("cert.pem");
    Tls::load(&cert, &keys.path().join("key.pem"))
}

#[tokio::test]
async fn whoever_is_silent_instead_of_shaking_hands_is_cut_off() {
    let pair = pair();
    let tls = loaded(&pair, &pair).expect("a pair");
    let (mut peer, stream) = duplex(64);
    let cut = tls.handshake(stream, Duration::from_millis(5)).await;
    assert_eq!(cut.expect_err("silence").kind(), io::ErrorKind::TimedOut);
    assert_eq!(peer.read(&mut [0; 1]).await.expect("an end"), 0);
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let (one, other) = (pair(), pair());
    assert!(loaded(&one, &one).is_ok());
    let fault = loaded(&one, &other).map(|_| ()).expect_err("strangers");
    assert!(matches!(fault, TlsError::Pair { .. }), "{fault}");
    assert!(!fault.is_unsafe());
    let said = fault.to_string();
    assert!(said.contains("do not fit together"), "{said}");
    assert!(!said.contains('\n') && !said.ends_with('.'), "{said}");
}
