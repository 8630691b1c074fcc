//! Policy files on disk, and the copy that is built into the binary.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::policy::{MAX_FILE_BYTES, MAX_TOTAL_BYTES, Source};

/// What runs without configuration and without a file.
pub const DEFAULT_POLICY: &str = include_str!("../../policies/default.yaml");
/// Its test suite.
pub const DEFAULT_SUITE: &str = include_str!("../../policies/default.test.yaml");
/// The name under which findings and records speak of it.
pub const EMBEDDED_NAME: &str = "policies/default.yaml (built in)";
/// The most files of one folder.
const MAX_FILES: usize = 1_000;

/// Why a policy could not be read from disk.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The path or a file in it cannot be read.
    #[error("cannot read policy `{}`: {fault}; check the path given by POLICY_PATH or --policies", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the system says.
        fault: io::Error,
    },
    /// The folder holds nothing that could be a policy.
    #[error("no policy in `{}`: put a .yaml, .yml or .json file there", .0.display())]
    Empty(PathBuf),
    /// More than the gateway reads.
    #[error("too much policy in `{}`: at most 1,000 files of 1 MiB each, 8 MiB in all", .0.display())]
    TooMuch(PathBuf),
}

/// Reads a policy file, or the policy files of a folder in the order of their names.
///
/// Of a folder: `*.yaml`, `*.yml`, `*.json`, not below, without hidden files, tests, the schema and the lock.
///
/// # Errors
/// When nothing is there, something cannot be read, or it is too much to read.
pub fn read(path: &Path) -> Result<Vec<Source>, ReadError> {
    let unreadable = |fault| ReadError::Unreadable {
        path: path.to_owned(),
        fault,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        if is_policy(&entry) && entry.is_file() {
            paths.push(entry);
        }
    }
    if paths.is_empty() {
        return Err(ReadError::Empty(path.to_owned()));
    }
    if paths.len() > MAX_FILES {
        return Err(ReadError::TooMuch(path.to_owned()));
    }
    paths.sort();
    let mut total = 0;
    let mut sources = Vec::new();
    for file in &paths {
        let source = read_file(file)?;
        total += source.bytes().len();
        if total > MAX_TOTAL_BYTES {
            return Err(ReadError::TooMuch(path.to_owned()));
        }
        sources.push(source);
    }
    Ok(sources)
}

/// The test suites of a folder in the order of their names (`*.test.yaml`, not below), or the one file.
///
/// # Errors
/// When the path cannot be read.
pub fn suites(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let unreadable = |fault| ReadError::Unreadable {
        path: path.to_owned(),
        fault,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut suites = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let name = entry
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_suite = name.ends_with(".test.yaml")
            || name.ends_with(".test.yml")
            || name.ends_with(".test.json");
        if is_suite && !name.starts_with('.') && entry.is_file() {
            suites.push(entry);
        }
    }
    suites.sort();
    Ok(suites)
}

/// The policy that is built into the binary.
#[must_use]
pub fn embedded() -> Vec<Source> {
    vec![Source::new(EMBEDDED_NAME, DEFAULT_POLICY)]
}

/// Whether a file of a folder belongs to its policy.
#[must_use]
pub fn is_policy(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("yaml" | "yml" | "json"))
        && !name.starts_with('.')
        && !name.contains(".test.")
        && !matches!(name, "schema.json" | "policies.lock")
}

/// Reads one file, though never more than one byte above the limit: what is above is refused later, by name.
fn read_file(path: &Path) -> Result<Source, ReadError> {
    let unreadable = |fault| ReadError::Unreadable {
        path: path.to_owned(),
        fault,
    };
    let most = u64::try_from(MAX_FILE_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(Source::new(&path.display().to_string(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_policies_and_nothing_else() {
        let folder = tempfile::tempdir().expect("folder");
        let names = [
            ".hidden.yaml",
            "b.yaml",
            "a.json",
            "b.test.yaml",
            "c.yml",
            "notes.md",
            "policies.lock",
            "schema.json",
        ];
        for name in names {
            fs::write(folder.path().join(name), "x").expect("write");
        }
        fs::create_dir(folder.path().join("below.yaml")).expect("folder");
        let sources = read(folder.path()).expect("readable");
        let found: Vec<&str> = sources
            .iter()
            .filter_map(|source| source.name().rsplit('/').next())
            .collect();
        assert_eq!(found, ["a.json", "b.yaml", "c.yml"]);
    }

    #[test]
    fn an_empty_folder_and_a_missing_path_are_errors() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(matches!(read(folder.path()), Err(ReadError::Empty(_))));
        assert!(matches!(
            read(&folder.path().join("none")),
            Err(ReadError::Unreadable { .. })
        ));
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        let source = read_file(Path::new("/dev/zero")).expect("readable");
        assert_eq!(source.bytes().len(), MAX_FILE_BYTES + 1);
    }
}
