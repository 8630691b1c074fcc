//! TLS of the listeners: who gets in, and what they see when the files change.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use policyguard::transport::{Doors, Limits, Tls};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::support::House;
use crate::support::console::BINARY;

/// How long what comes by itself may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);
const STATUS: &str = "GET /policy/status HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The files of a listener.
struct Files {
    folder: TempDir,
}

impl Files {
    /// Those of a new pair, and its certificate.
    fn new() -> (Self, CertificateDer<'static>) {
        let files = Self {
            folder: TempDir::new().unwrap(),
        };
        let certificate = files.replace();
        (files, certificate)
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Writes a new pair, and returns its certificate.
    fn replace(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(self.cert(), made.cert.pem()).unwrap();
        fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        self.show_key_to(0o600);
        made.cert.der().clone()
    }

    fn show_key_to(&self, mode: u32) {
        fs::set_permissions(self.key(), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self) -> Tls {
        Tls::load(&self.cert(), &self.key()).unwrap_or_else(|fault| panic!("{fault}"))
    }
}

/// A house that listens with TLS, within these limits.
async fn listening(files: &Files, limits: Limits) -> (House, SocketAddr) {
    let house = House::new().await;
    let doors = Doors::open("127.0.0.1", 0, None).await.unwrap();
    let address = house.open_doors(doors.with_limits(limits).with_tls(Some(files.load())));
    (house, address)
}

/// Connects, trusting this certificate alone.
async fn connect(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// Connects, and is let in.
async fn connected(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
) -> TlsStream<TcpStream> {
    connect(address, certificate, &[&TLS13]).await.unwrap()
}

/// Sends a request and reads its answer: the head, and the body as JSON.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> (String, Value) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "an end");
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            return (head.to_owned(), body);
        }
    }
}

/// Waits until a new connection is shown this certificate.
async fn shown(address: SocketAddr, certificate: &CertificateDer<'static>) {
    let begun = Instant::now();
    while let Err(fault) = connect(address, certificate, &[&TLS13]).await {
        assert!(begun.elapsed() < PATIENCE, "{fault}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_call_over_tls_works_in_both_versions_and_hears_its_own_address() {
    let (files, certificate) = Files::new();
    let (_house, address) = listening(&files, Limits::default()).await;
    for version in [&TLS12, &TLS13] {
        let mut stream = connect(address, &certificate, &[version]).await.unwrap();
        let protocol = stream.get_ref().1.alpn_protocol();
        assert_eq!(protocol, Some(&b"http/1.1"[..]));
        let call = "{\"tool_name\":\"list_services\"}";
        let length = call.len();
        let request = format!(
            "POST /tools/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{call}"
        );
        let (head, body) = ask(&mut stream, &request).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body["success"], true, "{body}");
        let path = "/.well-known/oauth-protected-resource/mcp";
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost:8443\r\n\r\n");
        let (_, body) = ask(&mut stream, &request).await;
        assert_eq!(body["resource"], "https://localhost:8443/mcp", "{body}");
    }
}

#[tokio::test]
async fn a_refusal_over_tls_names_an_address_that_speaks_tls() {
    let (files, certificate) = Files::new();
    let (house, _) = House::asking(|_| ()).await;
    let doors = Doors::open("127.0.0.1", 0, None).await.unwrap();
    let address = house.open_doors(doors.with_tls(Some(files.load())));
    let mut stream = connected(address, &certificate).await;
    let (head, _) = ask(&mut stream, STATUS).await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    assert!(head.contains("\"https://localhost/.well-known/"), "{head}");
}

#[tokio::test]
async fn plain_http_on_the_port_of_tls_is_cut_off_without_an_answer() {
    let (files, _) = Files::new();
    let (_house, address) = listening(&files, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(STATUS.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(end.expect("an end"));
    let text = String::from_utf8_lossy(&answer);
    assert!(!text.contains("HTTP"), "{text}");
    assert!(answer.len() <= 7, "an alert at most: {answer:?}");
}

#[tokio::test]
async fn whoever_is_silent_holds_up_nobody_else_and_counts_as_connected() {
    let (files, certificate) = Files::new();
    let limits = Limits {
        per_address: Some(3),
        ..Limits::default()
    };
    let (_house, address) = listening(&files, limits).await;
    let silent = [
        TcpStream::connect(address).await.unwrap(),
        TcpStream::connect(address).await.unwrap(),
    ];
    let mut third = connected(address, &certificate).await;
    let (head, _) = ask(&mut third, STATUS).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let fourth = connect(address, &certificate, &[&TLS13]).await;
    assert!(fourth.is_err(), "three places are taken");
    drop(silent);
    shown(address, &certificate).await;
}

#[tokio::test]
async fn new_connections_see_a_new_certificate_and_old_ones_go_on() {
    let (files, first) = Files::new();
    let (_house, address) = listening(&files, Limits::default()).await;
    let mut old = connected(address, &first).await;
    let second = files.replace();
    shown(address, &second).await;
    let fault = connect(address, &first, &[&TLS13]).await;
    assert!(fault.is_err(), "the first is shown no more");
    let (head, _) = ask(&mut old, STATUS).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[tokio::test]
async fn what_does_not_fit_keeps_the_certificate_from_before_until_it_fits() {
    let (files, first) = Files::new();
    let (_house, address) = listening(&files, Limits::default()).await;
    let looked = || tokio::time::sleep(Duration::from_millis(2_500));
    fs::write(files.cert(), "no certificate").unwrap();
    looked().await;
    connected(address, &first).await;
    fs::remove_file(files.key()).unwrap();
    looked().await;
    connected(address, &first).await;
    let second = files.replace();
    files.show_key_to(0o644);
    looked().await;
    connected(address, &first).await;
    files.show_key_to(0o600);
    shown(address, &second).await;
}

/// A gateway of its own; it ends with this.
pub(crate) struct Served(Child);

impl Served {
    /// Serves at any port, with these arguments and this folder.
    pub(crate) fn start(folder: &TempDir, arguments: &[&str]) -> Self {
        let child = Command::new(BINARY)
            .args(["serve", "--port", "0"])
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// The address behind this word of its banner.
    pub(crate) fn address(&mut self, word: &str) -> String {
        let lines = BufReader::new(self.0.stderr.as_mut().unwrap()).lines();
        for line in lines.map(Result::unwrap) {
            let mut words = line.split_whitespace();
            if words.next() == Some(word) {
                return words.next().unwrap().to_owned();
            }
        }
        panic!("no {word} in the banner")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_banner_says_https_and_commands_believe_whom_the_machine_believes() {
    let (files, _) = Files::new();
    let folder = TempDir::new().unwrap();
    let (cert, key) = (files.cert(), files.key());
    let [cert, key] = [&cert, &key].map(|path| path.to_str().unwrap());
    let mut served = Served::start(&folder, &["--tls-cert", cert, "--tls-key", key]);
    let base = served.address("REST");
    assert!(base.starts_with("https://127.0.0.1:"), "{base}");
    let base = base.replace("127.0.0.1", "localhost");
    let health = |believed: PathBuf| {
        let mut command = Command::new(BINARY);
        command.args(["health", "--url", &base]).env_clear();
        command.current_dir(folder.path());
        command.env("SSL_CERT_FILE", believed);
        let ran = command.output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        (ran.status.code(), said)
    };
    assert_eq!(health(files.cert()), (Some(0), String::new()));
    let (stranger, _) = Files::new();
    let (exit, said) = health(stranger.cert());
    assert_eq!(exit, Some(7), "{said}");
}
