//! A client's file: changed whole or not at all, its mode kept, and what it said before kept beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::domain::Timestamp;

/// What stands between the name of a file and the time of its backup.
const BACKUP: &str = ".policyguard-backup-";
/// What the name of a backup ends with when there was no file.
const ABSENT: &str = "-absent";
/// The longest file; Claude Code keeps much more than settings in one of them.
const MOST: u64 = 64 * 1024 * 1024;

/// Why a file cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// The system refuses.
    #[error("`{0}`: {1}")]
    System(PathBuf, std::io::Error),
    /// A link whose end is not there.
    #[error("`{0}` is a link that leads nowhere; mend it or remove it")]
    Dangling(PathBuf),
    /// A directory, a pipe, or longer than a configuration.
    #[error("`{0}` is no file that a client would read")]
    NoFile(PathBuf),
    /// Nobody may write it.
    #[error("`{0}` is read-only; make it writable first (chmod u+w)")]
    ReadOnly(PathBuf),
    /// Somebody else wrote it while we were at it.
    #[error("`{0}` was changed by somebody else at this moment; nothing is written, try again")]
    Moved(PathBuf),
}

/// A client's file as it was found.
#[derive(Debug)]
pub(super) struct ClientFile {
    /// The file itself, behind every link.
    path: PathBuf,
    /// What it says; `None`: it is not there.
    text: Option<String>,
}

/// What a file was before it was changed.
#[derive(Debug)]
pub(super) struct Backup {
    /// Where it is kept.
    pub(super) path: PathBuf,
    /// What the file said; `None`: it was not there.
    pub(super) text: Option<String>,
}

impl ClientFile {
    /// Reads the file, if it is there.
    pub(super) fn open(path: &Path) -> Result<Self, FileFault> {
        let system = |fault| FileFault::System(path.to_owned(), fault);
        match fs::symlink_metadata(path) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => {
                return Ok(Self {
                    path: path.to_owned(),
                    text: None,
                });
            }
            Err(fault) => return Err(system(fault)),
            Ok(_) => {}
        }
        let real = match fs::canonicalize(path) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => {
                return Err(FileFault::Dangling(path.to_owned()));
            }
            other => other.map_err(system)?,
        };
        let metadata = fs::metadata(&real).map_err(system)?;
        if !metadata.is_file() || metadata.len() > MOST {
            return Err(FileFault::NoFile(path.to_owned()));
        }
        let text = fs::read_to_string(&real).map_err(system)?;
        Ok(Self {
            path: real,
            text: Some(text),
        })
    }

    /// The file itself, behind every link.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says; `None`: it is not there.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Makes the file say this; the path of what it said before.
    pub(super) fn write(&self, text: &str, now: Timestamp) -> Result<PathBuf, FileFault> {
        self.check_writable()?;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)
                .map_err(|fault| FileFault::System(folder.to_owned(), fault))?;
        }
        let backup = self.backup_path(now);
        self.create(&backup, self.text.as_deref().unwrap_or_default())?;
        let written = self.replace(text);
        if written.is_err() {
            drop(fs::remove_file(&backup));
        }
        written.map(|()| backup)
    }

    /// What the file was before it was changed last, if that is kept.
    pub(super) fn newest_backup(&self) -> Result<Option<Backup>, FileFault> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let system = |fault| FileFault::System(folder.to_owned(), fault);
        let start = format!("{}{BACKUP}", self.name());
        let entries = match fs::read_dir(folder) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(system)?,
        };
        let mut newest: Option<String> = None;
        for entry in entries {
            let name = entry.map_err(system)?.file_name();
            let name = name.to_string_lossy().into_owned();
            // The names hold the time, so that they sort as times do.
            if name.starts_with(&start) && newest.as_ref().is_none_or(|newest| *newest < name) {
                newest = Some(name);
            }
        }
        let Some(name) = newest else {
            return Ok(None);
        };
        let path = folder.join(&name);
        let text = if name.ends_with(ABSENT) {
            None
        } else {
            Self::open(&path)?.text
        };
        Ok(Some(Backup { path, text }))
    }

    /// Makes the file what it was; the backup is then used up.
    pub(super) fn restore(&self, backup: &Backup) -> Result<(), FileFault> {
        self.check_writable()?;
        self.check_unmoved()?;
        let system = |fault| FileFault::System(self.path.clone(), fault);
        if backup.text.is_some() {
            fs::rename(&backup.path, &self.path).map_err(system)
        } else {
            fs::remove_file(&self.path).map_err(system)?;
            fs::remove_file(&backup.path).map_err(system)
        }
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn backup_path(&self, now: Timestamp) -> PathBuf {
        let absent = if self.text.is_some() { "" } else { ABSENT };
        let time = now.to_string().replace([':', '-'], "");
        self.path
            .with_file_name(format!("{}{BACKUP}{time}{absent}", self.name()))
    }

    fn check_writable(&self) -> Result<(), FileFault> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.permissions().readonly() => {
                Err(FileFault::ReadOnly(self.path.clone()))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn check_unmoved(&self) -> Result<(), FileFault> {
        if Self::open(&self.path)?.text == self.text {
            Ok(())
        } else {
            Err(FileFault::Moved(self.path.clone()))
        }
    }

    /// Writes beside the file and puts that in its place, so that a client reads the old text or the new one.
    fn replace(&self, text: &str) -> Result<(), FileFault> {
        let new = format!(".{}.policyguard-{}", self.name(), std::process::id());
        let new = self.path.with_file_name(new);
        self.create(&new, text)?;
        let put = self.check_unmoved().and_then(|()| {
            fs::rename(&new, &self.path)
                .map_err(|fault| FileFault::System(self.path.clone(), fault))
        });
        if put.is_err() {
            drop(fs::remove_file(&new));
        }
        put
    }

    /// Creates a file with the mode and the owner of this one.
    fn create(&self, path: &Path, text: &str) -> Result<(), FileFault> {
        let like = fs::metadata(&self.path).ok();
        // Nobody else reads what may be for the owner alone before it has its mode.
        let mode = if like.is_some() { 0o600 } else { 0o644 };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let create = || -> std::io::Result<()> {
            let mut file: File = options.open(path)?;
            file.write_all(text.as_bytes())?;
            if let Some(like) = like {
                let own = file.metadata()?;
                if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
                    fchown(&file, Some(like.uid()), Some(like.gid()))?;
                }
                let mode = like.permissions().mode();
                file.set_permissions(fs::Permissions::from_mode(mode))?;
            }
            file.sync_all()
        };
        create().map_err(|fault| FileFault::System(path.to_owned(), fault))
    }
}
