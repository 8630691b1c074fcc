//! `backup` and `restore`: everything a data directory keeps, in one file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::config::Config;
use crate::storage::{self, StoreError};

use super::audit::{progress, verdict};
use super::client::{Find, without_traces};
use super::output::{self, Format};
use super::{CliError, Exit};

/// `policyguard backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  policyguard backup /backups/policyguard-monday.db\n  (umask 077; kubectl exec policyguard-0 -- policyguard backup - > monday.db)"
)]
pub(super) struct BackupArgs {
    /// File to write, which must not be there yet; `-` writes to standard output
    file: PathBuf,
}

/// `policyguard restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  policyguard restore /backups/policyguard-monday.db --data-dir restored"
)]
pub(super) struct RestoreArgs {
    /// A file that `policyguard backup` wrote; `-` reads standard input
    file: PathBuf,
}

/// Writes a backup, also while a gateway works on the data directory.
pub(super) fn back_up(
    find: &Find<'_>,
    args: &BackupArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let config = of_this_machine(find)?;
    if args.file == Path::new("-") {
        return to_stdout(&config.data_dir);
    }
    storage::back_up(&config.data_dir, &args.file)?;
    let bytes = fs::metadata(&args.file)?.len();
    let file = args.file.display().to_string();
    let shown = json!({ "file": file, "bytes": bytes });
    output::print(format, &shown, || {
        format!(
            "`{file}` holds all of `{}`, its key included: keep it as safe as the directory itself",
            config.data_dir.display()
        )
    })?;
    Ok(Exit::Ok)
}

/// The backup goes over the data directory, which a container can always write.
fn to_stdout(data_dir: &Path) -> Result<Exit, CliError> {
    let file = data_dir.join(format!("backup-{}", std::process::id()));
    storage::back_up(data_dir, &file)?;
    let opened = File::open(&file);
    // Before it is read: whatever ends this process leaves no copy behind.
    fs::remove_file(&file)?;
    io::copy(&mut opened?, &mut io::stdout())?;
    Ok(Exit::Ok)
}

/// Puts a backup into a data directory without a store, and has its trail say so.
pub(super) async fn restore(
    find: &Find<'_>,
    args: &RestoreArgs,
    format: Format,
) -> Result<Exit, CliError> {
    let config = of_this_machine(find)?;
    let report = storage::restore(&args.file, &config.data_dir, &mut progress)?;
    let shown = json!(report);
    if !report.intact {
        output::print(format, &shown, || verdict(&shown))?;
        return Ok(Exit::ChainBroken);
    }
    let app = App::open(&without_traces(config)).await.map_err(|fault| {
        let dir = config.data_dir.display();
        CliError::Config(format!("`{dir}` is restored, but does not open: {fault}"))
    })?;
    let head = super::output::member(&json!(report.head), "hash");
    let noted = app.note_restore(report.records, &head).await;
    app.close().await;
    noted.map_err(|fault| CliError::Unexpected(fault.to_string()))?;
    output::print(format, &shown, || {
        format!(
            "`{}` is restored; {}",
            config.data_dir.display(),
            verdict(&shown)
        )
    })?;
    Ok(Exit::Ok)
}

fn of_this_machine<'a>(find: &Find<'a>) -> Result<&'a Config, CliError> {
    if find.is_remote() {
        let text = "a backup is made where the data directory is; leave --url out";
        return Err(CliError::Usage(text.to_owned()));
    }
    Ok(find.config)
}

impl From<StoreError> for CliError {
    fn from(fault: StoreError) -> Self {
        Self::Config(fault.to_string())
    }
}
