//! Key sets of token issuers: fetched from where configuration says, and from nowhere else.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use crate::identity::{Fetching, KeyPlace, KeySource, KeysUnread};

use super::{commonly, innermost, without_certificates};

/// How long a set may take to come, with all that belongs to it.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest set that is read.
const MAX_LENGTH: usize = 1024 * 1024;

/// Fetches key sets over HTTPS and out of files.
///
/// No redirect is followed: an issuer that could send us elsewhere could be made to send us to anybody. Plain HTTP is
/// for loopback alone, for whoever stands between us and an issuer could otherwise become that issuer.
#[derive(Debug, Default, Clone, Copy)]
pub struct KeySets;

impl KeySource for KeySets {
    fn fetch<'a>(&'a self, place: &'a KeyPlace) -> Fetching<'a> {
        Box::pin(async move {
            let text = tokio::time::timeout(DEADLINE, read(place)).await;
            text.unwrap_or_else(|_| Err(KeysUnread(format!("not within {DEADLINE:?}"))))
        })
    }
}

/// Checks the address of a key set before anything depends on it.
///
/// # Errors
/// When it is no address, or one at which anybody could answer.
pub fn check_key_address(address: &str) -> Result<(), KeysUnread> {
    url(address).map(|_| ())
}

async fn read(place: &KeyPlace) -> Result<String, KeysUnread> {
    match place {
        KeyPlace::Url(address) => download(address).await,
        KeyPlace::File(path) => {
            let path = PathBuf::from(path);
            let text = tokio::task::spawn_blocking(move || open(&path)).await;
            text.unwrap_or_else(|fault| Err(KeysUnread(fault.to_string())))
        }
    }
}

fn url(address: &str) -> Result<Url, KeysUnread> {
    let url = Url::parse(address)
        .map_err(|fault| KeysUnread(format!("`{address}` is not an address: {fault}")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(KeysUnread(format!(
            "`{address}` is not safe: use `https`, or `http` on loopback"
        ))),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

async fn download(address: &str) -> Result<String, KeysUnread> {
    let url = url(address)?;
    let unread = |fault: reqwest::Error| KeysUnread(innermost(&fault));
    // A client each time: sets are fetched every ten minutes, and a new one knows the machine's newest certificates.
    let builder = if url.scheme() == "https" {
        commonly()
    } else {
        without_certificates()
    };
    let client = builder.build().map_err(unread)?;
    let mut reply = client
        .get(url)
        .header("accept", "application/jwk-set+json, application/json")
        .send()
        .await
        .map_err(unread)?;
    if reply.status() != reqwest::StatusCode::OK {
        let status = reply.status();
        return Err(KeysUnread(format!("the answer is {status}, not 200 OK")));
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(unread)? {
        if body.len() + chunk.len() > MAX_LENGTH {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    text(body)
}

fn open(path: &Path) -> Result<String, KeysUnread> {
    let unread = |fault: std::io::Error| KeysUnread(format!("`{}`: {fault}", path.display()));
    // A pipe would be waited for until somebody writes.
    if !std::fs::metadata(path).map_err(unread)?.is_file() {
        return Err(KeysUnread(format!("`{}` is not a file", path.display())));
    }
    let mut body = Vec::new();
    let limit = u64::try_from(MAX_LENGTH).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut body))
        .map_err(unread)?;
    if body.len() > MAX_LENGTH {
        return Err(too_long());
    }
    text(body)
}

fn text(body: Vec<u8>) -> Result<String, KeysUnread> {
    String::from_utf8(body).map_err(|_| KeysUnread("it is not UTF-8".to_owned()))
}

fn too_long() -> KeysUnread {
    KeysUnread(format!("it is longer than {MAX_LENGTH} bytes"))
}

#[cfg(test)]
#[path = "tests/key_sets.rs"]
mod tests;
