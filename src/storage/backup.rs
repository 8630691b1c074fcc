//! Backup of a store while it is used, and its way back.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::audit::{Report, TrailReader as _};
use crate::domain::Secret;

use super::error::StoreError;
use super::owner::{Owner, is_there, make_dir, sync};
use super::sqlite::{Reader, backup};
use super::{DATABASE, database_of, key};

/// Writes everything that the data directory keeps, as it is at one moment, into a new file that only its owner can read.
///
/// The gateway may go on working meanwhile. The file holds the store key: whoever has it can read what is stored.
///
/// # Errors
/// When the file exists, there is no store, or one of them cannot be read or written.
pub fn back_up(data_dir: &Path, file: &Path) -> Result<(), StoreError> {
    let database = database_of(data_dir)?;
    if is_there(file)? {
        return Err(StoreError::Taken(file.to_owned()));
    }
    let key = key::load(&key::path(data_dir))?;
    let draft = draft_of(file);
    make(&draft)?;
    let written = backup::copy(&database, &key, &draft)
        .map_err(|fault| fault.of(&database))
        .and_then(|()| sync(&draft))
        .and_then(|()| fs::rename(&draft, file).map_err(StoreError::file("write", file)));
    if written.is_err() {
        drop(fs::remove_file(&draft));
    }
    written?;
    // The file is there; a folder that cannot be synced loses it with the power at worst.
    drop(file.parent().map(sync));
    Ok(())
}

/// Puts a backup into a data directory that has no store, and says what it found in it; `-` reads standard input.
///
/// How many records were read is said to `progress` now and then. A trail that is not intact is not put there.
///
/// # Errors
/// When the directory has a store or an owner, the file is no backup, or it cannot be read or written.
pub fn restore(
    file: &Path,
    data_dir: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, StoreError> {
    make_dir(data_dir)?;
    let _owner = Owner::of(data_dir)?;
    let (database, key_file) = (data_dir.join(DATABASE), key::path(data_dir));
    // A log that another database left would be read into this one.
    let beside_it = beside(&database);
    for path in [&database, &key_file].into_iter().chain(&beside_it) {
        if is_there(path)? {
            return Err(StoreError::Taken(path.clone()));
        }
    }
    let draft = draft_of(&database);
    for left in beside(&draft).iter().chain([&draft]) {
        drop(fs::remove_file(left));
    }
    make(&draft)?;
    let restored = check(file, &draft, progress).and_then(|(report, bytes)| {
        if report.intact {
            key::put(data_dir, &key_file, &bytes)?;
            fs::rename(&draft, &database).map_err(StoreError::file("write", &database))?;
            sync(data_dir)?;
        }
        Ok(report)
    });
    drop(fs::remove_file(&draft));
    restored
}

/// Copies the backup to where it will be, takes its key out, and verifies every record.
fn check(
    file: &Path,
    draft: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(Report, Vec<u8>), StoreError> {
    fetch(file, draft).map_err(StoreError::file("read", file))?;
    let not_one = || StoreError::NoBackup(file.to_owned());
    let taken = backup::take_key(draft).map_err(|fault| {
        let foreign = matches!(fault, StoreError::Database(_));
        if foreign { not_one() } else { fault }
    })?;
    let bytes = taken.ok_or_else(not_one)?;
    sync(draft)?;
    let key = Secret::new(bytes.clone());
    let reader = Reader::open(draft, &key).map_err(|fault| fault.of(file))?;
    let report = reader
        .verify_with(progress)
        .map_err(|fault| StoreError::Database(fault.to_string()))?;
    Ok((report, bytes))
}

fn fetch(file: &Path, draft: &Path) -> io::Result<u64> {
    let mut draft = OpenOptions::new().write(true).open(draft)?;
    if file == Path::new("-") {
        return io::copy(&mut io::stdin().lock(), &mut draft);
    }
    io::copy(&mut File::open(file)?, &mut draft)
}

/// What SQLite keeps beside a database and reads into it.
fn beside(database: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|ending| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    })
}

/// The name that a file has until it is whole.
fn draft_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Makes an empty file for its owner alone.
fn make(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    made.map(drop).map_err(|fault| {
        if fault.kind() == io::ErrorKind::AlreadyExists {
            StoreError::Taken(path.to_owned())
        } else {
            StoreError::file("write", path)(fault)
        }
    })
}
