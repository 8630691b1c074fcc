//! One process owns a data directory.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::StoreError;

/// How long the lock is asked for: who only looks whose the directory is holds it for a moment, and so does a program
/// that is being started by the last owner.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long until it is asked for again.
const PAUSE: Duration = Duration::from_millis(10);

/// The right to a data directory, held for as long as this lives, and given back by the system if the process dies.
#[derive(Debug)]
pub struct Owner {
    _lock: File,
}

impl Owner {
    /// Becomes the owner of the directory.
    ///
    /// # Errors
    /// [`StoreError::Owned`] names the process that owns it.
    pub fn of(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::file("open", &path))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Owned {
                        dir: dir.to_owned(),
                        pid: pid_in(&mut file),
                    });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::file("lock", &path)(source));
                }
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(StoreError::file("write", &path))?;
        Ok(Self { _lock: file })
    }
}

/// The process that owns the directory; `None` if nobody does.
///
/// # Errors
/// When the lock file cannot be read.
pub fn owner_pid(dir: &Path) -> Result<Option<String>, StoreError> {
    let path = dir.join("lock");
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::file("open", &path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(pid_in(&mut file))),
        Err(TryLockError::Error(source)) => Err(StoreError::file("lock", &path)(source)),
    }
}

fn pid_in(file: &mut File) -> String {
    let mut text = String::new();
    // Whoever holds the lock may not have written its number yet.
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        Ok(_) | Err(_) => "?".to_owned(),
    }
}

/// Whether something is at the path; what cannot be looked at is not taken for absent.
pub(super) fn is_there(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(StoreError::file("look at", path))
}

/// Makes the directory, readable by its owner alone, if it is not there.
pub(super) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(StoreError::file("make", dir))
}

/// Makes an empty file, readable by its owner alone, if it is not there.
pub(super) fn make_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let made = options.append(true).create(true).mode(0o600).open(path);
    made.map(drop).map_err(StoreError::file("open", path))
}

/// Puts a file, or a directory's own entries, on disk.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StoreError::file("sync", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_the_lock_stops_no_start_and_an_owner_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let looking = File::create(dir.path().join("lock")).expect("the lock file");
        looking.lock_shared().expect("a look");
        let start = std::thread::spawn({
            let dir = dir.path().to_owned();
            move || Owner::of(&dir)
        });
        std::thread::sleep(PAUSE * 2);
        drop(looking);
        let _owner = start.join().expect("a start").expect("an owner");
        let refused = Owner::of(dir.path()).expect_err("one owner");
        let text = refused.to_string();
        assert!(text.contains(&std::process::id().to_string()), "{text}");
    }
}
