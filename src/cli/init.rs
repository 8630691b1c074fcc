//! `init`: a folder with everything that a gateway can be told, to be changed from there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::config;
use crate::policy_admin::{DEFAULT_POLICY, DEFAULT_SUITE};

use super::output::{self, Format};
use super::{CliError, Exit};

/// `policyguard init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  policyguard init\n  policyguard init gateway && cd gateway && policyguard doctor"
)]
pub(super) struct InitArgs {
    /// Folder to write into
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Where each file goes, and what it is.
const FILES: [(&str, &str); 3] = [
    ("policyguard.yaml", "every setting, with what it means"),
    (
        "policies/default.yaml",
        "the policy that would hold without it",
    ),
    (
        "policies/default.test.yaml",
        "what that policy should answer",
    ),
];

/// Writes what is not there yet; nothing is written over.
pub(super) fn run(args: &InitArgs, format: Format) -> Result<Exit, CliError> {
    let settings = config::template();
    let texts = [settings.as_str(), DEFAULT_POLICY, DEFAULT_SUITE];
    let mut written = Vec::new();
    let mut kept = Vec::new();
    for ((name, about), text) in FILES.into_iter().zip(texts) {
        let file = args.folder.join(name);
        let made = write(&file, text).map_err(|fault| {
            CliError::Config(format!("cannot write `{}`: {fault}", file.display()))
        })?;
        let told = if made { &mut written } else { &mut kept };
        told.push((shown(&file), about));
    }
    let names = |files: &[(String, &str)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    let value = json!({ "written": names(&written), "kept": names(&kept) });
    output::print(format, &value, || {
        let rows = written.iter().map(|row| ("wrote", row));
        let rows = rows.chain(kept.iter().map(|row| ("kept ", row)));
        let mut lines: Vec<String> = rows
            .map(|(what, (name, about))| format!("{what}  {name:<28}  {about}"))
            .collect();
        lines.push(next(&args.folder));
        lines.join("\n")
    })?;
    Ok(Exit::Ok)
}

/// What to do now.
fn next(folder: &Path) -> String {
    let go = if folder == Path::new(".") {
        String::new()
    } else {
        format!("  cd {}\n", folder.display())
    };
    format!(
        "next:\n{go}  policyguard policy test policies   # does the policy answer as it should\n  \
         policyguard doctor                 # is all as it should be\n  \
         policyguard                        # serve"
    )
}

/// Writes a new file and syncs it; `false` when something is there already.
fn write(file: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(true)
        }
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(fault) => Err(fault),
    }
}

fn shown(file: &Path) -> String {
    let plain = file.strip_prefix(".").unwrap_or(file);
    plain.display().to_string()
}
