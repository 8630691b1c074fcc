//! `man`: the manual pages, made of the same words as `--help`.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Command};

use super::{CliError, Exit};

/// `policyguard man`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  policyguard man | man -l -\n  policyguard man --out ~/.local/share/man/man1"
)]
pub(super) struct ManArgs {
    /// Write the page of every command into this folder, instead of the first page to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(command: Command, args: &ManArgs) -> Result<Exit, CliError> {
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder)?;
        clap_mangen::generate_to(command, folder)?;
        return Ok(Exit::Ok);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    std::io::stdout().write_all(&page)?;
    Ok(Exit::Ok)
}
