//! TLS of the listeners: one pair of files, read at start and again when they change (`spec/operations.md`).

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::domain::shows_secret;

/// How often the files are looked at.
///
/// Looking costs two small reads, and sees what a watch can miss: a swapped link above the folder, a network drive.
const LOOK: Duration = Duration::from_secs(1);
/// The longest file that is read; a chain with a page of comment for each certificate is far below it.
const MOST: u64 = 1024 * 1024;

/// Why a pair of certificate and key is not served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{key}`: `{}` cannot be read: {source}", path.display())]
    File {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read the key.
    #[error("`tls.key`: `{}` can be read by others (mode {mode:o}); run `chmod 600` on it", path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file does not hold what it should.
    #[error("`{key}`: `{}` holds no {wanted}; write it as PEM, as `{begins}`", path.display())]
    Content {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is sought in it.
        wanted: &'static str,
        /// How that begins.
        begins: &'static str,
    },
    /// The key is not the certificate's, or neither can be used.
    #[error(
        "`{}` and `{}` do not fit together: {why}; `tls.key` must be the key of the first certificate in `tls.cert`",
        cert.display(), key.display()
    )]
    Pair {
        /// The file of certificates.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
        /// Why.
        why: String,
    },
}

impl TlsError {
    /// Whether serving would be possible, but not safe.
    #[must_use]
    pub const fn is_unsafe(&self) -> bool {
        matches!(self, Self::Exposed { .. })
    }
}

/// What the listeners show to whoever connects; a clone shows the same.
#[derive(Clone)]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    current: Arc<ArcSwap<ServerConfig>>,
    /// What the files were when they were read at start.
    first: Seen,
}

/// What the files were: their bytes, and who could read the key.
type Seen = [u8; 32];

impl Tls {
    /// The certificates and the key in these PEM files.
    ///
    /// # Errors
    /// [`TlsError`] says what does not fit.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = Files::read(cert, key)?;
        Ok(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            current: Arc::new(ArcSwap::new(files.config(cert, key)?)),
            first: files.seen(),
        })
    }

    /// Makes a connection secret, or ends it when that takes longer than it may.
    pub(super) async fn handshake<S>(&self, stream: S, within: Duration) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(self.current.load_full());
        timeout(within, acceptor.accept(stream)).await?
    }

    /// Takes over what the files become; what does not fit changes nothing. Goes on for ever.
    ///
    /// A pair is replaced file by file, so what changed is read when it was still between two looks.
    pub(super) async fn follow(&self) {
        let (mut served, mut last) = (self.first, self.first);
        loop {
            sleep(LOOK).await;
            let (cert, key) = (self.cert.clone(), self.key.clone());
            let read = tokio::task::spawn_blocking(move || Files::read(&cert, &key)).await;
            let Ok(read) = read else { continue };
            let seen = read.as_ref().map_or_else(seen_fault, Files::seen);
            let still = std::mem::replace(&mut last, seen) == seen;
            if !still || seen == served {
                continue;
            }
            served = seen;
            match read.and_then(|files| files.config(&self.cert, &self.key)) {
                Ok(config) => {
                    self.current.store(config);
                    tracing::info!(cert = %self.cert.display(), "new connections see the new certificate");
                }
                Err(fault) => {
                    tracing::warn!(%fault, "the certificate from before is served on");
                }
            }
        }
    }
}

/// A pair of files as they were read.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    mode: u32,
}

impl Files {
    fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let unread = |setting, path: &Path, source| TlsError::File {
            key: setting,
            path: path.to_owned(),
            source,
        };
        let (cert_bytes, _) = bytes(cert).map_err(|fault| unread("tls.cert", cert, fault))?;
        let (key_bytes, metadata) = bytes(key).map_err(|fault| unread("tls.key", key, fault))?;
        let mode = metadata.mode() & 0o777;
        if shows_secret(mode, metadata.uid(), metadata.gid()) {
            return Err(TlsError::Exposed {
                path: key.to_owned(),
                mode,
            });
        }
        Ok(Self {
            cert: cert_bytes,
            key: key_bytes,
            mode,
        })
    }

    fn seen(&self) -> Seen {
        let digest = Sha256::new().chain_update(Sha256::digest(&self.cert));
        let digest = digest.chain_update(Sha256::digest(&self.key));
        digest
            .chain_update(self.mode.to_be_bytes())
            .finalize()
            .into()
    }

    /// What a listener does with them.
    fn config(&self, cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.cert).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::Content {
            key: "tls.cert",
            path: cert.to_owned(),
            wanted: "certificate",
            begins: "-----BEGIN CERTIFICATE-----",
        })?;
        let private = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::Content {
            key: "tls.key",
            path: key.to_owned(),
            wanted: "private key",
            begins: "-----BEGIN PRIVATE KEY-----",
        })?;
        let config = with(chain, private).map_err(|why| TlsError::Pair {
            cert: cert.to_owned(),
            key: key.to_owned(),
            why: why.to_string(),
        })?;
        Ok(Arc::new(config))
    }
}

/// The bytes of a file and its permissions, never more than a pair has.
fn bytes(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok((bytes, metadata))
}

/// What a pair that cannot be read looks like: the same as long as the reason is.
fn seen_fault(fault: &TlsError) -> Seen {
    Sha256::digest(fault.to_string()).into()
}

/// TLS 1.2 and 1.3 with these, of which HTTP/1.1 is spoken.
fn with(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
#[path = "tests/tls.rs"]
mod tests;
