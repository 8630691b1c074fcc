//! Tells when policy files change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify_debouncer_full::notify::{self, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

/// How long files must be still before they are read again.
const STILL: Duration = Duration::from_millis(300);

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("the policy files at `{path}` cannot be watched: {source}")]
pub struct WatchError {
    path: PathBuf,
    source: notify::Error,
}

/// Watches for as long as it is kept.
pub type Watch = Debouncer<notify::RecommendedWatcher, RecommendedCache>;

/// Sends a word whenever something changed at the path.
///
/// The folder is watched and not the file: editors replace files, and a `ConfigMap` swaps a link.
///
/// # Errors
/// When the system cannot watch the folder.
pub fn watch(path: &Path, changed: mpsc::Sender<()>) -> Result<Watch, WatchError> {
    let fault = |source| WatchError {
        path: path.to_owned(),
        source,
    };
    let folder = if path.is_dir() {
        path
    } else {
        path.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    };
    let tell = move |events: DebounceEventResult| {
        let touched = events.is_ok_and(|events| events.iter().any(|event| !event.kind.is_access()));
        if touched {
            // A full channel already holds a word that nobody heard yet.
            let _ = changed.try_send(());
        }
    };
    let mut debouncer = new_debouncer(STILL, None, tell).map_err(fault)?;
    debouncer
        .watch(folder, RecursiveMode::NonRecursive)
        .map_err(fault)?;
    Ok(debouncer)
}
