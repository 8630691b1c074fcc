//! The store key: 32 random bytes beside the database, from which digests, redaction and ids are derived.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::owner::sync;
use crate::domain::Secret;

const LENGTH: usize = 32;

/// Where the key of a data directory is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("store.key")
}

/// Reads the key, or makes one for a directory that has no database yet.
pub(super) fn load_or_make(dir: &Path, database_exists: bool) -> Result<Secret, StoreError> {
    let path = path(dir);
    if path.exists() {
        return load(&path);
    }
    if database_exists {
        return Err(StoreError::KeyMissing(path));
    }
    make(dir, &path)
}

/// Reads the key.
pub(super) fn load(path: &Path) -> Result<Secret, StoreError> {
    let mut file = File::open(path).map_err(StoreError::file("open", path))?;
    let metadata = file.metadata().map_err(StoreError::file("read", path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(StoreError::KeyExposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::with_capacity(LENGTH);
    file.read_to_end(&mut bytes)
        .map_err(StoreError::file("read", path))?;
    if bytes.len() != LENGTH {
        return Err(StoreError::KeyMalformed(path.to_owned()));
    }
    Ok(Secret::new(bytes))
}

/// Makes the key of a new store.
fn make(dir: &Path, path: &Path) -> Result<Secret, StoreError> {
    let bytes = random()?;
    put(dir, path, &bytes)?;
    Ok(Secret::new(bytes.to_vec()))
}

/// Writes the key into a file that is whole or not there.
pub(super) fn put(dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.len() != LENGTH {
        return Err(StoreError::KeyMalformed(path.to_owned()));
    }
    let draft = dir.join("store.key.new");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    written.map_err(StoreError::file("write", &draft))?;
    fs::rename(&draft, path).map_err(StoreError::file("write", path))?;
    sync(dir)
}

/// 16 random hex digits.
pub(super) fn random_hex() -> Result<String, StoreError> {
    let mut text = String::with_capacity(16);
    for byte in random()?.iter().take(8) {
        write!(text, "{byte:02x}").map_err(|error| StoreError::Database(error.to_string()))?;
    }
    Ok(text)
}

fn random() -> Result<[u8; LENGTH], StoreError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::File {
        what: "read randomness from",
        path: PathBuf::from("/dev/urandom"),
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(bytes)
}
